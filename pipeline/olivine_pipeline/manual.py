"""Write the manual of the command line, docs/cli.md, from the arguments that the commands declare.

python -m olivine_pipeline.manual > docs/cli.md
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from .cli import COMMANDS, EXIT_CODES, Parser, command

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

HEAD = """\
# The command line

Written by `python -m olivine_pipeline.manual`; `olivine COMMAND --help` says the same.
"""


def manual() -> str:
    """The manual as Markdown."""
    return "\n".join([HEAD, *map(section, COMMANDS), "## Exit codes\n", *exit_codes(), ""])


def section(name: str) -> str:
    """One command: what it does, how it is called, what its arguments mean."""
    parser = Parser(prog=f"olivine {name}", add_help=False)
    command(name).configure(parser)
    actions = parser._actions
    options = ["[options]"] if any(action.option_strings for action in actions) else []
    call = " ".join([f"olivine {name}", *options, *(written(a) for a in actions if not a.option_strings)])
    summary = COMMANDS[name]
    parts = [f"## `olivine {name}`", f"{summary[0].upper()}{summary[1:]}.", f"```\n{call}\n```"]
    if actions:
        parts.append("\n".join(["| argument | meaning |", "| --- | --- |", *map(row, actions)]))
    return "\n\n".join(parts) + "\n"


def written(action: argparse.Action) -> str:
    """How a file or folder stands in a command line: FILE..., [CONFIG]."""
    return {"+": f"{action.metavar}...", "?": f"[{action.metavar}]"}.get(str(action.nargs), str(action.metavar))


def row(action: argparse.Action) -> str:
    """One argument as a row of the table."""
    names = f"`{action.option_strings[0]}`" if action.option_strings else f"`{action.metavar}`"
    if action.option_strings and action.nargs != 0:
        values = ", ".join(f"`{choice}`" for choice in action.choices or [])
        names += f" {values or f'`{action.metavar}`'}"
    return f"| {names} | {action.help} |"


def exit_codes() -> Iterator[str]:
    """The exit codes as a table."""
    yield "| code | meaning |"
    yield "| --- | --- |"
    for line in EXIT_CODES.splitlines()[1:]:
        code, _, meaning = line.strip().partition(" ")
        yield f"| {code} | {meaning.strip()} |"


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say whether it is stale."""
    current = MANUAL.exists() and MANUAL.read_text(encoding="utf-8") == manual()
    if "--check" in arguments:
        print("" if current else f"{MANUAL.name} is stale: run python -m olivine_pipeline.manual", end="")
        return 0 if current else 1
    MANUAL.write_text(manual(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
