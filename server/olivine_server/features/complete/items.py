"""What completion offers, and the snippets it is written in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any

from olivine_schemas.problems import Edit, Span, apply_edits


class Kind(str, Enum):
    """What an item stands for; editors show an icon for it."""

    KEY = "key"
    TYPE = "type"
    VALUE = "value"
    REFERENCE = "reference"
    COLUMN = "column"
    MODULE = "module"
    FILE = "file"
    FOLDER = "folder"
    SNIPPET = "snippet"


@dataclass(frozen=True)
class Completion:
    """One offer. All line breaks and indentation are in the text: editors must not adjust them."""

    label: str
    kind: Kind
    edit: Edit
    """Replaces the token at the cursor; never spans lines."""
    filter: str
    """What the editor compares with the text before the cursor."""
    sort: str = ""
    detail: str = ""
    documentation: str = ""
    """Markdown."""
    additional_edits: tuple[Edit, ...] = ()
    snippet: bool = False
    """Whether the edit's text is in the snippet syntax of LSP."""


@dataclass(frozen=True)
class Slot:
    """A value that the person is meant to look at or fill in: a placeholder of the snippet."""

    value: Any = ""
    choices: tuple[Any, ...] = ()


CHOICES = 12
"""Values up to which a placeholder lists them."""
_SPECIAL = re.compile(r"[\\$}]")
_SPECIAL_CHOICE = re.compile(r"[\\$},|]")
_PLACEHOLDER = re.compile(r"\\(.)|\$(\d+)|\$\{\d+\|((?:\\.|[^|\\])*)\|\}|\$\{\d+:((?:\\.|[^}\\])*)\}", re.DOTALL)


def render(value: Any, newline: str | None, unit: str, numbers: Iterator[int] | None = None) -> str:
    """JSON in snippet syntax; `newline` is the line break with the indentation of the first line, None for one line.

    Slots become placeholders with the next of `numbers`, 1, 2, … by default, in the order of the text.
    """
    numbers = numbers or count(1)

    def text(value: Any, newline: str | None) -> str:
        if isinstance(value, Slot):
            return _slot(value, next(numbers))
        if isinstance(value, dict):
            inside = None if newline is None else newline + unit
            parts = [f"{_escaped(json.dumps(key))}: {text(item, inside)}" for key, item in value.items()]
            return _joined("{", parts, "}", newline, unit, " ")
        if isinstance(value, list):
            nests = any(isinstance(item, (dict, list)) for item in value)
            below = None if newline is None or not nests else newline
            inside = None if below is None else below + unit
            return _joined("[", [text(item, inside) for item in value], "]", below, unit, "")
        return _escaped(json.dumps(value, ensure_ascii=False))

    return text(value, newline)


def render_members(members: Mapping[str, Any], newline: str | None, unit: str) -> str:
    """The members of an object, without its braces."""
    numbers = count(1)
    parts = [f"{render(key, None, '')}: {render(value, newline, unit, numbers)}" for key, value in members.items()]
    return ("," + (newline or " ")).join(parts)


def plain(snippet: str) -> str:
    """The text that a snippet leaves when every placeholder keeps its default."""

    def default(match: re.Match[str]) -> str:
        escaped, _, choices, text = match.groups()
        if escaped is not None:
            return escaped
        if choices is not None:
            return plain(re.split(r"(?<!\\),", choices)[0])
        return plain(text or "")

    return _PLACEHOLDER.sub(default, snippet)


def accept(text: str, item: Completion) -> str:
    """The text once an item is accepted and every placeholder keeps its default."""
    edit = Edit(item.edit.span, plain(item.edit.text) if item.snippet else item.edit.text)
    return apply_edits(text, [edit, *item.additional_edits])


def insertion(offset: int, text: str) -> Edit:
    """An edit that only adds text."""
    return Edit(Span(offset, offset), text)


def _joined(start: str, parts: list[str], end: str, newline: str | None, unit: str, space: str) -> str:
    if not parts:
        return start + _escaped(end)
    if newline is None:
        return start + space + ", ".join(parts) + space + _escaped(end)
    return start + newline + unit + ("," + newline + unit).join(parts) + newline + _escaped(end)


def _slot(slot: Slot, number: int) -> str:
    if isinstance(slot.value, dict):
        return f"{{${number}\\}}"
    if isinstance(slot.value, list):
        return f"[${number}]"
    quote = '"' if isinstance(slot.value, str) else ""
    if 1 < len(slot.choices) <= CHOICES and all(isinstance(choice, type(slot.value)) for choice in slot.choices):
        choices = [slot.value, *(choice for choice in slot.choices if choice != slot.value)]
        listed = ",".join(_SPECIAL_CHOICE.sub(r"\\\g<0>", _inner(choice)) for choice in choices)
        return f"{quote}${{{number}|{listed}|}}{quote}"
    default = _escaped(_inner(slot.value))
    return f"{quote}${{{number}:{default}}}{quote}" if default else f"{quote}${number}{quote}"


def _inner(value: Any) -> str:
    """A scalar as JSON without its quotes."""
    text = json.dumps(value, ensure_ascii=False)
    return text[1:-1] if isinstance(value, str) else text


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
