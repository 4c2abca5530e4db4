"""From text to problems: parse, validate, resolve, then the rules, each fed by the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import rules, schema
from .dialects import Generation
from .edits import remove_member
from .facts import NO_FACTS, Facts
from .parser import Parsed, parse
from .problems import Fix, Problem, Severity, Span
from .resolve import resolve
from .tree import Array, Member, Node, Object, nodes

_DEPTH = 12
"""No setting stands deeper in a config."""
_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Checked:
    """A config text and all that can be said of it."""

    text: str
    tree: Node
    """The text as written."""
    workflow: Object | None
    """What it means, in canonical form and without keys that a warning says are unknown; None for no object at all."""
    generation: Generation
    problems: tuple[Problem, ...]
    """In the order of the text, at most one for a span."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the config from running."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def check(
    text: str,
    facts: Facts | None = None,
    *,
    yaml: bool = False,
    extra_passes: Mapping[str, Any] | None = None,
    between: Callable[[], None] = lambda: None,
) -> Checked:
    """Check a config text. Never raises.

    `facts` tells of files and devices around it, without which rules about them stay silent; `extra_passes` maps the
    names of passes from other packages to the JSON schemas of their parameters. `between` is called between the steps
    and the rules: whoever does not want the result any more may raise there.
    """
    parsed = _parse_yaml(text) if yaml else parse(text)
    between()
    tree, syntax = parsed.tree, parsed.problems
    structure = _undamaged(schema.validate(tree, extra_passes, None if yaml else text), syntax)
    if not isinstance(tree, Object):
        return Checked(text, tree, None, "new", _one_each([*syntax, *structure]))
    between()
    resolved = resolve(tree)
    workflow = _without_unknown(resolved.workflow, structure)
    context = rules.Context(text, tree, workflow, resolved.generation, facts or NO_FACTS)
    meaning = resolved.problems if yaml else _removable(resolved.problems, text, tree)
    doubtful = any(_is_in_the_way(problem) for problem in structure)
    ruled = rules.run(context, doubtful=doubtful, between=between)
    found = [*syntax, *_superseded(structure, meaning), *meaning, *ruled]
    return Checked(text, tree, workflow, resolved.generation, _one_each(found))


def _is_in_the_way(problem: Problem) -> bool:
    """Whether a setting is not read as it is meant, so that others only seem to be wrong."""
    refused = problem.severity is Severity.ERROR and problem.code == "unknown-key"
    return refused or problem.code in ("missing-key", "wrong-type")


def _parse_yaml(text: str) -> Parsed:
    from .yaml_tree import parse_yaml  # PyYAML takes longer to import than a JSON config to check

    return parse_yaml(text)


def _undamaged(structure: Iterable[Problem], syntax: Iterable[Problem]) -> list[Problem]:
    """Without what is said of a value that a syntax error damages: the cause is told already."""
    damage = [problem.span for problem in syntax if problem.severity is Severity.ERROR]
    return [problem for problem in structure if not any(_touch(problem.span, span) for span in damage)]


def _touch(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


def _superseded(structure: Iterable[Problem], known: Iterable[Problem]) -> list[Problem]:
    """Without what the schema says of keys that have a meaning all the same: old names, settings without effect."""
    spans = {problem.span for problem in known}
    return [problem for problem in structure if problem.span not in spans]


def _without_unknown(workflow: Object, structure: Iterable[Problem]) -> Object:
    """The meaning of a config is that of the settings there are: a run does not meet what is merely warned of."""
    unknown = {p.span for p in structure if p.code == "unknown-key" and p.severity is Severity.WARNING}
    pruned = _pruned(workflow, unknown, _DEPTH) if unknown else workflow
    return pruned if isinstance(pruned, Object) else workflow


def _pruned(node: Node, keys: set[Span], depth: int) -> Node:
    if isinstance(node, Object) and depth:
        kept = (member for member in node.members if member.key.span not in keys)
        return Object(node.span, [Member(m.key, _pruned(m.value, keys, depth - 1), m.colon) for m in kept])
    if isinstance(node, Array) and depth:
        return Array(node.span, [_pruned(item, keys, depth - 1) for item in node.items])
    return node


def _removable(problems: Iterable[Problem], text: str, tree: Object) -> list[Problem]:
    """The problems, those of settings without effect with the offer to take the setting out."""
    found = list(problems)
    spans = {problem.span for problem in found if problem.code == "ignored-setting"}
    if not spans:
        return found
    blocks = (node for node in nodes(tree) if isinstance(node, Object))
    places = {m.key.span: (block, m) for block in blocks for m in block.members if m.key.span in spans}
    for number, problem in enumerate(found):
        if problem.span in places and problem.code == "ignored-setting":
            block, member = places[problem.span]
            fix = Fix(f'Remove "{member.name}"', remove_member(text, block, member))
            found[number] = replace(problem, fixes=(fix,))
    return found


def _one_each(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The most severe problem of each span, of equals the one found last, which knows most."""
    best: dict[Span, Problem] = {}
    for problem in problems:
        other = best.get(problem.span)
        if other is None or _RANK[problem.severity] <= _RANK[other.severity]:
            best[problem.span] = problem
    return tuple(best[span] for span in sorted(best))
