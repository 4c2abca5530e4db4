"""The text edits that quick fixes are made of: small, right in their commas, and gentle to comments and indentation."""

from __future__ import annotations

import json
import re
from typing import Any

from .problems import Edit, Span
from .tree import Member, Missing, Node, Object

_GAP = re.compile(r"(?:\s|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_INDENT = re.compile(r"[\r\n]([ \t]+)[^ \t\r\n]")
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\r\n]*)?(?=[\r\n]|\Z)")
_COMMENTS_ON_LINE = re.compile(r"(?:[ \t]*/\*[^\r\n]*?\*/)*(?:[ \t]*//[^\r\n]*)?")
_NEWLINE = re.compile(r"\r\n|\n|\r")
_dumps = json.JSONEncoder(ensure_ascii=False).encode


def rename_key(member: Member, new: str) -> tuple[Edit, ...]:
    """Give a member another key."""
    return (Edit(member.key.span, _dumps(new)),)


def replace_value(node: Node, value: Any) -> tuple[Edit, ...]:
    """Put a plain Python value in the place of a node, on one line."""
    return (Edit(node.span, _dumps(value)),)


def remove_member(text: str, container: Object, member: Member) -> tuple[Edit, ...]:
    """Take a member out of its object, with its comma and, if nothing else is there, its line."""
    spans = [Span(each.key.span.start, _end_of(each)) for each in container.members]
    index = next(i for i, each in enumerate(container.members) if each is member)
    span = spans[index]
    comma = _comma_after(text, span.end)
    edits = []
    if index == len(spans) - 1 and index > 0:
        before = _comma_after(text, spans[index - 1].end)
        if before is not None and before < span.start:
            edits.append(Edit(Span(before, before + 1), ""))
    end = span.end
    if comma is not None:
        if text[span.end : comma].strip():
            edits.append(Edit(Span(comma, comma + 1), ""))
        else:
            end = comma + 1
    edits.append(Edit(_with_space(text, span.start, end), ""))
    return tuple(edits)


def insert_member(text: str, container: Object, key: str, value: Any) -> tuple[Edit, ...]:
    """Add a member after the last one, in the manner of the object: on the same line, or on lines of its own."""
    inside = container.span.start + 1
    first = container.members[0].key.span.start if container.members else container.span.end
    several_lines = bool(_NEWLINE.search(text, inside, first)) or (
        not container.members and bool(value) and _nests(value)
    )
    if not several_lines:
        return _insert_on_line(text, container, f"{_dumps(key)}: {_dumps(value)}")
    newline = line_end(text)
    outer = _indent_at(text, container.span.start)
    own = _indent_at(text, first) if container.members else outer + indent_unit(text)
    lines = json.dumps(value, ensure_ascii=False, indent=indent_unit(text)).split("\n")
    return _insert_lines(
        text, container, newline + own + f"{_dumps(key)}: " + (newline + own).join(lines), newline + outer
    )


def indent_unit(text: str) -> str:
    """What one level of indentation is in this text: that of its first indented line, else four spaces."""
    match = _INDENT.search(text)
    return match[1] if match else "    "


def line_end(text: str) -> str:
    """How lines end in this text."""
    match = _NEWLINE.search(text)
    return match[0] if match else "\n"


def _nests(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _end_of(member: Member) -> int:
    """Where the text of a member ends; a value that is not there yet takes no room."""
    if isinstance(member.value, Missing) and not member.value.word:
        return member.key.span.end if member.colon is None else member.colon + 1
    return member.value.span.end


def _indent_at(text: str, offset: int) -> str:
    """The indentation of the line that an offset is on."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    return text[start : start + len(text[start:offset]) - len(text[start:offset].lstrip(" \t"))]


def _comma_after(text: str, offset: int) -> int | None:
    """The offset of the comma that follows, past space and comments."""
    gap = _GAP.match(text, offset)
    end = gap.end() if gap else offset
    return end if text.startswith(",", end) else None


def _with_space(text: str, start: int, end: int) -> Span:
    """The span with its whole line if nothing else is on it, else with the space on one side."""
    line = start - len(_indent_at(text, start))
    rest = _REST_OF_LINE.match(text, end)
    if rest and (line == 0 or text[line - 1] in "\r\n") and text[line:start].strip() == "":
        after = _NEWLINE.match(text, rest.end())
        return Span(line, after.end() if after else rest.end())
    after_space = len(text) - len(text[end:].lstrip(" \t"))
    if after_space > end and text[after_space : after_space + 1] not in ("", "\r", "\n", "}", "]"):
        return Span(start, after_space)
    return Span(len(text[:start].rstrip(" \t")), end)


def _insert_on_line(text: str, container: Object, member: str) -> tuple[Edit, ...]:
    if not container.members:
        return (Edit(Span(container.span.start + 1, container.span.start + 1), member),)
    end = _end_of(container.members[-1])
    comma = _comma_after(text, end)
    at = end if comma is None else comma + 1
    return (Edit(Span(at, at), (" " if comma is not None else ", ") + member),)


def _insert_lines(text: str, container: Object, member: str, closing: str) -> tuple[Edit, ...]:
    if not container.members:
        inside = container.span.start + 1
        comments = _COMMENTS_ON_LINE.match(text, inside)
        at = comments.end() if comments else inside
        rest = text[at : container.span.end - 1]
        return (Edit(Span(at, at + (0 if rest.strip() else len(rest))), member + closing),)
    end = _end_of(container.members[-1])
    comma = _comma_after(text, end)
    comments = _COMMENTS_ON_LINE.match(text, end if comma is None else comma + 1)
    at = comments.end() if comments else end
    if comma is None and at > end:
        return Edit(Span(end, end), ","), Edit(Span(at, at), member)
    return (Edit(Span(at, at), member if comma is not None else "," + member),)
