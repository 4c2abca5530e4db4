"""Laying a config out anew: its comments stay, and the indentation it has."""

from __future__ import annotations

from olivine_schemas.format import format_json
from olivine_schemas.problems import Edit, Span
from olivine_server.workspace import Document


def formatting(document: Document, indent: str, within: Span | None = None) -> list[Edit]:
    """The edits that lay the document out, or the lines of a span; nothing for YAML and for broken text.

    `indent` is what the editor would indent with, for a text that has no indentation yet.
    """
    if document.yaml:
        return []
    own = any(line[:1] in " \t" and line.strip() for line in document.text.splitlines())
    edits = format_json(document.text, None if own else indent)
    if within is None:
        return edits
    return [edit for edit in edits if within.start <= edit.span.start and edit.span.end <= within.end]
