"""`olivine doctor`: what this machine has, and whether a config can run on it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from olivine_pipeline import doctor, findings
from olivine_pipeline.cli import DONE, REFUSED
from olivine_pipeline.documents import read_config
from olivine_pipeline.errors import ConfigRefused, RunError

MARKS = {"yes": ("yes", "32"), "no": ("no", "31"), "note": ("-", "2")}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config", nargs="?", type=Path, metavar="CONFIG", help="config to judge; without one, a LoRA on the CPU"
    )


def execute(args: argparse.Namespace) -> int:
    """Print what is here and whether it suffices; 2 when it does not."""
    folder = args.config.parent if args.config else Path()
    show("This machine", doctor.machine(folder / ".olive-cache"))
    show("Packages", doctor.packages())
    question = f"Can {args.config} run here?" if args.config else "Can it fine-tune?"
    try:
        if args.config:
            read_config(args.config)
        verdicts = doctor.can_run(args.config) if args.config else doctor.can_train()
    except ConfigRefused as error:
        print(findings.human([findings.of_refusal(error)], findings.wants_colour(sys.stdout)))
        verdicts = [doctor.Finding("no", "config", "it is refused")]
    except RunError as error:
        verdicts = [doctor.Finding("no", "config", f"{error.message} {error.hint}".rstrip())]
    show(question, verdicts)
    return REFUSED if any(finding.verdict == "no" for finding in verdicts) else DONE


def show(title: str, lines: list[doctor.Finding]) -> None:
    """Print one part of the report."""
    colour = findings.wants_colour(sys.stdout)
    width = max((len(line.about) for line in lines), default=0)
    print(title)
    for line in lines:
        mark, code = MARKS[line.verdict]
        painted = f"\x1b[{code}m{mark:<3}\x1b[0m" if colour else f"{mark:<3}"
        print(f"  {painted} {line.about:<{width}}  {line.text}")
    print()
