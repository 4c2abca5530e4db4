"""Things that go wrong on request: answers in place of the real one, and connections that are cut."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """The next `times` requests of this method whose path matches get `status` and `body`; `times` counts down."""

    method: str
    path: str
    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    after: bool = False
    """Do what was asked before answering wrongly: the client cannot know."""


@dataclass
class Cut:
    """The next `times` connections to a host end after so many bytes towards the client, or towards the server.

    With `seconds` they stand still for so long before.
    """

    host: str
    bytes: int
    upwards: bool = False
    times: int = 1
    seconds: float = 0


class Faults:
    """What is to go wrong, in the order it was asked for."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._cuts: list[Cut] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault | Cut) -> None:
        """Let these go wrong from now on."""
        with self._lock:
            self._faults += [fault for fault in faults if isinstance(fault, Fault)]
            self._cuts += [fault for fault in faults if isinstance(fault, Cut)]

    def clear(self) -> None:
        """Let all go well again."""
        with self._lock:
            self._faults, self._cuts = [], []

    @property
    def left(self) -> int:
        """How many times something is still to go wrong."""
        with self._lock:
            return sum(fault.times for fault in [*self._faults, *self._cuts])

    def answer(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets."""
        with self._lock:
            for fault in self._faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def cut(self, host: str) -> Cut | None:
        """The cut that a connection to `host` meets."""
        with self._lock:
            for cut in self._cuts:
                if cut.times and cut.host in host:
                    cut.times -= 1
                    return cut
        return None


def azure_error(code: str, message: str) -> dict[str, Any]:
    """The body of an error answer of Azure."""
    return {"error": {"code": code, "message": message, "details": [], "additionalInfo": []}}
