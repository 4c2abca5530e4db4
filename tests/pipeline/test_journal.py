"""What a run tells arrives whole, in order, once, and without secrets."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from olivine_pipeline.errors import RunError
from olivine_pipeline.journal import EventFile, Journal, Rate
from olivine_schemas import runs
from olivine_schemas.runs import load_events


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def read(path: Path) -> list[runs.Event]:
    return list(load_events(path.read_text(encoding="utf-8").splitlines()))


def test_every_event_is_one_line_that_the_server_can_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "events.jsonl"
    journal = Journal([EventFile(str(path))])
    place = runs.Location("olive-config.json", 3, 7)
    journal.run_started("olive-config.json", [runs.PassInfo("ft", "LoRA")], "cpu", {"torch": "2.13.0"})
    journal.pass_started("ft", "LoRA", 1, 1)
    journal.progress("Training", 10, 10, "steps")
    journal.metric("loss", 1.5, 10)
    journal.warn("eval-never-runs", "two\nlines", place)
    journal.pass_finished("ft", "LoRA", 1, 1, 12.5, "abc")
    journal.pass_skipped("merge", "MergeAdapterWeights", 1, 1, "def")
    journal.evaluated("ft", {"accuracy": 0.9, "perplexity": math.nan, "first_token_ms": None})
    journal.artifact("ft", "adapter", Path("models/ft"), 100)
    journal.failed(RunError("missing-file", "There is no file.", "Make one.", place))
    journal.finished(runs.RunState.SUCCEEDED, 13.0, "models")
    journal.close()
    events = read(path)
    assert [event.TYPE for event in events] == [
        "run-started",
        "pass-started",
        "progress",
        "metric",
        "warning",
        "pass-finished",
        "pass-skipped",
        "evaluated",
        "artifact",
        "run-failed",
        "run-finished",
    ]
    started, *_, failed, finished = events
    assert started == runs.RunStarted(
        started.time, "olive-config.json", [runs.PassInfo("ft", "LoRA")], "cpu", os.getpid(), {"torch": "2.13.0"}
    )
    assert asdict(failed) | {"time": 0} == {
        "time": 0,
        "code": "missing-file",
        "message": "There is no file.",
        "hint": "Make one.",
        "location": {"file": "olive-config.json", "line": 3, "column": 7},
    }
    assert isinstance(finished, runs.RunFinished) and (finished.state, finished.output) == ("succeeded", "models")
    evaluated = events[7]
    assert isinstance(evaluated, runs.Evaluated)
    assert evaluated.metrics == {"accuracy": 0.9, "perplexity": None, "first_token_ms": None}


def test_the_file_has_an_event_as_soon_as_it_is_told(tmp_path: Path) -> None:
    journal = Journal([EventFile(str(tmp_path / "events.jsonl"))])
    journal.log("info", "one")
    assert [event.TYPE for event in read(tmp_path / "events.jsonl")] == ["log"]
    journal.close()


def test_secrets_are_hidden_in_every_text(tmp_path: Path) -> None:
    secret = "hf_" + "a1B2" * 9
    journal = Journal([EventFile(str(tmp_path / "events.jsonl"))])
    journal.log("info", f"logged in with {secret}")
    journal.warn("token", f"{secret} is in the config")
    journal.failed(RunError("login", f"{secret} is not valid", f"replace {secret}"))
    journal.close()
    text = (tmp_path / "events.jsonl").read_text()
    assert secret not in text
    assert text.count("***") == 4


def test_fast_progress_is_thinned_and_the_last_of_it_kept(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal([EventFile(str(tmp_path / "events.jsonl"), clock)])
    journal.pass_started("ft", "LoRA", 1, 1)
    for step in range(1, 1001):  # ten seconds at a hundred steps a second, stopped before the end
        clock.now += 0.01
        journal.progress("Training", step, 2000, "steps")
        journal.metric("loss", 1.0, step)
    journal.progress("Evaluating", 1, 2, "batches")
    journal.progress("Evaluating", 2, 2, "batches")
    journal.pass_finished("ft", "LoRA", 1, 1, 10.0, "abc")
    journal.close()
    events = read(tmp_path / "events.jsonl")
    training = [event.done for event in events if isinstance(event, runs.Progress) and event.doing == "Training"]
    assert 50 <= len(training) <= 101
    assert training[-1] == 1000
    assert [e.done for e in events if isinstance(e, runs.Progress) and e.doing == "Evaluating"][-1] == 2
    assert sum(isinstance(event, runs.Metric) for event in events) == 1000
    assert isinstance(events[-1], runs.PassFinished)


def test_progress_held_back_is_written_when_the_run_ends(tmp_path: Path) -> None:
    journal = Journal([EventFile(str(tmp_path / "events.jsonl"), Clock())])
    for step in range(1, 5):
        journal.progress("Training", step, 10, "steps")
    journal.close()
    assert [event.done for event in read(tmp_path / "events.jsonl") if isinstance(event, runs.Progress)] == [1, 4]


def test_a_loss_that_is_not_a_number_becomes_one_warning(tmp_path: Path) -> None:
    journal = Journal([EventFile(str(tmp_path / "events.jsonl"))])
    for step in range(3):
        journal.metric("loss", math.nan, step)
    journal.close()
    (warning,) = read(tmp_path / "events.jsonl")
    assert isinstance(warning, runs.Warned) and warning.code == "not-finite" and "step 0" in warning.message


def test_a_line_torn_by_a_killed_writer_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"v": 1, "type": "log", "time": 1, "level": "info", "message": "whole"}\n{"v": 1, "type": "lo')
    journal = Journal([EventFile(str(path))])
    journal.log("info", "after")
    journal.close()
    assert [event.message for event in read(path) if isinstance(event, runs.Log)] == ["whole", "after"]


def test_several_threads_and_processes_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = (
        "import sys; from olivine_pipeline.journal import EventFile, Journal\n"
        "journal = Journal([EventFile(sys.argv[1])])\n"
        "for i in range(200): journal.log('info', sys.argv[2] * 500)\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(path), mark]) for mark in "ab"]
    journal = Journal([EventFile(str(path))])
    threads = [
        threading.Thread(target=lambda mark=mark: [journal.log("info", mark * 500) for _ in range(200)])
        for mark in "cd"
    ]
    for thread in threads:
        thread.start()
    for worker in [*threads]:
        worker.join()
    assert [process.wait(60) for process in others] == [0, 0]
    journal.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 800
    assert all(len(set(line["message"])) == 1 for line in lines)


def test_a_sink_that_fails_does_not_stop_the_others() -> None:
    class Broken:
        def write(self, event: runs.Event) -> None:
            raise BrokenPipeError

        def close(self) -> None:
            raise BrokenPipeError

    class Kept:
        def __init__(self) -> None:
            self.events: list[runs.Event] = []

        def write(self, event: runs.Event) -> None:
            self.events.append(event)

        def close(self) -> None:
            pass

    kept = Kept()
    journal = Journal([Broken(), kept])
    journal.log("info", "one")
    journal.log("info", "two")
    journal.close()
    assert len(kept.events) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_does_not_stop_the_run() -> None:
    journal = Journal([EventFile("/dev/full")])
    journal.log("info", "one")
    journal.close()


def test_standard_output_carries_events_only() -> None:
    code = (
        "import os; from olivine_pipeline.journal import EventFile, Journal\n"
        "journal = Journal([EventFile('-')])\n"
        "print('a library says hello'); os.system('echo so does a child')\n"
        "journal.log('info', 'ours'); journal.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == ["ours"]
    assert "a library says hello" in done.stderr and "so does a child" in done.stderr


def eta_after(steps: list[float], total: float, first: float = 0) -> float | None:
    """The time left after steps that took so many seconds each."""
    clock = Clock()
    rate = Rate(clock)
    eta = rate.eta(first, total)
    for done, seconds in enumerate(steps, 1):
        clock.now += seconds
        eta = rate.eta(first + done, total)
    return eta


def test_time_left_is_unknown_before_the_first_step_and_without_a_total() -> None:
    assert eta_after([], 100) is None
    assert eta_after([1.0] * 5, 0) is None


def test_time_left_of_steady_work() -> None:
    assert eta_after([2.0] * 20, 100) == pytest.approx(160)
    assert eta_after([2.0] * 100, 100) == 0


def test_time_left_of_a_resumed_training_counts_from_where_it_went_on() -> None:
    assert eta_after([2.0] * 20, 1000, first=900) == pytest.approx(160)


def test_a_pause_does_not_upset_the_time_left() -> None:
    steady, paused = eta_after([1.0] * 20, 100), eta_after([1.0] * 19 + [3600.0], 100)
    assert steady is not None and paused is not None
    assert paused < 1.5 * steady


def test_work_that_gets_slower_takes_longer() -> None:
    assert eta_after([1.0] * 50 + [3.0] * 30, 100) == pytest.approx(60)


def test_evaluation_between_steps_counts() -> None:
    assert eta_after([1.0, 1.0, 1.0, 1.0, 4.0] * 10, 100) == pytest.approx(80)


def test_progress_that_starts_again_forgets_the_old_pace() -> None:
    clock = Clock()
    rate = Rate(clock)
    for done, seconds in [(0, 0.0), (5, 50.0), (0, 1.0), (1, 1.0), (2, 1.0)]:
        clock.now += seconds
        eta = rate.eta(done, 10)
    assert eta == pytest.approx(8)
