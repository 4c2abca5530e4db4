"""What can be done about a place in a config: quick fixes, fixing all, today's form, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from olivine_schemas.migrate import migrate
from olivine_schemas.parser import parse
from olivine_schemas.problems import Edit, Fix, Problem, Span, apply_edits
from olivine_schemas.resolve import resolve
from olivine_schemas.tree import Object, to_data
from olivine_server.workspace import Document

from .additions import add_missing_keys, create_data_config
from .diagnostics import diagnostics
from .extraction import extractions
from .replacing import replacement

QUICK_FIX, EXTRACT, REWRITE = "quickfix", "refactor.extract", "refactor.rewrite"
FIX_ALL = "source.fixAll.olivine"
KINDS = (QUICK_FIX, EXTRACT, REWRITE, FIX_ALL)
TODAY = "Migrate to today's form"
ROUNDS = 20
"""Times that fixing all may start over: a fix can uncover what another problem hid."""


@dataclass(frozen=True)
class Action:
    """One offer. `problem` is what it repairs; `preferred` marks the only repair of it."""

    title: str
    kind: str
    edits: tuple[Edit, ...]
    problem: Problem | None = None
    preferred: bool = False


def actions(
    document: Document, span: Span, severities: Mapping[str, str], only: tuple[str, ...] = KINDS
) -> list[Action]:
    """What is offered for a span; `only` are the kinds asked for, each with all that it is the beginning of."""
    found: list[Action] = []
    if _wanted(QUICK_FIX, only):
        found += quick_fixes(document, span, severities)
    if _wanted(EXTRACT, only) or _wanted(QUICK_FIX, only):
        found += _extracted(document, span, only)
    if _wanted(REWRITE, only):
        found += migrations(document, span)
    if _wanted(FIX_ALL, only) and (edits := fix_all(document)):
        found.append(Action("Fix all that has one repair", FIX_ALL, edits))
    return found


def _wanted(kind: str, only: tuple[str, ...]) -> bool:
    return any(kind == wish or kind.startswith(f"{wish}.") for wish in only)


def _extracted(document: Document, span: Span, only: tuple[str, ...]) -> Iterator[Action]:
    """What can be moved to its table; of what must not stay where it is, that is the repair."""
    for offer in extractions(document, span):
        kind = QUICK_FIX if offer.needed else EXTRACT
        if _wanted(kind, only):
            yield Action(offer.fix.title, kind, offer.fix.edits)


def quick_fixes(document: Document, span: Span, severities: Mapping[str, str]) -> list[Action]:
    """The repairs of the problems that touch a span."""
    found: list[Action] = []
    for problem in diagnostics(document, severities):
        if problem.span.start <= span.end and span.start <= problem.span.end:
            fixes = _repairs(document, problem)
            found += [Action(fix.title, QUICK_FIX, fix.edits, problem, fixes == [*problem.fixes[:1]]) for fix in fixes]
    return found


def _repairs(document: Document, problem: Problem) -> list[Fix]:
    offered = [*problem.fixes, *problem.suggestions]
    if document.yaml:
        return [fix for fix in offered if _repairs_yaml(document, problem, fix)]
    more = {"dangling-data-config": create_data_config, "missing-key": add_missing_keys}.get(problem.code)
    added = more(document, problem) if more and not problem.fixes[1:] else None
    return [*offered, *([added] if added and added.edits not in [fix.edits for fix in offered] else [])]


def _repairs_yaml(document: Document, problem: Problem, fix: Fix) -> bool:
    """Whether a repair, made with JSON in mind, does in YAML what it should."""
    before = Counter(each.code for each in document.checked.problems)
    mended = document.check(apply_edits(document.text, fix.edits))
    after = Counter(each.code for each in mended.problems)
    return after <= before and after[problem.code] < before[problem.code]


# The whole document


def fix_all(document: Document) -> tuple[Edit, ...]:
    """The edits that apply the only repair of every problem that has exactly one."""
    text, problems = document.text, document.checked.problems
    for _ in range(0 if document.yaml else ROUNDS):
        edits = _compatible([problem for problem in problems if len(problem.fixes) == 1])
        if not edits:
            break
        text = apply_edits(text, edits)
        problems = document.check(text).problems
    return replacement(document.text, text)


def _compatible(problems: list[Problem]) -> list[Edit]:
    """The edits of repairs that touch no common place; of two that do, the later waits for the next round."""
    taken: list[Edit] = []
    for edits in (problem.fixes[0].edits for problem in problems):
        if not any(_touch(edit.span, other.span) for edit in edits for other in taken):
            taken += edits
    return taken


def _touch(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


def migrations(document: Document, span: Span) -> Iterator[Action]:
    """Today's form for the block of the document that the span is in, and for all of it."""
    today = document.text if document.yaml else _migrated(document.text)
    if today == document.text:
        return
    edits = replacement(document.text, today)
    block = _block_today(document, today, span)
    if block and apply_edits(document.text, block.edits) != today:
        yield Action(block.title, REWRITE, block.edits)
    yield Action(f"{TODAY}: the whole document", REWRITE, edits)


@lru_cache(maxsize=2)
def _migrated(text: str) -> str:
    """Kept, because editors ask at every move of the cursor."""
    try:
        return migrate(text)
    except RecursionError:  # nested deeper than any config
        return text


def _block_today(document: Document, today: str, span: Span) -> Fix | None:
    """One top-level key in today's form, if the document means the same with only that changed."""
    tree, new_tree = document.tree, parse(today).tree
    if not isinstance(tree, Object) or not isinstance(new_tree, Object):
        return None
    around = (m for m in tree.members if m.key.span.start <= span.start <= m.value.span.end)
    member = next(around, None)
    new = new_tree.get(member.name) if member else None
    if member is None or new is None:
        return None
    edits = (Edit(member.value.span, today[new.span.start : new.span.end]),)
    text = apply_edits(document.text, edits)
    if text == document.text or _meaning(parse(text).tree) != _meaning(tree):
        return None
    return Fix(f'{TODAY}: "{member.name}"', edits)


def _meaning(tree: Any) -> Any:
    return to_data(resolve(tree).workflow)
