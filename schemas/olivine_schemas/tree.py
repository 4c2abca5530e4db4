"""The syntax tree of a config: JSON values that know where in the text they stand.

The same node types serve twice: as the tree of the text as written, and as the tree of what it means (`resolve.py`),
whose nodes keep the spans of the text they came from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Union

from .problems import Span

Path = tuple[str | int, ...]
"""Where a value stands in a document: keys and indices from the root."""


@dataclass(slots=True, eq=False)
class Scalar:
    """A string, number, boolean or null. `span` covers the token, quotes included."""

    span: Span
    value: str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Missing:
    """A value that the text promises but does not hold: the gap after a colon, or an unreadable `word`."""

    span: Span
    word: str = ""


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
    """`{…}`. Duplicate keys stay in `members`; look-ups see the last one, as `json` does.

    `closed` is False where the closing bracket is missing; the span then reaches to the next token or the text's end.
    """

    span: Span
    members: list[Member] = field(default_factory=list)
    closed: bool = True

    def member(self, name: str) -> Member | None:
        for member in reversed(self.members):  # plain loops: nothing is asked more often while a config is checked
            if member.key.value == name:
                return member
        return None

    def get(self, name: str) -> Node | None:
        for member in reversed(self.members):
            if member.key.value == name:
                return member.value
        return None


@dataclass(slots=True, eq=False)
class Array:
    """`[…]`; `closed` as in Object."""

    span: Span
    items: list[Node] = field(default_factory=list)
    closed: bool = True


Node = Union[Object, Array, Scalar, Missing]  # noqa: UP007


def to_data(node: Node | None) -> Any:
    """The plain Python value of a node; what is missing is None, in an object or a list it is left out."""
    root: list[Any] = [None]
    waiting: list[tuple[Any, Any, Node | None]] = [(root, 0, node)]
    while waiting:  # no recursion: a document may be nested deeper than Python's stack
        parent, place, node = waiting.pop()
        data: Any
        below: Iterable[tuple[str | int, Node]]
        if isinstance(node, Object):
            kept = {m.name: m.value for m in node.members if not isinstance(m.value, Missing)}
            data, below = dict.fromkeys(kept), kept.items()
        elif isinstance(node, Array):
            items = [item for item in node.items if not isinstance(item, Missing)]
            data, below = [None] * len(items), enumerate(items)
        else:
            data, below = node.value if isinstance(node, Scalar) else None, ()
        parent[place] = data
        for key, value in below:
            if isinstance(value, Scalar):
                data[key] = value.value
            else:
                waiting.append((data, key, value))
    return root[0]


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


def nodes(node: Node) -> Iterator[Node]:
    """Every node, parents first; faster than `walk` where the paths don't matter."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Object):
            stack.extend([m.value for m in reversed(node.members)])
        elif isinstance(node, Array):
            stack.extend(reversed(node.items))


@dataclass(frozen=True, slots=True)
class Cursor:
    """What stands at an offset of a text: see `locate`."""

    path: Path
    """Of the value or key at the cursor; between elements that of the container, in an array with the index to be."""
    container: Object | Array | None
    """The innermost container around the cursor."""
    container_path: Path = ()
    member: Member | None = None
    """The member whose key or value the cursor is on or at the end of."""
    in_key: bool = False
    """Whether a key stands or may be typed here."""
    span: Span | None = None
    """The token at the cursor, which a completion replaces; None where there is none."""


def locate(tree: Node, offset: int) -> Cursor:
    """Where an offset stands in the tree of a text, broken text included; the end of a token counts as on it."""
    path: Path = ()
    node: Node | None = tree
    cursor = Cursor((), None, span=_token(tree, offset))
    while isinstance(node, (Object, Array)) and _inside(node, offset):
        cursor, node = _in_object(node, path, offset) if isinstance(node, Object) else _in_array(node, path, offset)
        path = cursor.path
    return cursor


def _inside(node: Object | Array, offset: int) -> bool:
    """Whether an offset is between the brackets."""
    return node.span.start < offset and (offset < node.span.end or (offset == node.span.end and not node.closed))


def _token(node: Node, offset: int) -> Span | None:
    """The span of a scalar or an unreadable word at an offset."""
    word = isinstance(node, Scalar) or (isinstance(node, Missing) and node.word != "")
    return node.span if word and node.span.start <= offset <= node.span.end else None


def _in_object(node: Object, path: Path, offset: int) -> tuple[Cursor, Node | None]:
    """The cursor inside an object, and the value to look into further."""
    index = bisect_right(node.members, offset, key=lambda member: member.key.span.start)
    member = node.members[index - 1] if index else None
    if member is not None:
        here = (*path, member.name)
        if offset <= member.key.span.end:
            return Cursor(here, node, path, member, True, member.key.span), None
        if member.colon is not None and offset <= member.colon:
            return Cursor(here, node, path, member, True), None
        if member.colon is not None and offset <= member.value.span.end:
            return Cursor(here, node, path, member, False, _token(member.value, offset)), member.value
    return Cursor(path, node, path, in_key=True), None


def _in_array(node: Array, path: Path, offset: int) -> tuple[Cursor, Node | None]:
    """The cursor inside an array, and the item to look into further."""
    index = bisect_right(node.items, offset, key=lambda item: item.span.start)
    if index and offset <= node.items[index - 1].span.end:
        item = node.items[index - 1]
        return Cursor((*path, index - 1), node, path, span=_token(item, offset)), item
    return Cursor((*path, index), node, path), None
