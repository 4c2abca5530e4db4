"""YAML configs as the same tree that JSON configs have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from .parser import Parsed
from .problems import Problem, Span
from .scanner import error
from .tree import Array, Member, Missing, Node, Object, Scalar

MAX_NODES = 100_000
"""How many nodes a document may have once its aliases are written out."""

_MERGE = "tag:yaml.org,2002:merge"


def parse_yaml(text: str) -> Parsed:
    """Read a YAML text; what comes before its first syntax error is in the tree. Never raises.

    Anchors, aliases and merge keys are resolved; the parts of an aliased value keep the spans that they have there.
    """
    builder = _Builder(text)
    try:
        builder.build(_events(text))
    except yaml.YAMLError as problem:
        builder.report_syntax(problem)
    except (ValueError, RecursionError, IndexError, AttributeError) as problem:  # defects of PyYAML on odd input
        builder.report(Span(0, len(text)), "invalid-yaml", f"This is no YAML: {problem}")
    return builder.finish()


def _events(text: str) -> Iterator[Any]:
    """The parse events; untyped, because PyYAML's types allow no mark where there always is one."""
    events: Any = yaml.parse(text, Loader=yaml.SafeLoader)
    return iter(events)


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that has not ended, with the key that waits for its value."""

    node: Object | Array
    anchor: str | None
    key: Scalar | None = None
    merges: list[Node] | None = None
    size: int = 1


class _Builder:
    """Builds the tree from parse events; a stack instead of recursion."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int] | None] = {}  # node and its size; None while it is open
        self.root: Node | None = None
        self.size = 0
        self.scalars = yaml.SafeLoader("")

    def build(self, events: Iterator[Any]) -> None:
        """Add what the events tell, up to the end of the first document."""
        for event in events:  # not yaml.compose: it recurses, and what precedes an error would be lost
            span = Span(event.start_mark.index, event.end_mark.index)
            if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
                self.report(span, "unexpected-text", "Only one document belongs in this file")
                return
            if isinstance(event, yaml.ScalarEvent):
                self._add(self._scalar(event, span), event.anchor)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(str(event.anchor), span)
            elif isinstance(event, yaml.MappingStartEvent):
                self._open(Object(span), event.anchor)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._open(Array(span), event.anchor)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._close(span.end)

    def finish(self) -> Parsed:
        """The tree of what was read, with what is still open closed at the end of the text."""
        while self.stack:
            self.stack[-1].node.closed = False
            self._close(len(self.text))
        root = self.root
        if root is None or (isinstance(root, Scalar) and root.value is None):
            root = Missing(Span(0, len(self.text)))
            if not self.problems:
                self.report(root.span, "empty-document", "A config is a mapping of keys to values")
        elif not isinstance(root, Object):
            self.report(root.span, "not-an-object", "A config is a mapping of keys to values")
        return Parsed(root, tuple(sorted(self.problems, key=lambda problem: problem.span)))

    def report(self, span: Span, code: str, message: str) -> None:
        """Record a problem of severity error."""
        self.problems.append(error(span.start, span.end, code, message))

    def report_syntax(self, problem: yaml.YAMLError) -> None:
        """Record a syntax error at its mark."""
        mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
        at = mark.index if mark else getattr(problem, "position", 0)
        at = min(max(at, 0), len(self.text))
        context = getattr(problem, "context", None)
        what = getattr(problem, "problem", None) or getattr(problem, "reason", None) or str(problem)
        message = f"This is no YAML: {what}" + (f" ({context})" if context else "")
        self.report(Span(at, min(at + 1, len(self.text))), "invalid-yaml", message)

    def _open(self, node: Object | Array, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = None
        self.stack.append(_Open(node, anchor))

    def _close(self, end: int) -> None:
        top = self.stack.pop()
        top.node.span = Span(top.node.span.start, end)
        if isinstance(top.node, Object):
            if top.key is not None:
                top.node.members.append(Member(top.key, Missing(Span(top.key.span.end, end))))
            top.node.members[:0] = _merged(top)
        self._add(top.node, top.anchor, top.size)

    def _add(self, node: Node, anchor: str | None, size: int = 1) -> None:
        """Put a complete node where it belongs."""
        if anchor:
            self.anchors[anchor] = (node, size)
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.node, Array):
            top.node.items.append(node)
        elif top.key is None:
            top.key = self._key(node, top.node)
        else:
            self._add_member(top, top.key, node)
            top.key = None

    def _key(self, node: Node, mapping: Object) -> Scalar:
        if not isinstance(node, Scalar):
            self.report(node.span, "unexpected-text", "A key is a plain text")
            return Scalar(node.span, "")
        if node.value != "<<" and mapping.member(str(node.value)) is not None:
            message = f"{node.value} stands here a second time; only the last one counts"
            self.report(node.span, "duplicate-key", message)
        return node

    def _add_member(self, top: _Open, key: Scalar, value: Node) -> None:
        if key.value == "<<" and self.text.startswith("<<", key.span.start):
            top.merges = [*(top.merges or []), *(value.items if isinstance(value, Array) else [value])]
        elif isinstance(top.node, Object):
            colon = self.text.find(":", key.span.end, max(value.span.start, key.span.end + 1))
            top.node.members.append(Member(key, value, colon if colon >= 0 else key.span.end))

    def _alias(self, anchor: str, span: Span) -> None:
        if self.anchors.get(anchor) is None:
            known = anchor in self.anchors
            message = (
                f"*{anchor} stands inside its own anchor" if known else f"There is no anchor &{anchor} before this"
            )
            self.report(span, "unknown-anchor", message)
            self._add(Missing(span, f"*{anchor}"), None)
            return
        node, size = self.anchors[anchor] or (Missing(span), 1)
        self.size += size
        if self.size > MAX_NODES:
            if self.size - size <= MAX_NODES:
                self.report(
                    span, "too-many-aliases", f"The aliases of this file stand for more than {MAX_NODES} values"
                )
            self._add(Missing(span, f"*{anchor}"), None)
            return
        self._add(_at(node, span), None, size)

    def _scalar(self, event: Any, span: Span) -> Scalar | Missing:
        """The value as `yaml.safe_load` types it; dates, binary and the like stay text."""
        tag = event.tag
        if tag is None or tag == "!":
            tag = self.scalars.resolve(  # type: ignore[no-untyped-call]
                yaml.ScalarNode, event.value, event.implicit
            )
        if tag == _MERGE:
            return Scalar(span, event.value)
        try:
            value = self.scalars.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError):
            self.report(span, "invalid-yaml", f"{event.value!r} is no value of type {tag}")
            return Missing(span, event.value)
        known = value is None or isinstance(value, (str, int, float, bool))
        return Scalar(span, value if known else event.value)


def _at(node: Node, span: Span) -> Node:
    """An aliased node at the place of the alias; what is in it keeps its own place."""
    if isinstance(node, Object):
        return Object(span, node.members)
    if isinstance(node, Array):
        return Array(span, node.items)
    return Scalar(span, node.value) if isinstance(node, Scalar) else Missing(span, node.word)


def _merged(mapping: _Open) -> list[Member]:
    """The members that merge keys bring into a mapping: its own keys win, then the earlier source."""
    found: dict[str, Member] = {}
    if isinstance(mapping.node, Object) and mapping.merges:
        own = {member.name for member in mapping.node.members}
        for source in mapping.merges:
            if isinstance(source, Object):
                for member in source.members:
                    if member.name not in own and found.get(member.name) is None:
                        found[member.name] = member
    return list(found.values())
