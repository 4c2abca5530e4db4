"""`olivine runs`: the runs of a workspace, and how the other commands find one."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from olivine_pipeline.cli import DONE, REFUSED
from olivine_pipeline.wording import clean, duration, near, number
from olivine_schemas.ledger import folder as ledger
from olivine_schemas.ledger.control import settled
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.ledger.follow import Follower
from olivine_schemas.ledger.process import members
from olivine_schemas.ledger.summary import Summary
from olivine_schemas.runs import ACTIVE, Event, Metric, RunRecord, RunStarted, RunState, load_event

SHOWN = 20
HEAD_BYTES, TAIL_BYTES = 1 << 16, 1 << 18
"""Of an event file: what tells of the passes, and what tells how far they are."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--all", action="store_true", help=f"list every run, not only the last {SHOWN}")
    parser.add_argument("--format", choices=("human", "json"), default="human", help="how to print the list")
    parser.add_argument(
        "--delete", metavar="RUN", help="delete the folder of a run that has ended; its results and the cache stay"
    )


def execute(args: argparse.Namespace) -> int:
    """List the workspace's runs, or delete one."""
    if args.delete is not None:
        return delete(args.delete)
    folders = ledger.run_folders(workspace())
    shown = folders if args.all else folders[:SHOWN]
    listed = [seen(folder, record) for folder in shown if (record := settled(folder))]
    if args.format == "json":
        print(json.dumps([plain(one) for one in listed], indent=2, ensure_ascii=False))
        return DONE
    print(table(listed) if listed else "No runs here.")
    if len(folders) > len(shown):
        print(f"{len(folders) - len(shown)} older ones: olivine runs --all")
    return DONE


def delete(run: str) -> int:
    """Delete a run's folder, unless something of the run is alive."""
    folder = find(run)
    if folder is None:
        return REFUSED
    record = settled(folder)
    if record and record.state in ACTIVE:
        print(f"olivine: {folder.id} is {record.state.value}; first: olivine cancel {folder.id}", file=sys.stderr)
        return REFUSED
    if record is None and any(members(folder.path)):  # it is alive all the same
        return unreadable(folder)
    try:
        ledger.delete(folder)
    except OSError as error:
        print(f"olivine: {folder.path} cannot be deleted: {error.strerror}", file=sys.stderr)
        return REFUSED
    print(f"deleted {folder.id}")
    return DONE


def workspace() -> Path:
    """The workspace of the current folder."""
    return ledger.root_of(Path.cwd() / "olive-config.json")


def take_run(parser: argparse.ArgumentParser, does: str) -> None:
    """Declare the argument that names a run."""
    parser.add_argument(
        "run",
        nargs="?",
        default="last",
        metavar="RUN",
        help=f"run to {does}: its id, a unique start or end of it, or last (default)",
    )


def find(run: str) -> RunFolder | None:
    """The run that is meant; says so where there is none."""
    root = workspace()
    folder = ledger.find_run(root, run)
    if folder is None:
        which = "are no runs" if run == "last" else f'is no run that "{run}" means alone'
        print(f"olivine: there {which} in {root}; see: olivine runs --all", file=sys.stderr)
    return folder


def unreadable(folder: RunFolder) -> int:
    """Say that nobody here knows what a run is doing; the exit code for that."""
    print(f"olivine: the record of {folder.id} cannot be read: damaged, or of a later Olivine", file=sys.stderr)
    return REFUSED


@dataclass(frozen=True)
class Seen:
    """A run with how far it is, and the latest loss of its training."""

    record: RunRecord
    percent: int
    loss: float | None


def seen(folder: RunFolder, record: RunRecord) -> Seen:
    """A run and what its files tell, of long ones the beginning and the end."""
    summary = Summary()
    for event in (*head(folder), *tail(folder.events)):
        summary.add(event)
    losses = [event.value for event in tail(folder.metrics) if isinstance(event, Metric) and event.name == "loss"]
    percent = 100 if record.state is RunState.SUCCEEDED else min(summary.percent, 99)
    return Seen(replace(record, id=folder.id), percent, losses[-1] if losses else None)


def head(folder: RunFolder) -> Iterator[Event]:
    """The event at the beginning of the event file that names the passes."""
    with suppress(OSError), folder.events.open("rb") as file:
        event = load_event(file.readline(HEAD_BYTES).decode("utf-8", "replace"))
        if isinstance(event, RunStarted):
            yield event


def tail(file: Path) -> Iterator[Event]:
    """The last events of a file."""
    follower = Follower(file)
    follower.skip_to_last(TAIL_BYTES)
    return follower.new_events()


def table(listed: list[Seen]) -> str:
    """The runs in columns."""
    rows = [("run", "state", "config", "started", "took", "done", "loss"), *map(cells, listed)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def cells(one: Seen) -> tuple[str, str, str, str, str, str, str]:
    """One run in words."""
    record, seconds = one.record, took(one.record)
    return (
        clean(record.id),
        record.state.value,
        clean(near(record.config)),
        time.strftime("%Y-%m-%d %H:%M", time.localtime(record.started)) if record.started else "",
        "" if seconds is None else duration(seconds),
        f"{one.percent}%",
        "" if one.loss is None else number(one.loss),
    )


def took(record: RunRecord) -> float | None:
    """Seconds of the latest attempt so far; None for one that has not begun, or of which nobody knows when it ended."""
    if record.started is None or (record.ended is None and record.state not in ACTIVE):
        return None
    return max(0.0, (record.ended or time.time()) - record.started)


def plain(one: Seen) -> dict[str, Any]:
    """One run as data."""
    return {**asdict(one.record), "state": one.record.state.value, "percent": one.percent, "loss": one.loss}
