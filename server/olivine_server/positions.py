"""Offsets to the protocol's positions and back, in the units that client and server agreed on."""

from __future__ import annotations

from typing import Any

from olivine_schemas.lines import LineIndex, Units
from olivine_schemas.problems import Edit, Span

ENCODINGS: tuple[Units, ...] = ("utf-8", "utf-16", "utf-32")


def negotiated(offered: Any) -> Units:
    """The first encoding that the client offers and we know; utf-16, which every client knows, where it offers none."""
    known = [encoding for encoding in ENCODINGS if isinstance(offered, list) and encoding in offered]
    return min(known, key=offered.index) if known else "utf-16"


class Positions:
    """Positions in one text."""

    def __init__(self, lines: LineIndex, units: Units) -> None:
        self._lines = lines
        self._units = units

    def position(self, offset: int) -> dict[str, int]:
        """The position of an offset."""
        line, column = self._lines.position(offset)
        plain = self._lines.plain
        return {"line": line, "character": column if plain else self._lines.column_in(self._units, line, column)}

    def offset(self, position: dict[str, int]) -> int:
        """The offset of a position."""
        line = position["line"]
        return self._lines.offset(line, self._lines.column_from(self._units, line, position["character"]))

    def range(self, span: Span) -> dict[str, Any]:
        """The range of a span."""
        return {"start": self.position(span.start), "end": self.position(span.end)}

    def span(self, range_: dict[str, Any]) -> Span:
        """The span of a range; one that is the wrong way round is turned."""
        ends = sorted((self.offset(range_["start"]), self.offset(range_["end"])))
        return Span(*ends)

    def text_edits(self, edits: tuple[Edit, ...] | list[Edit]) -> list[dict[str, Any]]:
        """Edits as the protocol has them."""
        return [{"range": self.range(edit.span), "newText": edit.text} for edit in edits]
