"""Keeping what was read of files until they change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
Stamp = tuple[tuple[int, int], ...]

AT_MOST = 64
"""Entries that are kept; the one unused for longest goes first."""


class Kept(Generic[T]):
    """Results of reading files, by path; read again when a size or a time of change differs."""

    def __init__(self, read: Callable[[tuple[Path, ...], str], T | None]) -> None:
        self._read = read
        self._entries: OrderedDict[tuple[tuple[Path, ...], str], tuple[Stamp, T | None]] = OrderedDict()
        self._lock = Lock()

    def get(self, paths: tuple[Path, ...], how: str) -> T | None:
        """What `read(paths, how)` gives for the files as they are now. OSError where one is not there."""
        stamp = tuple((status.st_mtime_ns, status.st_size) for status in (path.stat() for path in paths))
        key = (paths, how)
        with self._lock:
            entry = self._entries.get(key)
            if entry and entry[0] == stamp:
                self._entries.move_to_end(key)
                return entry[1]
        value = self._read(paths, how)
        with self._lock:
            self._entries[key] = (stamp, value)
            while len(self._entries) > AT_MOST:
                self._entries.popitem(last=False)
        return value
