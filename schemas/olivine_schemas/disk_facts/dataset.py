"""Columns, rows and text of data files, from their first megabytes, as the loaders of `datasets` understand them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from olivine_schemas.facts import DatasetFacts

SAMPLE = 2 << 20
"""Bytes of each file that are read."""
FILES = 16
"""Files of one dataset that are read."""


def read_dataset(paths: tuple[Path, ...], loader: str) -> DatasetFacts | None:
    """What the files hold; None for a loader, or a file, that is not looked into."""
    read = _READERS.get(loader)
    if read is None or any(path.suffix.lower() in _PACKED for path in paths):
        return None
    columns: dict[str, int] = {}
    rows, complete = 0, len(paths) <= FILES
    for path in islice(paths, FILES):
        whole = True
        try:
            text, whole = _sample(path)
            for row in read(text, whole):
                rows += 1
                for name, value in row.items():
                    columns[name] = columns.get(name, 0) + _text_bytes(value)
        except _UnreadableError as error:
            return DatasetFacts(tuple(columns), rows, columns, whole, unreadable=f"{path.name}{error}")
        except csv.Error:
            return None  # Python's reader has limits that the loader does not have
        complete = complete and whole
    return DatasetFacts(tuple(columns), rows, columns, complete)


class _UnreadableError(Exception):
    """A file is not what it is read as; the message follows the file's name."""


_PACKED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4"})


def _sample(path: Path) -> tuple[str, bool]:
    """The beginning of a file up to the end of a line, and whether that is all of it."""
    with path.open("rb") as file:
        data = file.read(SAMPLE + 1)
    if len(data) <= SAMPLE:
        return _decode(data, path), True
    end = data.rfind(b"\n", 0, SAMPLE) + 1
    return _decode(data[: end or SAMPLE], path, cut=not end), False


def _decode(data: bytes, path: Path, cut: bool = False) -> str:
    try:
        return data.decode("utf-8-sig", errors="ignore" if cut else "strict")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        # Left to the loader's encoding option, which only the loader knows.
        if b"\x00" in data[:4096]:
            return ""
        raise _UnreadableError(f", line {line}: it is not UTF-8 text") from None


def _json_rows(text: str, whole: bool) -> Iterator[dict[str, Any]]:
    """The objects of an array, or objects one after another; where the sample ends inside one, that one is left out."""
    position = _after_space(text, 0)
    array = text.startswith("[", position)
    position += array
    while (position := _after_space(text, position)) < len(text):
        if array and text[position] == "]":
            return
        try:
            value, position = _DECODER.raw_decode(text, position)
        except ValueError as error:
            if whole:
                raise _unreadable(text, getattr(error, "pos", position), getattr(error, "msg", "")) from None
            return
        yield value if isinstance(value, dict) else {"text": value}
        position = _after_comma(text, position) if array else position
    if array and whole:
        raise _unreadable(text, len(text), "the closing ] is missing")


def _after_comma(text: str, position: int) -> int:
    """Where the next value of an array, or its end, is to be."""
    position = _after_space(text, position)
    if text.startswith("]", position) or position == len(text):
        return position
    if text[position] != ",":
        raise _unreadable(text, position, "a comma is missing")
    following = _after_space(text, position + 1)
    if text.startswith("]", following):
        raise _unreadable(text, position, "there is a comma too many")
    return following


def _after_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position


def _unreadable(text: str, position: int, reason: str) -> _UnreadableError:
    return _UnreadableError(f", line {text.count(chr(10), 0, position) + 1}: it is not JSON ({reason})")


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")


def _csv_rows(text: str, whole: bool) -> Iterator[dict[str, Any]]:
    reader = csv.reader(io.StringIO(text))
    header = next(reader, None)
    for row in reader:
        if row and header:
            yield dict(zip(header, row, strict=False))


def _text_rows(text: str, whole: bool) -> Iterator[dict[str, Any]]:
    lines = text.split("\n")
    yield from ({"text": line} for line in (lines[:-1] if lines[-1] == "" else lines))


_READERS = {"json": _json_rows, "csv": _csv_rows, "text": _text_rows}


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    return 0 if value is None else len(str(value).encode("utf-8", "surrogatepass"))
