"""Rewrite a config of 2024 in today's flat form, meaning what it meant: old defaults that differ are written out."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

from .dialects import COMPONENTS, ENGINE_KEYS
from .edits import indent_unit, line_end
from .parser import Parsed, parse
from .problems import Severity
from .resolve import resolve
from .tree import Array, Member, Missing, Node, Object, Scalar, to_data, walk

_WIDTH = 100
"""Longest list of plain values that stands on one line."""

_OWN = {
    "config": frozenset({"type", "host", "evaluator", "clean_run_cache", "disable_search", "output_name", "config"}),
    "params": frozenset({"type", "params"}),
    "type_args": frozenset({"type", "metrics", "type_args"}),
}
"""Names that mean something beside the settings of a block, by the name of those settings."""


@dataclass(frozen=True)
class Migration:
    """A config in today's form, and what a person should know of the change."""

    text: str
    notes: tuple[str, ...] = ()


def migrate(text: str) -> str:
    """The config in today's form; a text that is there already, or that cannot be read, comes back as it is."""
    return migration(text).text


def migration(text: str) -> Migration:
    """The config in today's form, with a note for every setting that is left out because it has no effect."""
    parsed = parse(text)
    if not isinstance(parsed.tree, Object) or _is_damaged(parsed):
        return Migration(text, ("Repair the syntax errors first: a damaged document is not rewritten.",))
    resolved = resolve(parsed.tree)
    today = _flat_workflow(resolved.workflow)
    try:
        if to_data(today) == to_data(parsed.tree):
            return Migration(text)
        printed = _Printer(text, indent_unit(text), _comments(text, parsed, today)).node(today, line_end(text))
    except RecursionError:
        return Migration(text, ("The document is nested too deep to be rewritten.",))
    notes = tuple(problem.message for problem in resolved.problems if problem.code == "ignored-setting")
    return Migration(printed + (line_end(text) if text.endswith("\n") else ""), notes)


def _is_damaged(parsed: Parsed) -> bool:
    return any(problem.severity is Severity.ERROR for problem in parsed.problems) or any(
        isinstance(node, Missing) for _, node in walk(parsed.tree)
    )


# From the canonical form to the flat one


def _flat_workflow(workflow: Object) -> Object:
    """The canonical tree in the form that people write today."""
    members: list[Member] = []
    for member in workflow.members:
        if member.name == "engine" and isinstance(member.value, Object):
            members += _flat_engine(member, member.value)
        else:
            members.append(_changed(member, _BLOCKS.get(member.name, _same)))
    # Engine settings go back to where the author put them among the other blocks.
    members.sort(key=lambda member: member.key.span.start)
    return Object(workflow.span, members)


def _flat_engine(member: Member, engine: Object) -> list[Member]:
    """Engine settings one by one; what is none of them stays in the block, where it is reported as such."""
    known = [_changed(m, _ENGINE.get(m.name, _same)) for m in engine.members if m.name in ENGINE_KEYS]
    unknown = [m for m in engine.members if m.name not in ENGINE_KEYS]
    return [*known, Member(member.key, Object(engine.span, unknown))] if unknown else known


def _changed(member: Member, change: Callable[[Node], Node]) -> Member:
    return Member(member.key, change(member.value))


def _same(node: Node) -> Node:
    return node


def _map_of(change: Callable[[Node], Node]) -> Callable[[Node], Node]:
    """The same change to every value of an object; anything else is a mistake and stays."""

    def change_all(node: Node) -> Node:
        if not isinstance(node, Object):
            return node
        return Object(node.span, [_changed(member, change) for member in node.members])

    return change_all


def _list_of(change: Callable[[Node], Node]) -> Callable[[Node], Node]:
    """The same change to every item of a list; anything else is a mistake and stays."""

    def change_all(node: Node) -> Node:
        return Array(node.span, [change(item) for item in node.items]) if isinstance(node, Array) else node

    return change_all


def _flat(node: Node, collector: str = "config") -> Node:
    """A block with its settings beside its own keys, unless that would change what a setting means."""
    settings = node.get(collector) if isinstance(node, Object) else None
    if not isinstance(node, Object) or not isinstance(settings, Object):
        return node
    own = [member for member in node.members if member.name != collector]
    if settings.members and any(member.name in _OWN[collector] for member in settings.members):
        return node
    return Object(node.span, own + settings.members)


def _pass(node: Node) -> Node:
    """The entries of a pass; one alone needs no list."""
    if not isinstance(node, Array):
        return node
    entries = [_flat(entry) for entry in node.items]
    return entries[0] if len(entries) == 1 else Array(node.span, entries)


def _data_config(node: Node) -> Node:
    if not isinstance(node, Object):
        return node
    slots = {f"{name}_config" for name in COMPONENTS}
    members = [_changed(m, lambda v: _flat(v, "params")) if m.name in slots else m for m in node.members]
    return Object(node.span, members)


def _evaluator(node: Node) -> Node:
    """An evaluator with flat settings; those of a metric stay nested, as they are written today too."""
    flat = _flat(node, "type_args")
    if not isinstance(flat, Object):
        return flat
    return Object(flat.span, [_changed(m, _list_of(_metric)) if m.name == "metrics" else m for m in flat.members])


def _metric(node: Node) -> Node:
    if not isinstance(node, Object):
        return node
    return Object(node.span, [m for m in node.members if m.name != "user_config" or to_data(m.value) != {}])


_BLOCKS: dict[str, Callable[[Node], Node]] = {
    "input_model": _flat,
    "systems": _map_of(_flat),
    "data_configs": _list_of(_data_config),
    "evaluators": _map_of(_evaluator),
    "passes": _map_of(_pass),
}
_ENGINE: dict[str, Callable[[Node], Node]] = {"host": _flat, "target": _flat, "evaluator": _evaluator}


# Printing


def _comments(text: str, parsed: Parsed, today: Object) -> dict[int, list[str]]:
    """The comments by the start of the key that they go before: the next one, or the one on their line."""
    keys = sorted({m.key.span.start for _, node in walk(today) if isinstance(node, Object) for m in node.members})
    placed: dict[int, list[str]] = {}
    for span in parsed.comments if keys else ():
        line = text.rfind("\n", 0, span.start) + 1
        after = bisect_left(keys, span.start)
        beside = text[line : span.start].strip() and after and keys[after - 1] >= line
        key = keys[after - 1] if beside or after == len(keys) else keys[after]
        placed.setdefault(key, []).append(text[span.start : span.end])
    return placed


@dataclass
class _Printer:
    """Writes a tree as JSON with the indentation, the numbers and the comments of a text."""

    text: str
    unit: str
    comments: dict[int, list[str]] = field(default_factory=dict)

    def node(self, node: Node, line: str) -> str:
        """A node; `line` is the line break and indentation that it stands at."""
        if isinstance(node, Object):
            return self._block("{}", [self._member(member, line + self.unit) for member in node.members], line)
        if isinstance(node, Array):
            return self._array(node, line)
        return self._scalar(node) if isinstance(node, Scalar) else "null"

    def _block(self, brackets: str, parts: list[str], line: str) -> str:
        inner = line + self.unit
        return f"{brackets[0]}{inner}{f',{inner}'.join(parts)}{line}{brackets[1]}" if parts else brackets

    def _member(self, member: Member, line: str) -> str:
        before = "".join(comment + line for comment in self.comments.pop(member.key.span.start, []))
        return f"{before}{json.dumps(member.name, ensure_ascii=False)}: {self.node(member.value, line)}"

    def _array(self, node: Array, line: str) -> str:
        parts = [self.node(item, line + self.unit) for item in node.items]
        short = sum(map(len, parts)) + 2 * len(parts) <= _WIDTH
        if short and all(isinstance(item, Scalar) for item in node.items):
            return f"[{', '.join(parts)}]"
        return self._block("[]", parts, line)

    def _scalar(self, node: Scalar) -> str:
        written = self.text[node.span.start : node.span.end]
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool) and written[:1] in "-0123456789":
            return written if _reads_as(written, node.value) else json.dumps(node.value)
        return json.dumps(node.value, ensure_ascii=False)


def _reads_as(written: str, value: float) -> bool:
    """Whether a number's own digits can stay, such as 1e-4 for 0.0001."""
    try:
        return bool(json.loads(written) == value)
    except ValueError:
        return False
