"""`olivine attach`: watch a run that goes on, whoever started it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import closing

from olivine_pipeline.cli import CANCELLED, DONE, FAILED, REFUSED
from olivine_pipeline.commands.runs import find, head, take_run, unreadable
from olivine_pipeline.terminal import Display, open_display
from olivine_schemas.ledger.control import settled
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.ledger.follow import Follower
from olivine_schemas.runs import ACTIVE, Event, RunFailed, RunRecord, RunState

RECENT_BYTES = 1 << 22
"""Of what a run has told already, as much is read."""
POLL_SECONDS = 0.1
CODES = {RunState.SUCCEEDED: DONE, RunState.CANCELLED: CANCELLED}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    take_run(parser, "watch")
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")


def execute(args: argparse.Namespace) -> int:
    """Show the run until it ends; an interrupt leaves it alone. The exit code is that of the run."""
    folder = find(args.run)
    if folder is None:
        return REFUSED
    if folder.read() is None:
        return unreadable(folder)
    display = open_display(sys.stdout, args.plain)
    try:
        with closing(display):
            return watch(folder, display)
    except KeyboardInterrupt:
        print(f"\nThe run goes on. Watch it again: olivine attach {folder.id}; stop it: olivine cancel {folder.id}")
        return DONE


def watch(folder: RunFolder, display: Display) -> int:
    """Show what the run tells, from the beginning of its latest attempt, until nothing of it is alive."""
    follower = Follower(folder.events)
    follower.skip_to_last(RECENT_BYTES)
    record, told, refused = settled(folder), None, False
    began = (record.started or 0.0) if record and record.attempt > 1 else 0.0  # a clock may be set back in between
    if follower.offset:  # the first event names the passes
        for event in head(folder):
            display.write(event)
    while record:
        for event in since(began, follower):
            display.write(event)
            refused = refused or (isinstance(event, RunFailed) and event.code == "config-refused")
        if record.state not in ACTIVE:
            return ended(record, display, refused)
        if record.state in (RunState.QUEUED, RunState.CANCELLING) and record.state is not told:
            told = record.state
            display.show_text(f"{folder.id} is {told.value}")
        time.sleep(POLL_SECONDS)
        record = settled(folder)
    display.show_text(f"The folder of {folder.id} is gone.")
    return FAILED


def since(began: float, follower: Follower) -> Iterator[Event]:
    """New events, without those of earlier attempts."""
    return (event for event in follower.new_events() if event.time >= began)


def ended(record: RunRecord, display: Display, refused: bool) -> int:
    """The exit code of a run that has ended; a lost one has not said so itself."""
    if record.state is RunState.LOST:
        display.show_text(f"{record.id} is lost: its process ended without a word. Go on: olivine resume {record.id}")
    return REFUSED if refused else CODES.get(record.state, FAILED)
