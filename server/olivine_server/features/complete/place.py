"""Where an item goes: what it replaces, the commas it needs, and how it is laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from olivine_schemas.edits import indent_unit, line_end
from olivine_schemas.problems import Edit, Span
from olivine_schemas.tree import Array, Missing, Object

from .items import insertion, render

_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_BREAK = re.compile(r"[\r\n]")


@dataclass(frozen=True)
class Place:
    """Room for one member of an object, or one item of an array."""

    span: Span
    """What is replaced."""
    comma_before: int | None
    """Where a comma is missing before it."""
    comma_after: bool
    """Whether it needs a comma of its own."""
    newline: str | None
    """Line break and indentation at the place; None where everything stands on one line."""
    unit: str
    around: tuple[str, str] = ("", "")
    """What opens and closes lines of its own for what nests, in a container that is empty so far."""

    def edits(self, value: Any, key: str | None = None) -> tuple[Edit, tuple[Edit, ...]]:
        """The edit that puts a value here, after its key if it has one, and the edits beside it."""
        nests = isinstance(value, (dict, list)) and bool(value)
        start, end = self.around if nests else ("", "")
        text = render(value, (start or self.newline) if nests else None, self.unit)
        return self.edit(start + (text if key is None else f"{render(key, None, '')}: {text}"), end)

    def edit(self, text: str, end: str = "") -> tuple[Edit, tuple[Edit, ...]]:
        """The edit that puts a text here, and the edits beside it."""
        text += ("," if self.comma_after else "") + end
        if self.comma_before is None:
            return Edit(self.span, text), ()
        if self.comma_before == self.span.start:
            return Edit(self.span, ", " + text), ()
        return Edit(self.span, text), (insertion(self.comma_before, ","),)


def place(text: str, container: Object | Array, offset: int, token: Span | None) -> Place | None:
    """The place at an offset between the siblings in `container`; None where the one before is not finished."""
    span = token or Span(offset, offset)
    siblings = _spans(container)
    before = [sibling for sibling in siblings if sibling.end <= span.start and sibling != token]
    after = [sibling for sibling in siblings if sibling.start >= span.end and sibling != token]
    missing_before = bool(before) and not _comma_in(text, before[-1].end, span.start)
    if missing_before and _unfinished(container, before[-1]):
        return None
    missing_after = bool(after) and not _comma_in(text, span.end, after[0].start)
    unit = indent_unit(text)
    several_lines = bool(_BREAK.search(text, container.span.start, span.start))
    newline = line_end(text) + _indent(text, span.start) if several_lines else None
    around = ("", "")
    if not siblings and token is None and not several_lines and _BREAK.search(text) and container.closed:
        gap = Span(container.span.start + 1, container.span.end - 1)
        if not text[gap.start : gap.end].strip(" \t"):
            outer = line_end(text) + _indent(text, offset)
            span, around = gap, (outer + unit, outer)
    return Place(span, before[-1].end if missing_before else None, missing_after, newline, unit, around)


def value_place(text: str, container: Object | Array, offset: int, token: Span | None) -> Place:
    """The place of the value of a member whose key and colon are there."""
    span = token or Span(offset, offset)
    after = [sibling for sibling in _spans(container) if sibling.start >= span.end and sibling != token]
    missing_after = bool(after) and not _comma_in(text, span.end, after[0].start)
    several_lines = bool(_BREAK.search(text, container.span.start, span.start))
    newline = line_end(text) + _indent(text, span.start) if several_lines else None
    return Place(span, None, missing_after, newline, indent_unit(text))


def _spans(container: Object | Array) -> list[Span]:
    if isinstance(container, Array):
        return [item.span for item in container.items]
    return [
        Span(member.key.span.start, max(member.key.span.end, member.value.span.end)) for member in container.members
    ]


def _unfinished(container: Object | Array, span: Span) -> bool:
    """Whether the member at `span` has no value yet."""
    members = container.members if isinstance(container, Object) else []
    return any(member.key.span.start == span.start and isinstance(member.value, Missing) for member in members)


def _comma_in(text: str, start: int, end: int) -> bool:
    return "," in _COMMENT.sub("", text[start:end])


def _indent(text: str, offset: int) -> str:
    """The indentation of the line that an offset is on."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    match = re.compile(r"[ \t]*").match(text, start, offset)
    return match[0] if match else ""
