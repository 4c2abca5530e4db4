"""What can be said of a config text: a problem at a span, with the edits that repair it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Severity(str, Enum):
    """How much a problem matters; see docs/diagnostics.md for what each promises."""

    ERROR = "error"
    """The run is refused or would fail."""
    WARNING = "warning"
    """It runs, but not as written, or Microsoft Olive ignores it silently."""
    INFORMATION = "information"
    """True, but probably not what is wanted."""
    HINT = "hint"
    """An old name that has a migration."""


class Span(NamedTuple):
    """A half-open range of offsets into the config text, in Python string positions."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text at `span` by `text`; an empty span inserts."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """One repair that a person may choose, as edits that do not overlap."""

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: `code` is stable kebab-case and names a section of docs/diagnostics.md."""

    span: Span
    severity: Severity
    code: str
    message: str
    fixes: tuple[Fix, ...] = ()
    """Repairs; the only one is applied where everything is to be fixed at once."""
    suggestions: tuple[Fix, ...] = ()
    """Repairs that guess: a person is offered them, nothing applies them unasked."""


def apply_edits(text: str, edits: tuple[Edit, ...] | list[Edit]) -> str:
    """Apply edits that do not overlap; of two that do, the first in the text wins."""
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: edit.span):
        if edit.span.start < position:
            continue
        parts += (text[position : edit.span.start], edit.text)
        position = edit.span.end
    parts.append(text[position:])
    return "".join(parts)
