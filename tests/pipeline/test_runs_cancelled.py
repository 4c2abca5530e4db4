"""A run that is asked to stop leaves nothing alive, whatever it does at the moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from live import Live, again, converting, made, olivine, start, state, workspace

from olivine_schemas.ledger.control import cancel
from olivine_schemas.ledger.folder import RunFolder, find_run
from olivine_schemas.runs import RunState

STAGES = ["before it starts", "at once", "planning", "loading libraries", "loading the model", "training", "stopped"]


@pytest.fixture
def build(tiny_model: Path, tmp_path: Path) -> Path:
    """A workspace whose run makes an int4 model."""
    return workspace(tmp_path / "build", tiny_model, converting())


def bring_to(stage: str, folder: RunFolder) -> Live:
    """A run that has come to a stage."""
    if stage == "before it starts":
        folder.cancel_mark.touch()
    live = Live(folder)
    if stage == "planning":
        live.until(lambda: live.record.state is RunState.STARTING)
    elif stage.startswith("loading"):
        live.until_doing(stage)
    elif stage in ("training", "stopped"):
        live.until_step(3)
    if stage == "stopped":
        os.kill(live.process.pid, signal.SIGSTOP)
    return live


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_leaves_nothing_alive(stage: str, long: Path) -> None:
    live = bring_to(stage, made(long))
    assert cancel(live.folder) is RunState.CANCELLED
    assert live.leaves_nothing()
    assert live.record.state is RunState.CANCELLED
    assert "Traceback" not in live.console
    assert not (long / "models").exists()
    if stage in ("training", "stopped"):
        assert list((long / "cache" / "work").glob("*/checkpoints/checkpoint-*"))


def test_cancel_ends_an_int4_build_and_the_run_can_be_resumed(build: Path) -> None:
    live = start(build)
    live.until_doing("loading the builder")
    children = psutil.Process(live.process.pid).children(recursive=True)
    assert cancel(live.folder) is RunState.CANCELLED
    assert live.leaves_nothing()
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    again(live.folder).end_well()
    assert (build / "models" / "model" / "model.onnx").exists()


def test_cancel_says_that_it_is_on_its_way(long: Path) -> None:
    live = start(long)
    live.until_step(1)
    os.kill(live.process.pid, signal.SIGSTOP)
    live.folder.cancel_mark.touch()
    assert state(live.folder) is RunState.CANCELLING
    os.kill(live.process.pid, signal.SIGCONT)
    assert live.end() == 130
    assert live.events[-1]["state"] == "cancelled"


def test_cancel_after_the_end_changes_nothing(short: Path) -> None:
    live = start(short)
    live.end_well()
    assert cancel(live.folder) is RunState.SUCCEEDED
    assert not live.folder.cancel_mark.exists()


def test_a_run_in_a_terminal_can_be_cancelled_from_elsewhere(long: Path) -> None:
    command = [sys.executable, "-m", "olivine_pipeline", "run", "--plain"]
    environment = {**os.environ, "XDG_STATE_HOME": str(long / "state")}
    with subprocess.Popen(command, cwd=long, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        next(line for line in process.stdout if "started" in line)
        folder = find_run(long, "last")
        assert folder and state(folder) is RunState.RUNNING
        done = olivine("cancel", cwd=long)
        assert (done.returncode, done.stderr) == (0, "")
        assert "cancelled" in done.stdout and folder.id in done.stdout
        assert process.wait(10) == 130
    assert state(folder) is RunState.CANCELLED
