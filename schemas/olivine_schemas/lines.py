"""Offsets to lines and columns and back, also in the units that editors count columns in."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import Literal

Units = Literal["utf-8", "utf-16", "utf-32"]

_LINE_END = re.compile(r"\r\n|\n|\r")


class LineIndex:
    """Where the lines of a text start; they end at \\n, \\r\\n or \\r only, as editors have it.

    Lines and columns count from 0, columns in Python string positions unless `units` says otherwise. What lies outside
    the text is moved to the nearest place inside.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def starts(self) -> list[int]:
        """The offset at which each line starts."""
        if "\r" not in self.text:
            return list(accumulate((len(line) + 1 for line in self.text.split("\n")[:-1]), initial=0))
        return [0, *[match.end() for match in _LINE_END.finditer(self.text)]]

    @cached_property
    def plain(self) -> bool:
        """Whether a column is the same in all units, and every line ends at \\n."""
        return self.text.isascii() and "\r" not in self.text

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self.starts, offset) - 1
        return line, offset - self.starts[line]

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column."""
        if line < 0 or line >= len(self.starts):
            return 0 if line < 0 else len(self.text)
        return self.starts[line] + min(max(column, 0), len(self.line(line)))

    def line(self, line: int) -> str:
        """The text of a line without its end."""
        end = self.starts[line + 1] if line + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[line] : end].rstrip("\r\n")

    def column_in(self, units: Units, line: int, column: int) -> int:
        """The column of a Python string position, counted in `units`."""
        before = self.line(line)[:column] if line < len(self.starts) else ""
        return len(before) if units == "utf-32" or before.isascii() else sum(_width(char, units) for char in before)

    def column_from(self, units: Units, line: int, column: int) -> int:
        """The Python string position of a column counted in `units`; in the middle of a character it is before it."""
        text = self.line(line) if line < len(self.starts) else ""
        if units == "utf-32" or text.isascii():
            return min(column, len(text))
        used = 0
        for position, char in enumerate(text):
            used += _width(char, units)
            if used > column:
                return position
        return len(text)


def _width(char: str, units: Units) -> int:
    """How many units a character takes."""
    if units == "utf-16":
        return 2 if char > "\uffff" else 1
    return 1 if char < "\x80" else 2 if char < "\u0800" else 3 if char <= "\uffff" else 4
