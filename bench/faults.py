"""The fault table: runs that are killed, stopped, cancelled and starved, and what that leaves behind.

    python bench/faults.py [--times 20] [--only NAME …] [--jobs 2] [--seed 0]

Each fault strikes a run of its own: a two-layer model through LoRA, merge and int4 build, started over the standard
streams of the real server, in a workspace, a cache and a queue of its own. Afterwards a new server resumes what did not
succeed. Counted for each fault: processes that are alive after the run's end is told, states that are not the right
ones, finished passes that were made again, and result files that are not those of a run which nobody disturbed. Exits 1
on any. Needs Linux; full disks need the right to mount, and the clock a C compiler.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import queue as queues
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "server"), str(ROOT / "tests" / "pipeline")]

import psutil  # noqa: E402
from desk import BARS, Desk, command, variable  # noqa: E402
from editor import Editor, ServerGone  # noqa: E402
from runs import LORA, TRAINING, Ended, run_well, todays_config, write_workspace  # noqa: E402

from olivine_pipeline import queue  # noqa: E402
from olivine_schemas.ledger import control  # noqa: E402
from olivine_schemas.ledger.folder import RunFolder, run_folders  # noqa: E402
from olivine_schemas.ledger.process import identity, members  # noqa: E402
from olivine_schemas.runs import ACTIVE, RunRecord, RunState, load_events  # noqa: E402

STEPS = 12
PATIENCE = 120
"""Seconds after which a run that does not come to its end is counted as a wrong state."""
LEAVING = 10
"""Seconds that a run which tells its own end may take to leave; a cancelled or lost one has left when that is told."""
ENDS = {state.value for state in RunState} - {state.value for state in ACTIVE}
DATED = ("report.html", "report.json", "README.md")
"""Results that tell when they were made, and how long that took."""
DAY = 86400
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static time_t step(void) {
    char *name = getenv("CLOCK_STEP");
    return name && !access(name, F_OK) ? atol(getenv("CLOCK_SECONDS")) : 0;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += step();
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec fine;
    int failed = clock_gettime(CLOCK_REALTIME, &fine);
    now->tv_sec = fine.tv_sec, now->tv_usec = fine.tv_nsec / 1000;
    return failed;
}
time_t time(time_t *now) {
    struct timespec fine;
    clock_gettime(CLOCK_REALTIME, &fine);
    if (now) *now = fine.tv_sec;
    return fine.tv_sec;
}
"""
"""A wall clock that steps for the processes it is loaded into as soon as a file appears."""


def flow(steps: int = STEPS, measured: bool = False) -> dict[str, Any]:
    """A config of three passes."""
    tune = {**LORA, "training_args": {**TRAINING, "max_steps": steps, "save_steps": 3}}
    build = {"type": "ModelBuilder", "precision": "int4"}
    config = todays_config(tune=tune, merge={"type": "MergeAdapterWeights"}, build=build)
    return config if measured else {key: value for key, value in config.items() if not key.startswith("evaluator")}


class Wrong(Exception):
    """Something that is not as it should be; counts as a wrong state."""


class Impossible(Exception):
    """A fault that cannot be made here."""


@dataclass
class Baseline:
    """What a run comes to that nobody disturbs: its files by path, and the cache's entry for each pass."""

    folder: Path
    model: Path
    files: dict[str, str]
    longer: dict[str, str]
    """Files of the same config with one step more."""
    entries: dict[str, str]


@dataclass
class Outcome:
    """What a fault left behind."""

    orphans: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    impossible: str = ""

    @property
    def faults(self) -> int:
        return sum(map(len, (self.orphans, self.states, self.lost, self.different)))


class Trial:
    """A workspace in which one fault strikes."""

    def __init__(self, scratch: Path, baseline: Baseline, number: int, chance: random.Random, after: ExitStack) -> None:
        self.number, self.chance, self.baseline, self.after = number, chance, baseline, after
        self.scratch = scratch
        self.place = scratch / "work"
        self.outcome = Outcome()
        self.family: dict[int, str | None] = {}
        self.finished: dict[str, float] = {}
        self.expected = [baseline.files]

    # The workspace

    def prepare(self, config: dict[str, Any] | None = None, cached: tuple[str, ...] = ()) -> None:
        """Fill the workspace, and put the results of some passes into its cache."""
        self.desk = Desk(self.place, self.baseline.model, config or flow())
        for name in cached:
            entry = f"cache/artifacts/{self.baseline.entries[name]}"
            shutil.copytree(self.baseline.folder / entry, self.place / entry)

    def sit_down(self, **runs: Any) -> Editor:
        """A new editor with a server of its own, which dies with the trial at the latest."""
        self.editor = self.after.enter_context(self.desk.sit_down(BARS, runs=runs))
        return self.editor

    def start(self, **arguments: Any) -> RunFolder:
        """Have the server start a run, the one that is looked at from now on."""
        started = command(self.editor, "run", uri=self.desk.uri, **arguments)
        self.folder = RunFolder(Path(started["folder"]))
        return self.folder

    def kill_server(self) -> None:
        self.editor.process.kill()
        self.editor.process.wait()

    # Looking

    @property
    def record(self) -> RunRecord:
        record = self.folder.read()
        if record is None:
            raise Wrong("the run has no record")
        return record

    def events(self) -> list[dict[str, Any]]:
        """What the run has told; lines that are cut are left out."""
        with suppress(OSError):
            text = self.folder.events.read_text(encoding="utf-8", errors="replace")
            return [{"type": event.TYPE, **vars(event)} for event in load_events(text.splitlines())]
        return []

    def comes_to(self, stage: str, within: float | None = None) -> None:
        """Wait until a run has come to a random moment of a stage."""
        reached, seconds = MOMENTS[stage]
        step = self.chance.randint(1, STEPS - 2)
        end = time.monotonic() + PATIENCE
        while not reached(self, step):
            if time.monotonic() > end or self.record.state not in ACTIVE:
                raise Wrong(f"{self.record.state.value} before {stage}")
            time.sleep(0.003)
        time.sleep(self.chance.uniform(0, seconds if within is None else within))
        self.look()

    def look(self) -> None:
        """Remember the processes and the finished results there are."""
        record = self.folder.read()
        own = record.pid if record else None
        self.family |= {process.pid: identity(process.pid) for process in members(self.folder.path, own)}
        self.finished |= made(self.place / "cache")

    def told(self, *states: str) -> str:
        """Wait for the end that the server tells; it must be one of `states`, true, and leave nothing alive."""
        end = time.monotonic() + PATIENCE
        while (state := self._row()) not in ENDS:
            if time.monotonic() > end:
                raise Wrong(f"{state} for ever instead of {' or '.join(states)}")
            time.sleep(0.05)
        self.count_orphans(leaving=LEAVING if state in ("succeeded", "failed") else 0)
        record = control.settled(self.folder)
        if state not in states or record is None or record.state != state:
            written = record.state.value if record else "nothing"
            self.outcome.states.append(
                f"told {state}, written {written}, not {' or '.join(states)}: {self._last_words()}"
            )
        return state

    def _row(self) -> str:
        rows = command(self.editor, "listRuns")
        return str(next((row["state"] for row in rows if row["runId"] == self.folder.id), "not listed"))

    def _last_words(self) -> str:
        with suppress(OSError):
            return self.folder.console.read_text(errors="replace")[-1500:]
        return ""

    def count_orphans(self, leaving: float = 0) -> None:
        """Count the processes of the trial's runs that are alive, whether or not they carry the mark of one."""
        end = time.monotonic() + leaving
        while (alive := self._alive()) and time.monotonic() < end:
            time.sleep(0.05)
        for pid in alive:
            with suppress(psutil.Error):
                self.outcome.orphans.append(" ".join(psutil.Process(pid).cmdline())[-200:])
        self.family.clear()

    def _alive(self) -> set[int]:
        marked = [process.pid for process in psutil.process_iter() if str(self.scratch) in (variable(process) or "")]
        born = [pid for pid, born in self.family.items() if born and identity(pid) == born and has_memory(pid)]
        return {*marked, *born}

    # Afterwards

    def resume(self) -> None:
        """Have a new server resume the run, which must succeed with the files of one that nobody disturbed."""
        self.kill_server()
        self.finished |= made(self.place / "cache")
        self.sit_down()
        command(self.editor, "resume", runId=self.folder.id)
        self.told("succeeded")
        self.compare()

    def compare(self) -> None:
        """Count finished results that were made again or are gone, and published files that are not as they should."""
        now = made(self.place / "cache")
        self.outcome.lost += [key[:12] for key, when in self.finished.items() if now.get(key) != when]
        found = files(self.place / "models")
        if found not in self.expected:
            wanted = self.expected[0]
            names = {name for name in {*found, *wanted} if found.get(name) != wanted.get(name)}
            self.outcome.different += sorted(names)


def has_memory(pid: int) -> bool:
    """Whether a process can still do anything: one that was killed loses its memory first, its number last."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


# Moments


def started(name: str) -> Callable[[Trial, int], bool]:
    return lambda trial, _: any(e["type"] == "pass-started" and e["name"] == name for e in trial.events())


def done(name: str) -> Callable[[Trial, int], bool]:
    return lambda trial, _: any(e["type"] == "pass-finished" and e["name"] == name for e in trial.events())


def doing(what: str) -> Callable[[Trial, int], bool]:
    return lambda trial, _: any(e["type"] == "progress" and e["doing"].startswith(what) for e in trial.events())


def waits(trial: Trial, _: int) -> bool:
    return any(e["type"] == "log" and e["message"].startswith("waiting behind") for e in trial.events())


def trains(trial: Trial, step: int) -> bool:
    return any(e["type"] == "metric" and e["step"] >= step for e in trial.events())


def saves(trial: Trial, step: int) -> bool:
    return any((trial.place / "cache" / "work").glob("*/checkpoints/*"))


MOMENTS: dict[str, tuple[Callable[[Trial, int], bool], float]] = {
    "queued": (waits, 0.3),
    "planning": (lambda trial, _: trial.record.state is not RunState.QUEUED, 0.3),
    "importing": (doing("loading libraries"), 2.0),
    "loading": (started("tune"), 0.2),
    "training": (trains, 0.1),
    "saving": (saves, 0.02),
    "merging": (started("merge"), 0.05),
    "int4 build": (started("build"), 0.5),
    "measuring": (doing("measuring"), 1.0),
    "publishing": (done("build"), 0.2),
}
"""How a stage is known to have begun, and how many seconds it lasts or so."""
CACHED = {
    "merging": ("tune",),
    "int4 build": ("tune", "merge"),
    "publishing": ("tune", "merge"),
    "measuring": ("tune",),
}
"""Passes that are in the cache already when a stage is waited for: others have been there before it."""
AT_WORK = ("importing", "training", "saving", "training", "merging", "int4 build", "publishing")
"""Stages that faults strike in turn, with a run that begins at its beginning."""


# Faults


def stage_of(trial: Trial) -> str:
    return AT_WORK[trial.number % len(AT_WORK)]


def server_killed(trial: Trial) -> None:
    """The run goes on, a new server finds it, and it succeeds."""
    trial.prepare()
    trial.sit_down()
    trial.start()
    trial.comes_to(stage_of(trial))
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
    trial.prepare()
    trial.sit_down()
    trial.start()
    trial.comes_to(stage_of(trial))
    kill(trial)
    lost_or_done(trial)


def both_killed(trial: Trial) -> None:
    """Server and run are killed, in either order: the next server finds it lost."""
    trial.prepare()
    trial.sit_down()
    trial.start()
    trial.comes_to(stage_of(trial))
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
    trial.prepare()
    trial.sit_down()
    trial.start()
    trial.comes_to(stage_of(trial))
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
            trial.comes_to(stage)
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


def disk_full(trial: Trial) -> None:
    """The disk with the cache and the results fills up while the run trains: it fails and says so."""
    small_disk(trial, trial.place, "64m")
    trial.prepare()
    trial.sit_down()
    trial.start()
    trial.comes_to("training")
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
    trial.comes_to("training")
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
    """The run's folder is removed under it: the server tells so, the run goes on, and nobody makes the folder anew."""
    trial.prepare()
    trial.sit_down()
    trial.start()
    trial.comes_to(("importing", "training", "saving", "merging", "int4 build")[trial.number % 5])
    pid, process = trial.record.pid, trial.record.process
    while trial.folder.path.exists():  # the run may write in between
        shutil.rmtree(trial.folder.path, ignore_errors=True)
    while not trial.editor.note("olivine/runChanged").get("deleted"):
        pass
    end = time.monotonic() + PATIENCE
    while pid and identity(pid) == process:
        if time.monotonic() > end:
            raise Wrong("does not end")
        time.sleep(0.05)
    if command(trial.editor, "listRuns") or trial.folder.path.exists():
        trial.outcome.states.append("the folder is there again")
    trial.count_orphans()
    trial.compare()


def events_cut(trial: Trial) -> None:
    """The events lose their end, in the middle of a line, while the run goes on: it succeeds."""
    trial.prepare()
    trial.sit_down()
    trial.start()
    trial.comes_to(stage_of(trial))
    cut(trial)
    trial.told("succeeded")
    trial.compare()


def events_cut_and_killed(trial: Trial) -> None:
    """The run is killed and its events end in the middle of a line: it is lost, and resumed."""
    trial.prepare()
    trial.sit_down()
    trial.start()
    trial.comes_to(stage_of(trial))
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
        trial.comes_to(stage_of(trial))
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
    """Two runs at once, of the same config or of one with a step more: both succeed, one's results are all there."""
    trial.prepare()
    trial.sit_down(atOnce=2)
    first = trial.start()
    time.sleep(trial.chance.uniform(0, 2))
    longer = trial.number % 2 == 1
    changed = {"passes.tune.training_args.max_steps": STEPS + 1} if longer else {}
    trial.start(overrides=changed)
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


FAULTS: dict[str, Callable[[Trial], None]] = {
    "server killed": server_killed,
    "server killed while it starts a run": server_killed_at_start,
    "run killed": run_killed,
    "server and run killed": both_killed,
    "SIGSTOP, then cancelled": suspended,
    "disk full": disk_full,
    "disk of the records full": disk_of_records_full,
    "run folder deleted": folder_deleted,
    "events cut mid-line": events_cut,
    "killed and events cut": events_cut_and_killed,
    "clock step": clock_step,
    "two runs into one output": one_output,
    **{f"cancel: {stage}": cancelled(stage) for stage in ("first millisecond", *MOMENTS)},
}


# The table


def made(cache: Path) -> dict[str, float]:
    """When each finished result in a cache was made."""
    found = {}
    for path in (cache / "artifacts").glob("[!.]*/manifest.json"):
        with suppress(OSError, ValueError):
            found[path.parent.name] = json.loads(path.read_text())["made"]
    return found


def files(output: Path) -> dict[str, str]:
    """Hashes of the results in `output_dir`."""
    found = sorted(path for path in output.rglob("*") if path.is_file() and path.name not in DATED)
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in found}


def undisturbed(scratch: Path) -> Baseline:
    """Runs that nobody disturbs."""
    build = (
        f"from pathlib import Path; from tiny_model import build_tiny_model as b; b(Path({str(scratch / 'model')!r}))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "pipeline")}
    subprocess.run([sys.executable, "-c", build], check=True, env=env, stderr=subprocess.DEVNULL)
    model = scratch / "model"

    def whole(name: str, steps: int) -> tuple[Ended, dict[str, str]]:
        folder = write_workspace(scratch / name, model, flow(steps))
        (folder / ".git").mkdir()
        ended = run_well(folder)
        return ended, files(folder / "models")

    (scratch / "clock.c").write_text(CLOCK)
    with suppress(OSError):
        subprocess.run(["cc", "-shared", "-fPIC", "-o", scratch / "clock.so", scratch / "clock.c", "-ldl"], check=True)
    ended, expected = whole("alone", STEPS)
    entries = {event["name"]: event["artifact"] for event in ended.of_type("pass-finished")}
    return Baseline(scratch / "alone", model, expected, whole("longer", STEPS + 1)[1], entries)


def strike(name: str, number: int, seed: int, scratch: Path, baseline: Baseline) -> Outcome:
    """One fault, once."""
    place = Path(tempfile.mkdtemp(dir=scratch))
    os.environ["XDG_STATE_HOME"] = str(place / "state")
    with ExitStack() as after:
        trial = Trial(place, baseline, number, random.Random(f"{seed} {name} {number}"), after)
        try:
            FAULTS[name](trial)
        except Impossible as error:
            trial.outcome.impossible = str(error)
        except (Wrong, AssertionError, ServerGone, queues.Empty, OSError, subprocess.SubprocessError):
            trial.outcome.states.append(traceback.format_exc())
        finally:
            end_all(place)
    if not trial.outcome.faults:
        shutil.rmtree(place, ignore_errors=True)
    return trial.outcome


def end_all(place: Path) -> None:
    """End what a trial has left alive; it was counted before."""
    for process in psutil.process_iter():
        if str(place) in (variable(process) or ""):
            with suppress(psutil.Error):
                process.kill()


def main() -> int:
    """Strike, and print the table; 1 if anything was left behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[], choices=list(FAULTS), metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument("--jobs", type=int, default=2, help="faults at the same time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first time: the moments depend on it")
    args = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")
    scratch = Path(tempfile.mkdtemp(prefix="faults-"))
    baseline = undisturbed(scratch)
    numbers = range(args.first, args.first + args.times)
    print(f"{'fault':38} {'times':>5} {'orphans':>8} {'wrong states':>13} {'lost passes':>12} {'different files':>16}")
    total = 0
    with ProcessPoolExecutor(args.jobs, multiprocessing.get_context("spawn")) as pool:
        begun = {
            name: [pool.submit(strike, name, number, args.seed, scratch, baseline) for number in numbers]
            for name in args.only or FAULTS
        }
        for name, futures in begun.items():
            total += row(name, [future.result() for future in futures])
    if total == 0:
        shutil.rmtree(scratch)
    else:
        print(f"{total} faults; what they left is in {scratch}")
    return int(total > 0)


def row(name: str, outcomes: list[Outcome]) -> int:
    """Print a line of the table, and what is wrong below it; how much that is."""
    tried = [outcome for outcome in outcomes if not outcome.impossible]
    columns = ("orphans", "states", "lost", "different")
    counts = [sum(len(getattr(outcome, column)) for outcome in tried) for column in columns]
    print(f"{name:38} {len(tried):5} {counts[0]:8} {counts[1]:13} {counts[2]:12} {counts[3]:16}", flush=True)
    for reason in {outcome.impossible for outcome in outcomes} - {""}:
        print(f"    not tried: {reason}")
    for number, outcome in enumerate(outcomes):
        for column in columns:
            for text in getattr(outcome, column):
                print(f"    time {number}, {column}: {text}", flush=True)
    return sum(counts)


if __name__ == "__main__":
    sys.exit(main())
