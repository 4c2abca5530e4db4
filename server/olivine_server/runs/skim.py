"""Reading from a long event file only what a summary cannot do without.

Nearly all events of a long run are steps: progress, metrics, lines of log. Of these the last ones matter. The others
are few, and are found without looking at every line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from olivine_schemas.ledger.follow import Follower
from olivine_schemas.runs import Event, load_event

RECENT = 1 << 18
"""Bytes at the end of a file that are read event by event."""

_CHUNK = 1 << 20
_MARKS = (b'"type": "run-', b'"type": "pass-', b'"type": "evaluated"', b'"type": "artifact"', b'"type": "warning"')


def milestones(path: Path, end: int | None = None) -> Iterator[Event]:
    """The events of a file, up to byte `end`, other than progress, metrics and log, in constant memory."""
    left = end if end is not None else _size(path)
    rest = b""
    with suppress(OSError), path.open("rb", buffering=0) as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            text = rest + chunk
            whole = text.rfind(b"\n") + 1
            yield from _found(text[:whole])
            rest = text[whole:] if len(text) - whole < _CHUNK else b""


def catch_up(follower: Follower) -> Iterator[Event]:
    """What a follower that has read nothing yet has missed; it goes on from there."""
    follower.offset = _line_start(follower.path, _size(follower.path) - RECENT)
    yield from milestones(follower.path, follower.offset)
    yield from follower.new_events()


def _line_start(path: Path, near: int) -> int:
    """Where the first line after byte `near` starts; 0 where that is before the file or no line ends there."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, near))
        return near + len(file.readline(_CHUNK)) if near > 0 else 0
    return 0


def _found(text: bytes) -> Iterator[Event]:
    """The milestones in whole lines."""
    starts: set[int] = set()
    for mark in _MARKS:
        at = text.find(mark)
        while at >= 0:
            starts.add(text.rfind(b"\n", 0, at) + 1)
            at = text.find(mark, at + 1)
    for start in sorted(starts):
        line = text[start : text.find(b"\n", start)]
        if event := load_event(line.decode("utf-8", "replace")):
            yield event


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
