"""`olivine run`: do what a config says."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import Timeout

from olivine_pipeline import queue
from olivine_pipeline.documents import DEFAULT_CONFIG, is_yaml, read_config
from olivine_pipeline.errors import RunError
from olivine_pipeline.journal import EventFile, Journal
from olivine_pipeline.session import Session, listen, quiet_libraries, show_text, told
from olivine_pipeline.terminal import Display, open_display
from olivine_schemas.ledger.folder import RunFolder, create, root_of
from olivine_schemas.overrides import OverrideRefused, override, parse_override
from olivine_schemas.runs import RunArguments, RunState

if TYPE_CHECKING:
    from olivine_pipeline.plan import Plan, Wishes
    from olivine_pipeline.report import RunReport

POLL_SECONDS = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config", nargs="?", type=Path, metavar="CONFIG", help=f"config to run (default: {DEFAULT_CONFIG})"
    )
    parser.add_argument(
        "--config", dest="named", type=Path, metavar="CONFIG", help="the same, as Microsoft Olive spells it"
    )
    parser.add_argument("--fresh", action="store_true", help="run every pass again, whatever is cached")
    what_to_run(parser)
    show_and_wait(parser)


def what_to_run(parser: argparse.ArgumentParser) -> None:
    """Declare how a run departs from its config."""
    parser.add_argument("--up-to", metavar="PASS", help="stop after this pass")
    parser.add_argument("--force", action="store_true", help="go on in spite of errors that the check finds")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="set a value of the config for this run, as in passes.tune.r=8; the value is JSON",
    )
    parser.add_argument("--run-folder", type=Path, metavar="FOLDER", help="be the run that FOLDER was made for")


def show_and_wait(parser: argparse.ArgumentParser) -> None:
    """Declare how a run is shown, and what it waits for."""
    parser.add_argument("--events", metavar="FILE", help="append events as JSON lines to FILE; - is standard output")
    parser.add_argument(
        "--at-once",
        type=count,
        metavar="N",
        help=f"wait while N runs use the device (default: 1, or {queue.AT_ONCE_VARIABLE})",
    )
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")


def count(text: str) -> int:
    """A number of runs, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs")
    return int(text)


def execute(args: argparse.Namespace) -> int:
    """Run the config and tell how it goes; the exit code says how it ended."""
    config = args.named or args.config or DEFAULT_CONFIG
    display = open_display(sys.stderr if args.events == "-" else sys.stdout, args.plain)
    journal = Journal([display, *([EventFile(args.events)] if args.events else [])])
    with closing(journal):
        return supervise(Session(config, args, display, journal))


def supervise(run: Session) -> int:
    """Run, and show what came of it; the exit code says how it ended."""

    def listen_and_work(run: Session) -> RunReport | None:
        listen(run)
        run.cancel.leave_after(run.last_words)
        return work(run)

    def show(report: RunReport | None) -> None:
        if report:
            show_stages(report, run.displays)

    return told(run, listen_and_work, show)


def work(run: Session) -> RunReport | None:
    """Do what the config says: here, or as a job of Azure ML, whose report comes with its results."""
    asked, text = taken_up(run)
    run.cancel.check()
    quiet_libraries(run.journal)
    from olivine_pipeline.hosts.azureml.request import config_for_job
    from olivine_pipeline.plan import Wishes

    wishes = Wishes(asked.up_to, asked.fresh, asked.force)
    config = config_for_job(run.config, text, force=wishes.force)
    if config is None:
        return work_here(run, text, wishes)
    from olivine_pipeline.commands.submit import submit
    from olivine_pipeline.hosts.azureml.host import prepare_config

    submit(run, prepare_config(config, wishes), text)
    return None


def work_here(run: Session, text: str, wishes: Wishes) -> RunReport:
    """Plan, wait for the device, and do what is planned."""
    from olivine_pipeline import workflow

    planned = workflow.prepare(run.config, text, wishes)
    if not run.recorder:
        keep(run, text)
    planned = workflow.fetch(planned, run.journal, run.cancel)
    with turn(run, planned) as waited:
        if waited:  # what ran before may have made what this run would
            planned = workflow.prepare(run.config, text, wishes)
        resumed = run.record is not None and run.record.attempt > 1
        return workflow.run(planned, run.journal, cancel=run.cancel, resumed=resumed)


def taken_up(run: Session) -> tuple[RunArguments, str]:
    """What is asked and the text of the config: of the folder that was made for the run, else of the command line."""
    if run.args.run_folder:
        folder = RunFolder(run.args.run_folder.absolute())
        return run.take_up(folder).arguments, read_config(folder.config)
    text = overridden(run)
    return arguments(run.args), text


def overridden(run: Session) -> str:
    """The text of the config with what the command line sets in it."""
    text = read_config(run.config)
    try:
        return override(text, dict(map(parse_override, run.args.set)), yaml=is_yaml(run.config))
    except OverrideRefused as error:
        raise RunError("override-refused", str(error)) from None


def arguments(args: argparse.Namespace) -> RunArguments:
    """What the command line asks of the run."""
    return RunArguments(args.up_to, args.fresh, args.force, dict(map(parse_override, args.set)))


def keep(run: Session, text: str) -> None:
    """Make a folder for a run that starts in a terminal; one that cannot have one goes on without."""
    try:
        folder = create(root_of(run.config), run.config, text, arguments(run.args))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        run.journal.warn("no-run-folder", f"This run leaves no record: its folder cannot be made ({reason}).")
        return
    with suppress(RunError):  # deleted already
        run.take_up(folder)


@contextmanager
def turn(run: Session, planned: Plan) -> Iterator[bool]:
    """Use the device; yields whether that took waiting. A run that finds every result in the cache does not ask."""
    from olivine_pipeline import workflow

    ticket = None
    if workflow.has_work(planned):
        try:
            name = run.record.id if run.record else f"process-{os.getpid()}"
            ticket = queue.draw(planned.site.device.kind, name)
        except OSError as error:
            run.journal.warn("no-queue", f"This run does not wait for others: {error.strerror or error}.")
    try:
        yield wait(run, ticket) if ticket else False
    finally:
        if ticket:
            ticket.give_back()


def wait(run: Session, ticket: queue.Ticket) -> bool:
    """Stand in the queue until few enough runs are ahead; says behind whom. Whether that took any time."""
    at_once, told = queue.at_once(run.args.at_once), ""
    while len(ahead := others(ticket)) >= at_once:
        if not told and run.recorder:
            run.recorder.state(RunState.QUEUED)
        if ahead[-1] != told:
            told = ahead[-1]
            run.journal.log("info", f"waiting behind {told}")
            show_text(f"waiting for the device, behind the run {told}", run.displays)
        run.cancel.check()
        time.sleep(POLL_SECONDS)
    return bool(told)


def others(ticket: queue.Ticket) -> list[str]:
    """The runs ahead; none where the queue is gone."""
    while True:
        try:
            return ticket.ahead()
        except Timeout:
            continue
        except OSError:
            return []


def show_stages(report: RunReport, displays: list[Display]) -> None:
    """Show what was measured at every stage, and some prompts with their answers."""
    from olivine_pipeline.report import answer_table, stage_table

    tables = [stage_table(report), *([answer_table(report)] if report.samples else [])]
    for display in displays:
        for table in tables:
            with suppress(OSError):
                display.show(table)
