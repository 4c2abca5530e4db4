"""What a rule is, and what it gets to see."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from olivine_schemas.facts import NO_FACTS, Facts
from olivine_schemas.problems import Fix, Problem, Severity
from olivine_schemas.tree import Member, Node, Object


@dataclass(frozen=True)
class Context:
    """One config, as a rule sees it."""

    text: str
    """The text as written."""
    tree: Object
    """The tree of the text as written."""
    workflow: Object
    """The same config in canonical form; nodes keep the spans of the text."""
    generation: str = "new"
    """Which generation of the language the text speaks: old or new."""
    facts: Facts = NO_FACTS
    """What is known of the files and devices around it."""
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """What rules have read of it: see `once`."""


P = ParamSpec("P")
T = TypeVar("T")


def once(read: Callable[Concatenate[Context, P], T]) -> Callable[Concatenate[Context, P], T]:
    """Let a config be read once for all the rules that ask the same of it; nobody changes what comes back."""

    @wraps(read)
    def kept(context: Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        question = (read, *args)
        if question not in context.kept:
            context.kept[question] = read(context, *args, **kwargs)
        found: T = context.kept[question]
        return found

    return kept


@dataclass(frozen=True)
class Rule:
    """One diagnostic: `check` yields its problems. Its module's docstring is its documentation."""

    code: str
    severity: Severity
    check: Callable[[Context], Iterable[Problem]]
    in_doubt: bool = True
    """Whether it is told while a key is missing, misspelt or of the wrong type, which may be the cause."""

    @property
    def documentation(self) -> str:
        """What it means, why it matters, an example, and what Olivine does; Markdown, first line the title."""
        return (sys.modules[self.check.__module__].__doc__ or "").strip()

    def at(self, node: Node | Member, message: str, *fixes: Fix | None, severity: Severity | None = None) -> Problem:
        """A problem of this rule at a node, or at the key of a member; fixes that are None are left out."""
        span = node.key.span if isinstance(node, Member) else node.span
        offered = tuple(fix for fix in fixes if fix is not None)
        return Problem(span, severity or self.severity, self.code, message, offered)
