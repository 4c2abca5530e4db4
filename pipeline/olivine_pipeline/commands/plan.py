"""`olivine plan`: what a run of a config would do, without doing it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from olivine_pipeline import findings
from olivine_pipeline.cli import DONE, REFUSED
from olivine_pipeline.documents import read_config
from olivine_pipeline.errors import ConfigRefused, RunError

DEFAULT_CONFIG = Path("olive-config.json")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config",
        nargs="?",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="CONFIG",
        help=f"config to plan (default: {DEFAULT_CONFIG})",
    )
    parser.add_argument("--up-to", metavar="PASS", help="plan up to this pass")


def execute(args: argparse.Namespace) -> int:
    """Print the passes in order, and whether the cache has their results."""
    from olivine_pipeline.plan import plan

    try:
        read_config(args.config)
        planned = plan(args.config, up_to=args.up_to)
    except ConfigRefused as error:
        print(findings.human([findings.of_refusal(error)], findings.wants_colour(sys.stdout)))
        return REFUSED
    except RunError as error:
        print(f"olivine: {error.message} {error.hint}".rstrip(), file=sys.stderr)
        return REFUSED
    device = planned.site.device
    print(f"{args.config} on {device.kind} ({device.name})")
    rows = [(step.name, step.type.name, "cached" if step.entry else "to run", step.key[:12]) for step in planned.passes]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for number, row in enumerate(rows, 1):
        print(f"  {number}. " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    if not rows:
        print("  no passes: a run measures the input model only")
    return DONE
