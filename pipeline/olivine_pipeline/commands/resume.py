"""`olivine resume`: go on with a run that was stopped or that failed."""

from __future__ import annotations

import argparse
import sys

from olivine_pipeline.cli import FAILED, REFUSED
from olivine_pipeline.commands import run
from olivine_pipeline.commands.runs import find, take_run, unreadable
from olivine_schemas.ledger.control import reopen, settled


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    take_run(parser, "go on with")
    run.show_and_wait(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the same config again in the same folder, from the last checkpoint on; the exit code is as of `run`."""
    folder = find(args.run)
    if folder is None:
        return REFUSED
    try:
        record = reopen(folder)
    except OSError as error:
        print(f"olivine: {folder.path} cannot be written: {error.strerror or error}", file=sys.stderr)
        return FAILED
    if record is None:
        now = settled(folder)
        if now is None:
            return unreadable(folder)
        print(f"olivine: {folder.id} is {now.state.value}, not to be resumed", file=sys.stderr)
        return REFUSED
    parser = argparse.ArgumentParser()
    run.configure(parser)
    again = ["--run-folder", str(folder.path), *(["--plain"] if args.plain else [])]
    given = parser.parse_args([*again, *(["--events", args.events] if args.events else []), "--", record.config])
    given.at_once = args.at_once
    return run.execute(given)
