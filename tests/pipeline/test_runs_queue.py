"""Runs that want the same device take turns, first come, first served."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from live import Live, made, start, training, workspace
from runs import LORA, run_well, todays_config, write_config

from olivine_pipeline import queue
from olivine_schemas.ledger.control import cancel, settled
from olivine_schemas.runs import RunState

HOLD = """
import sys, time
from olivine_pipeline.queue import draw
ticket = draw("cpu", sys.argv[1])
print("drawn", flush=True)
sys.stdin.read()
ticket.give_back()
"""


@pytest.fixture(autouse=True)
def own_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def holder(run: str) -> subprocess.Popen[str]:
    """A process with a ticket, which it gives back at the end of its input."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, run], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "drawn\n"
    return process


def test_who_comes_first_is_ahead() -> None:
    first, second = queue.draw("cpu", "first"), holder("second")
    third = queue.draw("cpu", "third")
    elsewhere = queue.draw("cuda", "elsewhere")
    assert [first.ahead(), third.ahead(), elsewhere.ahead()] == [[], ["first", "second"], []]
    first.give_back()
    assert third.ahead() == ["second"]
    second.communicate("")
    assert third.ahead() == []
    assert {path.name for path in third.path.parent.glob("0*")} == {third.path.name}
    third.give_back(), elsewhere.give_back()


def test_one_that_died_holds_nobody_up() -> None:
    first = holder("first")
    second = queue.draw("cpu", "second")
    first.kill()
    first.wait()
    assert second.ahead() == []
    second.give_back()


def test_a_queue_that_was_deleted_holds_nobody_up(tmp_path: Path) -> None:
    ticket = queue.draw("cpu", "alone")
    for path in ticket.path.parent.iterdir():
        path.unlink()
    assert ticket.ahead() == []
    ticket.give_back()


@pytest.mark.parametrize(
    ("wanted", "said", "number"), [(None, "", 1), (None, "3", 3), (2, "3", 2), (None, "0", 1), (None, "x", 1)]
)
def test_how_many_at_once(wanted: int | None, said: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(queue.AT_ONCE_VARIABLE, said)
    assert queue.at_once(wanted) == number


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A workspace whose run does not end by itself."""
    return workspace(tmp_path / "first", tiny_model, training())


def other(tiny_model: Path, tmp_path: Path, name: str, steps: int) -> Path:
    return workspace(tmp_path / name, tiny_model, training(steps))


def shared(tmp_path: Path) -> dict[str, str]:
    """One queue for the runs of several workspaces."""
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def is_queued(live: Live) -> bool:
    return live.record.state is RunState.QUEUED and "behind the run" in live.console


def test_runs_wait_in_the_order_they_came_and_a_killed_one_makes_room(
    folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    environment = shared(tmp_path)
    first = start(folder, **environment)
    first.until_step(1)
    second = start(other(tiny_model, tmp_path, "second", 3), **environment)
    second.until(lambda: is_queued(second))
    third = start(other(tiny_model, tmp_path, "third", 4), **environment)
    third.until(lambda: is_queued(third))
    assert f"behind the run {first.folder.id}" in second.console
    assert f"behind the run {second.folder.id}" in third.console
    assert [event["type"] for event in third.events] == ["log"]

    os.kill(first.process.pid, signal.SIGKILL)
    second.end_well(), third.end_well()
    assert (second.record.ended or 0) <= third.events[1]["time"]


def test_more_at_once_do_not_wait(folder: Path, tiny_model: Path, tmp_path: Path) -> None:
    first = start(folder, **shared(tmp_path))
    first.until_step(1)
    start(other(tiny_model, tmp_path, "second", 3), "--at-once=2", **shared(tmp_path)).end_well()
    assert first.alive
    cancel(first.folder)


def test_a_waiting_run_is_cancelled_and_leaves_the_queue(folder: Path, tiny_model: Path, tmp_path: Path) -> None:
    with_holder = holder("busy")
    waiting = start(folder, **shared(tmp_path))
    waiting.until(lambda: is_queued(waiting))
    assert cancel(waiting.folder) is RunState.CANCELLED
    assert waiting.leaves_nothing()
    with_holder.communicate("")
    assert queue.draw("cpu", "next").ahead() == []


def test_who_finds_everything_in_the_cache_does_not_wait(tiny_model: Path, tmp_path: Path) -> None:
    folder = other(tiny_model, tmp_path, "cached", 3)
    run_well(folder)
    busy = holder("busy")
    start(folder, **shared(tmp_path)).end_well()
    busy.communicate("")


def test_who_measures_waits(tiny_model: Path, tmp_path: Path) -> None:
    folder = workspace(tmp_path / "measure", tiny_model, todays_config(tune=LORA))
    run_well(folder)
    held_out = folder / "data" / "held-out.json"
    held_out.write_text(held_out.read_text().replace("empty", "vacant", 1))
    busy = holder("busy")
    waiting = start(folder, **shared(tmp_path))
    waiting.until(lambda: is_queued(waiting))
    busy.communicate("")
    waiting.end_well()


def test_after_waiting_what_another_run_has_made_is_taken(folder: Path, tmp_path: Path) -> None:
    write_config(folder, training(30))
    first = start(folder, **shared(tmp_path))
    first.until_step(1)
    second = Live(made(folder), **shared(tmp_path))
    first.end_well(), second.end_well()
    assert [event["type"] for event in second.events if event["type"].startswith("pass-")] == ["pass-skipped"]
    record = settled(second.folder)
    assert record and record.state is RunState.SUCCEEDED
