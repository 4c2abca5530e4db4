"""Faults that strike what is around a run: its disk, its folder, its events, its clock, and its output."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from desk import command

from olivine_schemas.ledger.folder import run_folders
from olivine_schemas.ledger.process import identity

from .moments import comes_to, stage_of, under_way
from .processes import kill, lost_or_done
from .trial import ENDS, PATIENCE, Impossible, Trial, Wrong
from .undisturbed import STEPS

DAY = 86400


def disk_full(trial: Trial) -> None:
    """The disk with the cache and the results fills up while the run trains: it fails and says so."""
    small_disk(trial, trial.place, "64m")
    under_way(trial, "training")
    with filled(trial.place):
        trial.told("failed")
    if "full" not in trial.record.message:
        trial.outcome.states.append(f"failed for another reason: {trial.record.message}")
    trial.resume()


def disk_of_records_full(trial: Trial) -> None:
    """The disk with the run folders fills up: the run goes on without them, and its end is told."""
    small_disk(trial, trial.scratch / "disk", "160k")
    trial.prepare()
    (trial.place / ".olivine").symlink_to(trial.scratch / "disk")
    trial.sit_down()
    trial.start()
    comes_to(trial, "training")
    with filled(trial.scratch / "disk"):
        trial.told("succeeded")
    trial.compare()


def small_disk(trial: Trial, folder: Path, size: str) -> None:
    """Mount a small file system for the time of a trial."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        raise Impossible("mounting a small disk is not allowed")
    trial.after.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Keep a disk full, whatever is removed from it, by a process of its own."""
    code = (
        "import sys, time\nwith open(sys.argv[1], 'wb', buffering=0) as file:\n    while True:\n        try:\n"
        "            file.write(b' ' * 65536)\n        except OSError:\n            time.sleep(0.001)\n"
    )
    filler = subprocess.Popen([sys.executable, "-c", code, str(folder / "filling")])
    try:
        yield
    finally:
        filler.kill()
        filler.wait()
        (folder / "filling").unlink()


def folder_deleted(trial: Trial) -> None:
    """The run's folder is removed under it: the server tells so, the run goes on, and nobody makes the folder anew.

    Every other run is cancelled then, and what it has finished is there for the next one.
    """
    under_way(trial, ("importing", "training", "saving", "merging", "int4 build")[trial.number % 5])
    pid, process = trial.record.pid, trial.record.process
    while trial.folder.path.exists():  # the run may write in between
        shutil.rmtree(trial.folder.path, ignore_errors=True)
    while not trial.editor.note("olivine/runChanged").get("deleted"):
        pass
    cancelled = trial.number % 2 == 1
    if cancelled:
        try:
            command(trial.editor, "cancel", runId=trial.folder.id)
        except AssertionError:
            if identity(pid or 0) == process:  # else it has ended in the meantime
                raise
    end = time.monotonic() + PATIENCE
    while pid and identity(pid) == process:
        if time.monotonic() > end:
            raise Wrong("does not end")
        time.sleep(0.05)
    if command(trial.editor, "listRuns") or trial.folder.path.exists():
        trial.outcome.states.append("the folder is there again")
    trial.count_orphans()
    if cancelled:
        trial.start()
        trial.told("succeeded")
    trial.compare()


def events_cut(trial: Trial) -> None:
    """The events lose their end, in the middle of a line, while the run goes on: it succeeds."""
    under_way(trial)
    cut(trial)
    trial.told("succeeded")
    trial.compare()


def events_cut_and_killed(trial: Trial) -> None:
    """The run is killed and its events end in the middle of a line: it is lost, and resumed."""
    under_way(trial)
    kill(trial)
    cut(trial)
    lost_or_done(trial)


def cut(trial: Trial) -> None:
    """Cut the events in a random line."""
    text = trial.folder.events.read_bytes() if trial.folder.events.exists() else b""
    if text:
        inside = [at for at, byte in enumerate(text) if byte != 10 and text[at - 1 : at] not in (b"", b"\n")]
        os.truncate(trial.folder.events, trial.chance.choice(inside))


def clock_step(trial: Trial) -> None:
    """The wall clock of server and run steps by a day, back or forth; the run ends, is cancelled, or is killed."""
    seconds = trial.chance.choice((-DAY, DAY))
    step = trial.scratch / "step"
    library = trial.baseline.folder.parent / "clock.so"
    if not library.exists():
        raise Impossible("there is no C compiler")
    trial.prepare()
    with environment(LD_PRELOAD=str(library), CLOCK_STEP=str(step), CLOCK_SECONDS=str(seconds)):
        trial.sit_down()
        trial.start()
        comes_to(trial, stage_of(trial))
        step.touch()
        time.sleep(0.3)
        ending = ("goes on", "is cancelled", "is killed")[trial.number % 3]
        if ending == "goes on":
            trial.told("succeeded")
            return trial.compare()
        if ending == "is killed":
            kill(trial)
        else:
            command(trial.editor, "cancel", runId=trial.folder.id)
        wanted = "lost" if ending == "is killed" else "cancelled"
        if trial.told(wanted, *["succeeded"] * (stage_of(trial) in ("publishing", "int4 build"))) == wanted:
            return trial.resume()
        return trial.compare()


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Variables for the processes that are started meanwhile."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


def one_output(trial: Trial) -> None:
    """Two runs at once, of the same config or of one with a step more, with one cache or two: both succeed.

    What is in the output is all of one of them.
    """
    trial.prepare()
    trial.sit_down(atOnce=2)
    first = trial.start()
    time.sleep(trial.chance.uniform(0, 2))
    longer, apart = trial.number % 2 == 1, trial.number % 4 > 1
    step_more = {"passes.tune.training_args.max_steps": STEPS + 1} if longer else {}
    trial.start(overrides={**step_more, **({"cache_dir": "another-cache"} if apart else {})})
    for folder in (trial.folder, first):
        trial.folder = folder
        trial.family.clear()
        while trial._row() not in ENDS:
            time.sleep(0.1)
    for folder in run_folders(trial.place):
        trial.folder = folder
        trial.told("succeeded")
    trial.expected += [trial.baseline.longer] * longer
    trial.compare()
    published = json.loads((trial.place / "models" / ".olivine.json").read_text())
    told = {entry["artifact"] for entry in json.loads((trial.place / "models" / "report.json").read_text())["passes"]}
    if not set(published.values()) <= told:
        trial.outcome.different.append("report.json of the other run")
