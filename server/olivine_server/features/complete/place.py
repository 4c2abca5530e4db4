"""Where an item goes: what it replaces, the commas it needs, and how it is laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from olivine_schemas.edits import indent_unit, line_end
from olivine_schemas.problems import Edit, Span
from olivine_schemas.tree import Array, Missing, Object

from .items import insertion, render

_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(r"[ \t]*")
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
    """What gives it a line of its own."""
    lead: str = ""
    """What keeps its place before it."""
    only_blocks: bool = False
    """Whether `around` is for blocks only: names in a list stay on its line."""

    def edits(self, value: Any, key: str | None = None) -> tuple[Edit, tuple[Edit, ...]]:
        """The edit that puts a value here, after its key if it has one, and the edits beside it."""
        nests = isinstance(value, (dict, list)) and bool(value)
        start, end = self.around if nests or not self.only_blocks else ("", "")
        text = render(value, self.newline if nests else None, self.unit)
        return self.edit(start + (text if key is None else f"{render(key, None, '')}: {text}"), end)

    def edit(self, text: str, end: str = "") -> tuple[Edit, tuple[Edit, ...]]:
        """The edit that puts a text here, and the edits beside it."""
        text = self.lead + text + ("," if self.comma_after else "") + end
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
    comma = before[-1].end if missing_before else None
    here = Place(span, comma, missing_after, _newline(text, container, span), indent_unit(text))
    if token is None and here.newline is not None and not text[_line(text, offset) : offset].strip(" \t"):
        indent = _indent(text, siblings[0].start) if siblings else _indent(text, container.span.start) + here.unit
        return _on_own_line(text, here, indent)
    if not siblings and token is None and here.newline is None and _BREAK.search(text) and container.closed:
        return _opened(text, here, container)
    return here


def _on_own_line(text: str, here: Place, indent: str) -> Place:
    """The place on a line with nothing before the cursor: indented, and alone on it."""
    before = _indent(text, here.span.start)
    rest = _SPACE.match(text, here.span.start)
    end = rest.end() if rest else here.span.start
    alone = end == len(text) or text[end] in "\r\n"
    after = "" if alone else line_end(text) + _indent(text, end)
    span = here.span if alone else Span(here.span.start, end)
    return replace(here, span=span, newline=line_end(text) + indent, around=(indent[len(before) :], after))


def _opened(text: str, here: Place, container: Object | Array) -> Place:
    """The place in empty brackets, which are drawn apart."""
    gap = Span(container.span.start + 1, container.span.end - 1)
    if text[gap.start : gap.end].strip(" \t"):
        return here
    outer = line_end(text) + _indent(text, gap.start)
    around = (outer + here.unit, outer)
    return replace(here, span=gap, newline=around[0], around=around, only_blocks=isinstance(container, Array))


def value_place(text: str, container: Object | Array, offset: int, token: Span | None) -> Place:
    """The place of the value of a member whose key and colon are there."""
    span = token or Span(offset, offset)
    after = [sibling for sibling in _spans(container) if sibling.start >= span.end and sibling != token]
    missing_after = bool(after) and not _comma_in(text, span.end, after[0].start)
    return Place(span, None, missing_after, _newline(text, container, span), indent_unit(text))


def _newline(text: str, container: Object | Array, span: Span) -> str | None:
    """The line break with the indentation at a place; None where the container is on one line so far."""
    several_lines = _BREAK.search(text, container.span.start, span.start)
    return line_end(text) + _indent(text, span.start) if several_lines else None


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


def _line(text: str, offset: int) -> int:
    """Where the line of an offset starts."""
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _indent(text: str, offset: int) -> str:
    """The indentation of the line that an offset is on."""
    match = _SPACE.match(text, _line(text, offset), offset)
    return match[0] if match else ""
