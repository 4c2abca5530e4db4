"""Completion: keys, values, names and whole blocks, in broken text as in whole.

The tree says where the cursor is (`request.py`), the language what may stand there (`keys.py`, `values.py`), the files
around the config what its values may be (`outside.py`). `place.py` sees to commas and lines, so that accepting an item
never makes the document worse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from olivine_schemas.facts import NO_FACTS, Facts
from olivine_schemas.parser import parse
from olivine_schemas.problems import Severity
from olivine_schemas.tree import Array, Cursor, Object, Scalar, child, locate

from . import outside, snippets
from .items import Completion, Kind, accept
from .keys import keys
from .request import Listed, Request
from .values import values

if TYPE_CHECKING:
    from ...workspace import Document

__all__ = ["Completion", "Kind", "accept", "complete"]

BRACKETS = ("{", "[", "}", "]")
LOST = ("unclosed", "unopened")
DAMAGE = (*LOST, "unexpected-text", "missing-comma")
"""Syntax errors after which the indentation has a say in how a text is read."""


def complete(
    document: Document, offset: int, facts: Facts = NO_FACTS, listed: Listed = lambda kind: []
) -> list[Completion]:
    """What may be typed at an offset of a JSON config, best first; nothing in comments and in YAML."""
    if document.yaml or _in_comment(document, offset):
        return []
    cursor = locate(document.tree, offset)
    request = Request(document, offset, facts, cursor, listed)
    if not isinstance(document.tree, (Object, Array)):
        return snippets.configs(request)
    if cursor.container is None or _in_debris(document, cursor, offset):
        return []
    if cursor.in_key:
        found = keys(request)
    else:
        node = child(document.tree, *cursor.path)
        inside = _in_template(request, node)
        found = outside.template(request, node) if inside and isinstance(node, Scalar) else values(request)
    return sorted(_harmless(request, found), key=lambda item: item.sort)


def _harmless(request: Request, items: list[Completion]) -> list[Completion]:
    """Without what would be read differently than meant: damaged text is also read by its indentation.

    One block is tried for all; where a bracket is lost, one key or value too.
    """
    text, problems = request.text, request.document.checked.problems
    damage = [p for p in problems if p.code in DAMAGE and p.span != request.cursor.span]
    lost = any(text[p.span.start : p.span.start + 1] in BRACKETS for p in damage if p.code in LOST)
    blocks = [item for item in items if "\n" in item.edit.text]
    plain = [item for item in items if "\n" not in item.edit.text]
    if not damage or not (blocks or lost):
        return items
    now = _errors(text)
    if lost and plain and _errors(accept(text, plain[0])) > now:
        plain = []
    if blocks and _errors(accept(text, blocks[0])) > now:
        blocks = []
    return plain + blocks


def _errors(text: str) -> int:
    return sum(problem.severity is Severity.ERROR for problem in parse(text).problems)


def _in_comment(document: Document, offset: int) -> bool:
    spans = (problem.span for problem in document.checked.problems if problem.code == "comment")
    return any(span.start < offset <= span.end for span in spans)


def _in_debris(document: Document, cursor: Cursor, offset: int) -> bool:
    """Whether an offset is in text that could not be read, or in a token that a line break tears apart."""
    text, token = document.text, cursor.span
    if token is not None:
        return any(end in text[token.start : token.end] for end in "\r\n")
    damaged = (problem.span for problem in document.checked.problems if problem.code == "unexpected-text")
    before = text[offset - 1 : offset]
    return not (before.isspace() or before in "{}[],:/") or any(span.start < offset < span.end for span in damaged)


def _in_template(request: Request, node: object) -> bool:
    """Whether the cursor is in the text of a template."""
    key = request.cursor.path[-1] if request.cursor.path else ""
    is_text = isinstance(node, Scalar) and isinstance(node.value, str) and node.value != ""
    return is_text and str(key).endswith("_template")
