"""Documents for feature tests: `|` marks the cursor."""

from __future__ import annotations

from olivine_schemas.facts import NO_FACTS, Facts
from olivine_schemas.problems import Span
from olivine_server.workspace import Document


def at_cursor(marked: str, facts: Facts = NO_FACTS, *, yaml: bool = False) -> tuple[Document, int]:
    """The document of a text with one `|`, and the offset of that."""
    before, after = marked.split("|")
    uri = "file:///folder/olive-config." + ("yaml" if yaml else "json")
    return Document(uri, before + after, yaml=yaml, facts=facts), len(before)


def texts(document: Document, spans: list[Span]) -> list[str]:
    """The texts of spans."""
    return [document.text[span.start : span.end] for span in spans]
