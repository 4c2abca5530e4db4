"""What runs cost the language server: answers while many events come, old runs, a huge event file, and cancelling.

    python bench/runs.py [--times 20] [--only events|old|huge|cancel|faults]

Everything runs against the real server over its standard streams. The runs that write events are sleeping processes
with a writer beside them; the runs that are cancelled are trainings of a two-layer model.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "server"), str(ROOT / "tests" / "pipeline")]

from desk import MANY, Desk, command, config, ended, trains, until  # noqa: E402
from editor import Editor  # noqa: E402
from tiny_model import build_tiny_model  # noqa: E402

from olivine_schemas import runs  # noqa: E402
from olivine_schemas.ledger.folder import RunFolder, create  # noqa: E402
from olivine_schemas.ledger.process import identity  # noqa: E402

HOVERS = 300
RUNS, RATE = 4, 1000
STARTED = runs.RunStarted(0.0, "c", [runs.PassInfo("tune", "LoRA")], "cpu", 1)
WRITER = """
import sys, time
from olivine_schemas import runs
files, rate, step, start = [open(name, "a", buffering=1) for name in sys.argv[2:]], int(sys.argv[1]), 0, time.time()
while True:
    while step < (time.time() - start) * rate:
        step += 1
        now = time.time()
        pair = runs.Metric(now, "loss", 1 / step, step), runs.Progress(now, "training", step, 1e6, "step", 9.0)
        for file in files:
            file.write(runs.dump_event(pair[step % 2]) + chr(10))
    time.sleep(0.005)
"""

LOOKER = """
import sys, time
from pathlib import Path
from olivine_server.runs.progress import Client
from olivine_server.runs.watch import Watcher
nothing = lambda *_: None
watcher = Watcher(Client(nothing, nothing, nothing), lambda: ([Path(sys.argv[1])], []), nothing, nothing)
for _ in range(2):
    start = time.perf_counter()
    watcher.look()
    print(f"{1000 * (time.perf_counter() - start):.1f}", end=" ")
print(len(watcher.runs))
"""


def main() -> int:
    """Run the measurements and print their figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", choices=("events", "old", "huge", "cancel", "faults"))
    given = parser.parse_args()
    parts = {
        "events": many_events,
        "old": old_runs,
        "huge": huge_file,
        "cancel": partial(cancels, count=given.times),
        "faults": partial(faults, count=given.times),
    }
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    for name, part in parts.items():
        if given.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                os.environ["XDG_STATE_HOME"] = f"{folder}/state"
                model = build_tiny_model(Path(folder) / "model")
                part(Desk(Path(folder) / "work", model, config(MANY)))
    return 0


def many_events(desk: Desk) -> None:
    """Hovers without runs, and while four runs write a thousand events a second each."""
    quiet = hovers(desk)
    with sleepers(RUNS) as pids:
        folders = [active(desk, pid) for pid in pids]
        names = [str(folder.events) for folder in folders]
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(RATE), *names])
        try:
            busy = hovers(desk, len(folders))
        finally:
            writer.kill()
            writer.wait()
    print(f"hover, no run              {figures(quiet)}")
    print(f"hover, {RUNS} x {RATE} events/s   {figures(busy)}")


def hovers(desk: Desk, active_runs: int = 0) -> list[float]:
    """Seconds of each hover, one every 20 ms; the reports of each run are counted on the way."""
    taken = []
    with desk.sit_down() as editor:
        seen: set[str] = set()
        while len(seen) < active_runs:
            seen.add(editor.note("olivine/runChanged")["runId"])
        lines = desk.config.read_text().count("\n")
        began = time.perf_counter()
        for number in range(HOVERS):
            start = time.perf_counter()
            editor.ask("hover", desk.uri, position={"line": number % lines, "character": 12})
            taken.append(time.perf_counter() - start)
            time.sleep(0.02)
        if active_runs:
            reports = sum(note["method"] == "$/progress" for note in editor._notes)
            print(f"reports a second and run   {reports / active_runs / (time.perf_counter() - began):.1f}")
    return taken


def old_runs(desk: Desk) -> None:
    """The first diagnostics, and finding the runs, with and without 200 runs that have ended."""
    for number in range(200):
        folder = create(desk.folder, desk.config, "{}")
        folder.update(lambda record: replace(record, state=runs.RunState.SUCCEEDED, ended=time.time()))
        folder.events.write_text((runs.dump_event(runs.Metric(0.0, "loss", 1.0, number)) + "\n") * 1000)
    home, away = desk.folder / ".olivine", desk.folder / "away"
    before, after = [], []
    for _ in range(9):  # in turns, so that a busy machine is busy for both
        after.append(first_diagnostics(desk))
        home.rename(away)
        before.append(first_diagnostics(desk))
        away.rename(home)
    print(f"first diagnostics, no run  {figures(before)}")
    print(f"first diagnostics, 200 old {figures(after)}")
    told = subprocess.run([sys.executable, "-c", LOOKER, str(desk.folder)], capture_output=True, text=True, check=True)
    first, again, count = told.stdout.split()
    print(f"finding {count} old runs      {first} ms, looking again {again} ms")


def first_diagnostics(desk: Desk) -> float:
    """Seconds from starting a server to its first diagnostics."""
    start = time.perf_counter()
    with desk.sit_down() as editor:
        editor.diagnostics()
        return time.perf_counter() - start


def huge_file(desk: Desk) -> None:
    """Memory of the server before and after it has followed an event file of 1 GB, and how long catching up takes."""
    with sleepers(1) as (pid,), desk.sit_down() as editor:
        editor.diagnostics()
        command(editor, "listRuns")
        before = memory(editor)
        folder = active(desk, pid, wait=True)
        steps = [runs.Metric(0.0, "loss", 0.5, 7), runs.Progress(0.0, "training", 7, 1e6, "step", 9.0)]
        block = "".join(runs.dump_event(one) + "\n" for one in steps * 5000).encode()
        with folder.events.open("ab") as file:
            while file.tell() < 1 << 30:
                file.write(block)
        start = time.perf_counter()
        folder.update(lambda record: replace(record, state=runs.RunState.RUNNING))
        until(editor, folder.id, lambda news: news["step"] == 7)
        taken = time.perf_counter() - start
        for _ in range(20):
            with folder.events.open("ab") as file:
                file.write(block)
            time.sleep(0.1)
        time.sleep(1)
        print(
            f"1 GB of events             {taken:.1f} s to catch up, {before:.1f} MiB before, {memory(editor):.1f} after"
        )


def memory(editor: Editor) -> float:
    """Proportional share of the server's memory in MiB."""
    text = Path(f"/proc/{editor.process.pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def cancels(desk: Desk, count: int) -> None:
    """From the command to nothing of the run being alive, while it trains."""
    dead, told = [], []
    with desk.sit_down() as editor:
        for number in range(count):
            changed = {"passes.tune.training_args.seed": number}
            run = command(editor, "run", uri=desk.uri, overrides=changed)["runId"]
            until(editor, run, trains)
            start = time.perf_counter()
            command(editor, "cancel", runId=run)
            while desk.alive(run):
                time.sleep(0.01)
            dead.append(time.perf_counter() - start)
            state = until(editor, run, ended)["state"]
            told.append(time.perf_counter() - start)
            assert state == "cancelled", state
    print(f"cancel to nothing alive    {figures(dead)}")
    print(f"cancel to being told       {figures(told)}")


def faults(desk: Desk, count: int) -> None:
    """Servers killed while a run trains, then server and run together, then runs; counts what ended as it should."""
    with desk.sit_down() as editor:
        run = command(editor, "run", uri=desk.uri)["runId"]
        until(editor, run, trains)
        editor.process.kill()
    whole, found = desk.alive(run), 0
    for _ in range(count):
        with desk.sit_down() as editor:
            found += until(editor, run, lambda news: True)["state"] == "running" and desk.alive(run) == whole
            editor.process.kill()
    with desk.sit_down() as editor:
        command(editor, "cancel", runId=run)
        found += until(editor, run, ended)["state"] == "cancelled" and not desk.alive(run)
    print(f"server killed              {found} of {count + 1} times the run went on and was found")
    for both in (True, False):
        right = sum(_lost(desk, number, both) for number in range(count))
        title = "server and run killed" if both else "run killed"
        print(f"{title:26} {right} of {count} times lost, and offered to be resumed")


def _lost(desk: Desk, number: int, both: bool) -> bool:
    """Kill a run while it trains, perhaps its server too; whether it is told as lost, with the offer to resume it."""
    with desk.sit_down() as editor:
        made = command(editor, "run", uri=desk.uri, overrides={"passes.tune.training_args.seed": number})
        run = made["runId"]
        until(editor, run, trains)
        record = RunFolder(Path(made["folder"])).read()
        assert record and record.pid
        if both:
            editor.process.kill()
            editor.process.wait()
        os.kill(record.pid, signal.SIGKILL)
        if not both:
            return _is_lost(editor, desk, run)
    with desk.sit_down() as editor:
        return _is_lost(editor, desk, run)


def _is_lost(editor: Editor, desk: Desk, run: str) -> bool:
    while editor.note("olivine/runChanged")["state"] != "lost":
        pass
    command(editor, "listRuns")
    offers = [asked for asked in editor.asked if asked["method"] == "window/showMessageRequest"]
    return len(offers) == 1 and run in offers[0]["params"]["message"] and not desk.alive(run)


@contextmanager
def sleepers(count: int) -> Iterator[list[int]]:
    """Processes that do nothing."""
    processes = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"]) for _ in range(count)]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def active(desk: Desk, pid: int, wait: bool = False) -> RunFolder:
    """A run whose process is `pid`; one that is to `wait` is no active one yet."""
    folder = create(desk.folder, desk.config, "{}")
    state = runs.RunState.SUCCEEDED if wait else runs.RunState.RUNNING
    folder.update(lambda record: replace(record, state=state, pid=pid, process=identity(pid)))
    events = STARTED, runs.PassStarted(0.0, "tune", "LoRA", 1, 1)
    folder.events.write_text("".join(runs.dump_event(event) + "\n" for event in events))
    return folder


def figures(seconds: list[float]) -> str:
    """Median, 95th percentile and maximum."""
    ordered = sorted(1000 * value for value in seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return (
        f"p50 {statistics.median(ordered):7.1f} ms   p95 {p95:7.1f} ms   max {ordered[-1]:7.1f} ms   n {len(ordered)}"
    )


if __name__ == "__main__":
    sys.exit(main())
