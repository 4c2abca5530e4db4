"""Reading an event file while it is written, in constant memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path

from olivine_schemas.runs import Event, load_event

CHUNK = 1 << 18
LONGEST_LINE = 1 << 20
"""A longer line is no event."""


@dataclass
class Follower:
    """Yields the events that were appended since it was last asked; a torn last line waits for its end."""

    path: Path
    offset: int = 0
    _rest: bytes = field(default=b"", repr=False)
    _file: tuple[int, int] | None = None
    _lines: deque[bytes] = field(default_factory=deque, repr=False)
    """Whole lines that nobody has asked for yet."""

    def new_events(self) -> Iterator[Event]:
        """The events up to now; none where there is no file. One that was cut or replaced is read from its start."""
        yield from self._events()
        try:
            with self.path.open("rb", buffering=0) as file:
                yield from self._read(file)
        except OSError:
            return

    def skip_to_last(self, size: int) -> None:
        """Leave out all but the last `size` bytes, and the line that is cut by that."""
        with suppress(OSError):
            whole = self.path.stat().st_size
            if whole > self.offset + size:
                self.offset, self._rest = whole - size, b"\0"  # what follows completes a line that is no event

    def skip_to(self, offset: int) -> None:
        """Leave out what is before an `end_of_lines` of earlier; nothing where the file is shorter now."""
        with suppress(OSError):
            self.offset = offset if offset <= self.path.stat().st_size else 0

    @property
    def end_of_lines(self) -> int:
        """Where the last whole line that was read ends, in bytes."""
        return self.offset - len(self._rest)

    def _read(self, file: RawIOBase) -> Iterator[Event]:
        status = os.fstat(file.fileno())
        if self._file not in (None, (status.st_dev, status.st_ino)) or status.st_size < self.offset:
            self.offset, self._rest = 0, b""
        self._file = status.st_dev, status.st_ino
        file.seek(self.offset)
        while chunk := file.read(CHUNK):
            self.offset += len(chunk)
            *lines, rest = (self._rest + chunk).split(b"\n")
            self._rest = rest if len(rest) <= LONGEST_LINE else b"\0"
            self._lines.extend(lines)
            yield from self._events()

    def _events(self) -> Iterator[Event]:
        while self._lines:
            if event := load_event(self._lines.popleft().decode("utf-8", "replace")):
                yield event
