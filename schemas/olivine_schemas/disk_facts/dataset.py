"""Columns, rows and text of data files, from their first megabytes, as the loaders of `datasets` understand them."""

from __future__ import annotations

import csv
import io
import json
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
            for row in read(text, whole, path):
                rows += 1
                for name, value in row.items():
                    columns[name] = columns.get(name, 0) + _text_bytes(value)
        except _UnreadableError as error:
            return DatasetFacts(tuple(columns), rows, columns, whole, unreadable=f"{path.name}{error}")
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


def _json_rows(text: str, whole: bool, path: Path) -> Iterator[dict[str, Any]]:
    start = text.lstrip()[:1]
    if start == "[":
        yield from _array_rows(text, text.index("[") + 1, whole)
    elif start == "{" and _is_document(text):
        yield from _document_rows(text)
    else:
        yield from _line_rows(text)


def _is_document(text: str) -> bool:
    """Whether the text is one object that spans several lines, or one line that holds the rows in a field."""
    first = text.lstrip().partition("\n")[0]
    try:
        json.loads(first)
    except ValueError:
        return not first.rstrip().endswith("}") or first.count("{") > first.count("}")
    return False


def _line_rows(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _row(_loads(line, number), number)


def _loads(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise _UnreadableError(f", line {number}: {_reason(error)}") from None


def _row(value: Any, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _UnreadableError(f", line {number}: every row must be an object, with a value for each column")
    return value


def _array_rows(text: str, position: int, whole: bool) -> Iterator[dict[str, Any]]:
    """The objects of an array one by one; where the sample ends inside one, that one is left out."""
    decoder = json.JSONDecoder()
    while True:
        while position < len(text) and (text[position].isspace() or text[position] == ","):
            position += 1
        if position >= len(text) or text[position] == "]":
            if position >= len(text) and whole:
                raise _UnreadableError(": the closing ] is missing")
            return
        start = position
        try:
            value, position = decoder.raw_decode(text, position)
        except ValueError as error:
            if whole:
                line = text.count("\n", 0, getattr(error, "pos", start)) + 1
                raise _UnreadableError(f", line {line}: {_reason(error)}") from None
            return
        yield value if isinstance(value, dict) else _row(value, text.count("\n", 0, start) + 1)


def _document_rows(text: str) -> Iterator[dict[str, Any]]:
    """One object over several lines: a list of rows in a field, or one row after another, pretty-printed."""
    try:
        value = json.loads(text)
    except ValueError:
        yield from _array_rows(text + "]", 0, whole=False)
        return
    rows = next((rows for rows in value.values() if _is_rows(rows)), None)
    yield from rows if rows is not None else [value]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _csv_rows(text: str, whole: bool, path: Path) -> Iterator[dict[str, Any]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        header = next(reader, None)
        for row in reader:
            if row and header:
                yield dict(zip(header, row, strict=False))
    except csv.Error as error:
        raise _UnreadableError(f", line {reader.line_num}: {error}") from None


def _text_rows(text: str, whole: bool, path: Path) -> Iterator[dict[str, Any]]:
    lines = text.split("\n")
    yield from ({"text": line} for line in (lines[:-1] if lines[-1] == "" else lines))


_READERS = {"json": _json_rows, "csv": _csv_rows, "text": _text_rows}


def _reason(error: Exception) -> str:
    return f"it is not JSON ({getattr(error, 'msg', error)})"


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    return 0 if value is None else len(str(value).encode("utf-8", "surrogatepass"))
