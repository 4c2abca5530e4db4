"""`olivine plan`: what a run of a config would do, without doing it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from olivine_pipeline import findings
from olivine_pipeline.cli import DONE, REFUSED
from olivine_pipeline.documents import DEFAULT_CONFIG, read_config
from olivine_pipeline.errors import ConfigRefused, RunError
from olivine_pipeline.wording import duration, size

if TYPE_CHECKING:
    from olivine_pipeline.estimate import Estimate
    from olivine_pipeline.plan import Config, PlannedPass, Wishes


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
    parser.add_argument("--stdin", action="store_true", help="read the text of CONFIG from standard input")


def execute(args: argparse.Namespace) -> int:
    """Print what a run of the config does: here, or as a job of Azure ML."""
    from olivine_pipeline.hosts.azureml.request import config_for_job
    from olivine_pipeline.plan import Wishes

    wishes = Wishes(up_to=args.up_to)
    try:
        text = sys.stdin.read() if args.stdin else read_config(args.config)
        config = config_for_job(args.config, text)
        print(of_job(config, wishes) if config else of_this_machine(args.config, text, wishes))
    except ConfigRefused as error:
        print(findings.human([findings.of_refusal(error)], findings.wants_colour(sys.stdout)))
        return REFUSED
    except RunError as error:
        print(f"olivine: {error.message} {error.hint}".rstrip(), file=sys.stderr)
        return REFUSED
    return DONE


def of_job(config: Config, wishes: Wishes) -> str:
    """What is uploaded and asked for. `ConfigRefused` and `RunError` where that cannot be."""
    from olivine_pipeline.hosts.azureml.host import prepare_config
    from olivine_pipeline.hosts.azureml.overview import overview

    return f"{config.path.name} as a job of Azure ML\n" + overview(prepare_config(config, wishes))


def of_this_machine(path: Path, text: str, wishes: Wishes) -> str:
    """The passes in order, and whether the cache has their results. `ConfigRefused` and `RunError`."""
    from olivine_pipeline.estimate import estimate_passes
    from olivine_pipeline.plan import plan

    planned = plan(path, text, wishes)
    device = planned.site.device
    lines = [f"{path} on {device.kind} ({device.name})"]
    rows = [("pass", "type", "", "about", "memory", "disk")]
    for step, estimate in zip(planned.passes, estimate_passes(planned), strict=True):
        state = "cached" if step.entry else "to run" if step.site.here else f"to run at {step.site.device.name}"
        rows.append((step.name, step.type.name, state, *takes(step, estimate)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows if planned.passes else []):
        cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        lines.append(f"  {f'{number}.' if number else '  '} {cells}")
    lines += [f"  needs {one.address}" for one in planned.inputs]
    if not planned.passes:
        lines.append("  no passes: a run measures the input model only")
    return "\n".join(lines)


def takes(step: PlannedPass, estimate: Estimate) -> tuple[str, str, str]:
    """Time, memory and disk of a pass in words; a finished one takes nothing more."""
    if step.entry:
        return "0 s", "", size(step.entry.size_bytes)
    time = "?" if estimate.seconds is None else duration(max(estimate.seconds, 1))
    memory, disk = ("?" if count is None else size(count) for count in (estimate.memory_bytes, estimate.disk_bytes))
    return time, memory, disk
