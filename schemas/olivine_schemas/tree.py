"""The syntax tree of a config: JSON values that know where in the text they stand.

The same node types serve twice: as the tree of the text as written, and as the tree of what it means (`resolve.py`), whose
nodes keep the spans of the text they came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Union

from .problems import Span

Path = tuple[Union[str, int], ...]
"""Where a value stands in a document: keys and indices from the root."""


@dataclass(slots=True, eq=False)
class Scalar:
    """A string, number, boolean or null. `span` covers the token, quotes included."""

    span: Span
    value: str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Missing:
    """A value that the text promises but does not hold: after a colon, or an unreadable word."""

    span: Span


@dataclass(slots=True, eq=False)
class Member:
    """One `"key": value` of an object. `colon` is None while it is not typed yet."""

    key: Scalar
    value: Node
    colon: int | None = None

    @property
    def name(self) -> str:
        return str(self.key.value)


@dataclass(slots=True, eq=False)
class Object:
    """`{…}`. Duplicate keys stay in `members`; look-ups see the last one, as `json` does."""

    span: Span
    members: list[Member] = field(default_factory=list)

    def member(self, name: str) -> Member | None:
        return next((member for member in reversed(self.members) if member.key.value == name), None)

    def get(self, name: str) -> Node | None:
        member = self.member(name)
        return member.value if member else None


@dataclass(slots=True, eq=False)
class Array:
    """`[…]`."""

    span: Span
    items: list[Node] = field(default_factory=list)


Node = Union[Object, Array, Scalar, Missing]


def to_data(node: Node | None) -> Any:
    """The plain Python value of a node; what is missing is None, in a list it is left out."""
    if isinstance(node, Object):
        return {m.name: to_data(m.value) for m in node.members if not isinstance(m.value, Missing)}
    if isinstance(node, Array):
        return [to_data(item) for item in node.items if not isinstance(item, Missing)]
    return node.value if isinstance(node, Scalar) else None


def text_of(node: Node | None) -> str | None:
    """The value of a string node, else None."""
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None


def child(node: Node | None, *path: str | int) -> Node | None:
    """The node at a path below `node`, or None."""
    for step in path:
        if isinstance(node, Object) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, Array) and isinstance(step, int) and 0 <= step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node with its path, parents first."""
    stack: list[tuple[Path, Node]] = [(path, node)]
    while stack:
        path, node = stack.pop()
        yield path, node
        if isinstance(node, Object):
            stack.extend(((*path, m.name), m.value) for m in reversed(node.members))
        elif isinstance(node, Array):
            stack.extend(((*path, i), item) for i, item in reversed(list(enumerate(node.items))))
