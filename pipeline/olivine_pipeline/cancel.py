"""Stopping a run: the first signal asks, the second ends at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from .errors import Cancelled

EXIT_CANCELLED = 130
_STEP = 0.05
GRACE_SECONDS = 1.0
"""How long a run that was asked to stop may take where nothing is worth saving."""


class Cancel:
    """A request to stop, which long work looks at; callbacks reach what cannot look, such as a child process."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._saving = 0

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

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Work after whose start a stop must wait for `check`, for something is worth saving."""
        self._saving += 1
        try:
            yield
        finally:
            self._saving -= 1

    def ended(self) -> None:
        """The run has ended by itself: a stop that is asked for from now on cuts nothing short."""
        self._saving += 1

    def leave_after(self, last_words: Callable[[], None]) -> None:
        """Once a stop is asked for, end this process with 130 where it does not end by itself and saves nothing.

        For native code that cannot look, such as the import of a library. `last_words` may take half a second.
        """
        # In a thread of its own: a signal handler may interrupt the very write that is to come.
        self.on_request(lambda: threading.Thread(target=self._leave, args=(last_words,), daemon=True).start())

    def _leave(self, last_words: Callable[[], None]) -> None:
        left = GRACE_SECONDS
        while left > 0:
            time.sleep(_STEP)
            left = GRACE_SECONDS if self._saving else left - _STEP
        telling = threading.Thread(target=last_words, daemon=True)
        telling.start()
        telling.join(GRACE_SECONDS / 2)  # a display may be stuck
        kill_children()
        os._exit(EXIT_CANCELLED)

    def install(self) -> None:
        """Take SIGINT and SIGTERM: the first asks, the second ends this process at once with 130."""

        def handle(signum: int, frame: FrameType | None) -> None:
            if self.requested:
                os._exit(EXIT_CANCELLED)
            self.request()

        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), handle)


def kill_children() -> None:
    """End every process that this one has started, and theirs."""
    import psutil

    with suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
