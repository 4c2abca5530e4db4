"""Growing a selection: the word of a string, the token, the member, the block, the next block…"""

from __future__ import annotations

from olivine_schemas.problems import Span
from olivine_schemas.tree import Array, Node, Object, locate
from olivine_server.workspace import Document

MOST = 100
"""Blocks around a place that a selection grows through."""


def selections(document: Document, offset: int) -> list[Span]:
    """The spans around an offset, innermost first, each inside the next."""
    cursor = locate(document.tree, offset)
    spans = [document.tree.span, Span(0, len(document.text))]
    node: Node | None = document.tree
    for step in cursor.path:
        if isinstance(node, Object):
            member = node.member(str(step))
            if member is None:
                break
            spans.append(Span(member.key.span.start, max(member.key.span.end, member.value.span.end)))
            spans.append(member.key.span if cursor.member is member and cursor.in_key else member.value.span)
            node = member.value
        elif isinstance(node, Array) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            spans.append(node.span)
    if cursor.span is not None:
        spans += [cursor.span, inside_quotes(document.text, cursor.span)]
    around = {span for span in spans if span.start <= offset <= span.end}
    return _nested(sorted(around, key=lambda span: span.end - span.start))[:MOST] or [Span(offset, offset)]


def _nested(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in spans:
        if not kept or (span.start <= kept[-1].start and kept[-1].end <= span.end):
            kept.append(span)
    return kept


def inside_quotes(text: str, span: Span) -> Span:
    """The span of a string token without its quotes."""
    quote = text[span.start : span.start + 1]
    quoted = quote in ("'", '"') and span.end - span.start >= 2 and text[span.end - 1] == quote
    return Span(span.start + 1, span.end - 1) if quoted else span
