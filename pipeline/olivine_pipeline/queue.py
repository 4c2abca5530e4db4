"""Runs that want the same device take turns, in the order they came.

There is no daemon: a waiting run is a live process. Each draws a numbered ticket, a file that it holds locked while it
lives, and goes once fewer than so many living tickets are older. The lock of a process that died is free.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

AT_ONCE_VARIABLE = "OLIVINE_AT_ONCE"
_TICKET = re.compile(r"(\d{9})-(.+)")


@dataclass(frozen=True)
class Ticket:
    """A place in the queue of a device."""

    path: Path
    lock: FileLock

    def ahead(self) -> list[str]:
        """The living runs that came before, oldest first. Raises OSError."""
        with _desk(self.path.parent):
            older = (path for path in _tickets(self.path.parent) if path.name < self.path.name)
            return [path.name.partition("-")[2] for path in older if _is_held(path)]

    def give_back(self) -> None:
        """Leave the queue."""
        self.lock.release()
        with suppress(OSError):
            self.path.unlink()


def draw(device: str, run: str) -> Ticket:
    """Join the queue of a device as the run with this id. Raises OSError."""
    from platformdirs import user_state_path

    folder = user_state_path("olivine", appauthor=False) / "queue" / device
    folder.mkdir(parents=True, exist_ok=True)
    with _desk(folder):
        last = max((int(path.name[:9]) for path in _tickets(folder)), default=0)
        path = folder / f"{last + 1:09}-{run}"
        lock = FileLock(path, timeout=0)
        lock.acquire()
        return Ticket(path, lock)


def at_once(wanted: int | None) -> int:
    """How many runs may use a device at once: as wanted, else as the environment says, else one."""
    text = os.environ.get(AT_ONCE_VARIABLE, "")
    return wanted or (int(text) if text.isdecimal() and int(text) else 1)


def _desk(folder: Path) -> FileLock:
    """Held for a moment by whoever draws a ticket or looks at those of others."""
    return FileLock(folder / ".desk", timeout=10)


def _tickets(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _TICKET.fullmatch(path.name))


def _is_held(path: Path) -> bool:
    """Whether the ticket's process lives; a dead one's ticket goes."""
    try:
        with FileLock(path, timeout=0):
            with suppress(OSError):  # Windows removes no open file; the lock does so when it is given back
                path.unlink()
            return False
    except Timeout:
        return True
