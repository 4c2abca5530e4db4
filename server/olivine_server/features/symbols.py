"""The outline of a config: its keys, with what their values are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from olivine_schemas.problems import Span
from olivine_schemas.tree import Array, Member, Node, Object, Scalar, text_of
from olivine_server.workspace import Document

DEEPEST = 12
"""Levels of the outline; no setting stands deeper."""
MOST = 10_000
"""Symbols of one document; an outline of more is of no use to anyone."""


@dataclass(frozen=True)
class Symbol:
    """One key or item; `span` covers it whole, `name_span` what an editor jumps to."""

    name: str
    detail: str
    kind: str
    """object, array, string, number, boolean or null."""
    span: Span
    name_span: Span
    children: list[Symbol] = field(default_factory=list)


def symbols(document: Document) -> list[Symbol]:
    """The outline, in the order of the text."""
    return _children(document.tree, DEEPEST, iter(range(MOST)))


def _children(node: Node, depth: int, budget: Iterator[int]) -> list[Symbol]:
    if isinstance(node, Object):
        pairs = [(member.name or '""', member.key.span, member.value) for member in node.members]
    elif isinstance(node, Array):
        pairs = [(_item_name(i, item), item.span, item) for i, item in enumerate(node.items)]
    else:
        pairs = []
    return [
        Symbol(name, _detail(value), _kind(value), _around(at, value.span), at, _children(value, depth - 1, budget))
        for name, at, value in pairs
        if depth and next(budget, None) is not None
    ]


def _around(key: Span, value: Span) -> Span:
    return Span(min(key.start, value.start), max(key.end, value.end))


def _item_name(index: int, item: Node) -> str:
    named = item.get("name") if isinstance(item, Object) else None
    return text_of(named) or (str(item.value) if isinstance(item, Scalar) and item.value != "" else str(index))


def _detail(value: Node) -> str:
    """The type of a block, the value of a setting, else nothing."""
    if isinstance(value, Scalar):
        return "null" if value.value is None else str(value.value)
    kind: Member | None = value.member("type") if isinstance(value, Object) else None
    return (text_of(kind.value) or "") if kind else ""


def _kind(value: Node) -> str:
    if isinstance(value, (Object, Array)):
        return "object" if isinstance(value, Object) else "array"
    held = value.value if isinstance(value, Scalar) else None
    kinds = {bool: "boolean", int: "number", float: "number", str: "string"}
    return kinds.get(type(held), "null")
