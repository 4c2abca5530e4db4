"""`olivine submit`: run a config on its Azure ML system, and follow the job until its results are here."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivine_pipeline.commands.run import arguments, keep, overridden, taken_up, what_to_run
from olivine_pipeline.documents import DEFAULT_CONFIG
from olivine_pipeline.journal import EventFile, Journal
from olivine_pipeline.session import Session, listen, told
from olivine_pipeline.terminal import open_display
from olivine_schemas.ledger.folder import RunFolder, create, root_of
from olivine_schemas.ledger.process import RUN_VARIABLE, identity
from olivine_schemas.runs import RunArguments, RunRecord

if TYPE_CHECKING:
    from olivine_pipeline.hosts.azureml.host import Prepared


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config",
        nargs="?",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="CONFIG",
        help=f"config to submit (default: {DEFAULT_CONFIG})",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be uploaded and asked for, and stop")
    parser.add_argument("--detach", action="store_true", help="leave the watching to a process in the background")
    parser.add_argument("--job", metavar="NAME", help="follow a job that was submitted before, from any machine")
    parser.add_argument("--events", metavar="FILE", help="append events as JSON lines to FILE; - is standard output")
    what_to_run(parser)
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")
    parser.set_defaults(fresh=False)


def execute(args: argparse.Namespace) -> int:
    """Submit and follow; the exit code says how the job ended."""
    display = open_display(sys.stderr if args.events == "-" else sys.stdout, args.plain or args.dry_run or args.detach)
    journal = Journal([display, *([EventFile(args.events)] if args.events else [])])
    run = Session(args.config, args, display, journal)
    with closing(journal):
        if args.dry_run:
            return told(run, show)
        return told(run, detach if args.detach else follow)


def show(run: Session) -> None:
    """What would be uploaded and asked for."""
    from olivine_pipeline.hosts.azureml.overview import overview

    text = overridden(run)
    run.display.show_text(overview(_prepared(run, text, arguments(run.args))))


def follow(run: Session) -> None:
    """Be the run: of the folder that was made for it, or of a new one."""
    listen(run)
    run.cancel.leave_after(run.last_words)
    asked, text = taken_up(run)
    submit(run, _prepared(run, text, asked), text, run.args.job)


def submit(run: Session, prepared: Prepared, text: str, job: str | None = None) -> None:
    """Submit the job of a run, unless it has one, and watch it to its end. Raises like any work of a run."""
    from olivine_pipeline.hosts.azureml import host

    if run.recorder is None:
        keep(run, text)

    def say(line: str) -> None:
        for display in run.displays:
            display.show_text(line)
        run.journal.log("info", line)

    recorder = run.recorder
    voice = host.Voice(run.journal, say, run.cancel)
    if recorder:
        voice = replace(voice, on_state=recorder.state, on_page=lambda url: recorder.note(url=url))
    host.run(prepared, voice, recorder.folder.path if recorder else None, job)


def _prepared(run: Session, text: str, asked: RunArguments) -> Prepared:
    from olivine_pipeline.hosts.azureml.host import prepare
    from olivine_pipeline.plan import Wishes

    return prepare(run.config, text, Wishes(up_to=asked.up_to, force=asked.force))


def detach(run: Session) -> None:
    """Refuse what cannot work, then let a process of its own be the run."""
    text = overridden(run)
    asked = arguments(run.args)
    _prepared(run, text, asked)
    folder = create(root_of(run.config), run.config, text, asked)
    command = [sys.executable, "-m", "olivine_pipeline", "submit", "--plain", "--run-folder", str(folder.path)]
    command += ["--job", run.args.job] if run.args.job else []

    def spawn(record: RunRecord) -> RunRecord:
        process = _spawned([*command, "--", str(run.config.absolute())], folder)
        return replace(record, pid=process.pid, process=identity(process.pid))

    folder.update(spawn)
    run.display.show_text(f"run {folder.id}; watch it: olivine attach {folder.id}")


def _spawned(command: list[str], folder: RunFolder) -> subprocess.Popen[bytes]:
    """A process that outlives this one and its terminal."""
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    quiet = subprocess.DEVNULL
    with folder.console.open("ab") as console:
        env = {**os.environ, RUN_VARIABLE: str(folder.path)}
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=console, env=env, **group)
