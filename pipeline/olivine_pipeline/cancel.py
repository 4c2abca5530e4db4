"""Stopping a run: the first signal asks, the second ends at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from .errors import Cancelled

EXIT_CANCELLED = 130


class Cancel:
    """A request to stop, which long work looks at; callbacks reach what cannot look, such as a child process."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self) -> None:
        """Ask the run to stop."""
        self._event.set()
        for callback in list(self._callbacks):
            callback()

    def check(self) -> None:
        """Raise `Cancelled` once a stop was asked for."""
        if self.requested:
            raise Cancelled

    def on_request(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when a stop is asked for, at once if it was; returns a function that forgets it."""
        self._callbacks.append(callback)
        if self.requested:
            callback()
        return lambda: self._callbacks.remove(callback)

    def install(self) -> None:
        """Take SIGINT and SIGTERM: the first asks, the second ends this process at once with 130."""

        def handle(signum: int, frame: FrameType | None) -> None:
            if self.requested:
                os._exit(EXIT_CANCELLED)
            self.request()

        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), handle)
