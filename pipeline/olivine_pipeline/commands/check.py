"""`olivine check`: what is wrong with configs, and mending what has one remedy."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from olivine_pipeline import findings
from olivine_pipeline.cli import DONE, REFUSED
from olivine_pipeline.documents import BOM, is_yaml, read_config
from olivine_pipeline.errors import RunError
from olivine_schemas.files import write_whole
from olivine_schemas.problems import Edit, Fix, Problem, apply_edits

ROUNDS = 20
"""Times that mending may start over: a fix can uncover what it hid."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="config to check")
    parser.add_argument("--format", choices=("human", "json", "sarif"), default="human", help="how to print problems")
    parser.add_argument("--fix", action="store_true", help="apply the fix of every problem that has exactly one")
    parser.add_argument("--strict", action="store_true", help="refuse warnings too")


def execute(args: argparse.Namespace) -> int:
    """Check every file; 2 when one is refused or cannot be read."""
    checked: list[findings.Checked] = []
    readable = True
    for path in args.files:
        try:
            checked.append(mend(path) if args.fix else check_file(path))
        except (RunError, OSError) as error:
            print(f"olivine: {error}", file=sys.stderr)
            readable = False
    if checked or args.format != "human":
        show(checked, args.format)
    return DONE if readable and not findings.refused(checked, args.strict) else REFUSED


def show(checked: list[findings.Checked], format: str) -> None:
    """Print what was found."""
    if format == "json":
        print(json.dumps(findings.as_json(checked), indent=2, ensure_ascii=False))
    elif format == "sarif":
        from olivine_pipeline.cli import version

        print(json.dumps(findings.as_sarif(checked, version()), indent=2, ensure_ascii=False))
    else:
        print(findings.human(checked, findings.wants_colour(sys.stdout)))


def check_file(path: Path) -> findings.Checked:
    """The problems of one file; `RunError` where it has no text."""
    text = read_config(path).removeprefix(BOM)
    return findings.Checked(str(path), text, problems_of(path, text))


def problems_of(path: Path, text: str) -> tuple[Problem, ...]:
    """What is wrong with a config's text, judged from where it lies."""
    from olivine_schemas.check import check
    from olivine_schemas.disk_facts import DiskFacts

    facts = DiskFacts(path.absolute().parent, path.name)
    problems = check(text, facts, yaml=is_yaml(path)).problems
    # Asking every installed package for its passes takes a fifth of the time, and few configs need it.
    if any(problem.code == "unknown-type" for problem in problems) and (extra := extra_passes()):
        problems = check(text, facts, yaml=is_yaml(path), extra_passes=extra).problems
    return problems


def extra_passes() -> dict[str, Any]:
    """Parameter schemas of the passes that other packages add. Ours are in the schema; loading them would take long."""
    from importlib.metadata import entry_points

    theirs = [
        point for point in entry_points(group="olivine.passes") if not point.value.startswith("olivine_pipeline.")
    ]
    if not theirs:
        return {}
    from olivine_schemas.language.raw import parameter_schema

    return {point.name: parameter_schema(point.load().parameters) for point in theirs}


def mend(path: Path) -> findings.Checked:
    """Apply the only fix of every problem that has one, until nothing changes, and write the file if something did."""
    original = read_config(path)
    text = original.removeprefix(BOM)
    for _ in range(ROUNDS):
        problems = problems_of(path, text)
        edits = compatible_edits(problem.fixes[0] for problem in problems if len(problem.fixes) == 1)
        if not edits:
            break
        text = apply_edits(text, edits)
    if text != original.removeprefix(BOM):
        write_whole(path, (BOM if original.startswith(BOM) else "") + text)
    return findings.Checked(str(path), text, problems_of(path, text))


def compatible_edits(fixes: Iterable[Fix]) -> list[Edit]:
    """The edits of fixes that touch no common place; of two that do, the later waits for the next round."""
    taken: list[Edit] = []
    for fix in fixes:
        if not any(touch(edit, other) for edit in fix.edits for other in taken):
            taken += fix.edits
    return taken


def touch(edit: Edit, other: Edit) -> bool:
    """Whether two edits change the same characters or insert at the same place."""
    return edit.span.start <= other.span.end and other.span.start <= edit.span.end
