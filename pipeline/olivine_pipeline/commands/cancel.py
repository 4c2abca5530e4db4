"""`olivine cancel`: stop a run, whoever started it."""

from __future__ import annotations

import argparse
import sys

from olivine_pipeline.cli import DONE, FAILED, REFUSED
from olivine_pipeline.commands.runs import find, take_run, unreadable
from olivine_schemas.ledger import control
from olivine_schemas.runs import ACTIVE, RunState


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    take_run(parser, "stop")


def execute(args: argparse.Namespace) -> int:
    """Ask the run to stop, then insist, then end it; returns once nothing of it is alive."""
    folder = find(args.run)
    if folder is None:
        return REFUSED
    record = control.settled(folder)
    if record is None:
        return unreadable(folder)
    if record.state not in ACTIVE:
        print(f"{folder.id} has ended already: {record.state.value}")
        return DONE
    print(f"stopping {folder.id}, which keeps what is finished ...", flush=True)
    try:
        state = control.cancel(folder)
    except OSError as error:
        print(f"olivine: {folder.path} cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    if state is None or state in ACTIVE:
        print(f"olivine: {folder.id} cannot be ended from here", file=sys.stderr)
        return FAILED
    print(f"{state.value}. Go on: olivine resume {folder.id}" if state is RunState.CANCELLED else state.value)
    return DONE
