"""Faults that strike processes: killed, stopped, or asked to stop at any stage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from desk import command

from olivine_pipeline import queue
from olivine_schemas.ledger.folder import run_folders

from .moments import CACHED, comes_to, stage_of, under_way
from .trial import PATIENCE, Trial, Wrong
from .undisturbed import flow


def server_killed(trial: Trial) -> None:
    """The run goes on, a new server finds it, and it succeeds."""
    under_way(trial)
    trial.kill_server()
    trial.sit_down()
    trial.told("succeeded")
    trial.compare()


def server_killed_at_start(trial: Trial) -> None:
    """The server dies while it starts a run: there is a run that succeeds, one that is lost, or none."""
    trial.prepare()
    trial.sit_down()
    trial.editor.request("workspace/executeCommand", {"command": "olivine.listRuns", "arguments": [{}]})
    arguments = [{"uri": trial.desk.uri}]
    trial.editor.begin("workspace/executeCommand", {"command": "olivine.run", "arguments": arguments})
    time.sleep(trial.chance.uniform(0, 0.4))
    trial.kill_server()
    trial.sit_down()
    made_folders = run_folders(trial.place)
    if not made_folders:
        trial.folder = trial.start()
        trial.told("succeeded")
        return trial.compare()
    (trial.folder,) = made_folders
    if trial.told("succeeded", "lost") == "lost":
        trial.resume()
    return trial.compare()


def run_killed(trial: Trial) -> None:
    """The run's own process is killed: it is lost."""
    under_way(trial)
    kill(trial)
    lost_or_done(trial)


def both_killed(trial: Trial) -> None:
    """Server and run are killed, in either order: the next server finds it lost."""
    under_way(trial)
    order: list[Callable[[], None]] = [trial.kill_server, lambda: kill(trial)]
    for strike in order if trial.number % 2 else reversed(order):
        strike()
    trial.sit_down()
    lost_or_done(trial)


def kill(trial: Trial) -> None:
    """Kill the run's own process, whose children have to notice by themselves."""
    pid = trial.record.pid
    if pid is None:
        raise Wrong("the record tells no process")
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def lost_or_done(trial: Trial) -> None:
    """A run is lost; one that had published its results before may have succeeded."""
    published = stage_of(trial) == "publishing"
    if trial.told("lost", *["succeeded"] * published) == "lost":
        return trial.resume()
    return trial.compare()


def suspended(trial: Trial) -> None:
    """The run is stopped by SIGSTOP, then cancelled from a command line."""
    under_way(trial)
    pid = trial.record.pid
    assert pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    cancel = [sys.executable, "-m", "olivine_pipeline", "cancel", trial.folder.id]
    done = subprocess.run(cancel, cwd=trial.place, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        trial.outcome.states.append(f"olivine cancel: {done.returncode} {done.stdout}{done.stderr}")
    cancelled_or_done(trial, stage_of(trial))


def cancelled_or_done(trial: Trial, stage: str) -> None:
    """A run is cancelled; one whose results were about to be published may have succeeded."""
    if trial.told("cancelled", *["succeeded"] * (stage == "publishing")) == "cancelled":
        return trial.resume()
    return trial.compare()


def cancelled(stage: str) -> Callable[[Trial], None]:
    """The run is cancelled in a stage. Held up for a moment, so that the request finds it there."""

    def strike(trial: Trial) -> None:
        trial.prepare(flow(measured=stage == "measuring"), CACHED.get(stage, ()))
        trial.sit_down()
        ticket = queue.draw("cpu", "another-run") if stage == "queued" else None
        trial.start()
        if stage != "first millisecond":
            comes_to(trial, stage)
        held = trial.record.pid if stage in ("merging", "publishing", "saving", "loading") else None
        if held:
            with suppress(ProcessLookupError):
                os.kill(held, signal.SIGSTOP)
        command(trial.editor, "cancel", runId=trial.folder.id)
        if ticket:
            trial.told("cancelled")
            ticket.give_back()
        cancelled_or_done(trial, stage)

    return strike
