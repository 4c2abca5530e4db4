"""Stopping work that is done in a child process, and work that waits for another run."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from runs import Running, run_well, todays_config, write_workspace

from olivine_pipeline.plan import plan


@pytest.fixture
def workspace(tiny_model: Path, tmp_path: Path) -> Path:
    """A config that converts only."""
    config = todays_config(build={"type": "ModelBuilder", "precision": "fp32"})
    return write_workspace(tmp_path / "convert", tiny_model, config)


def building(event: dict[str, Any]) -> bool:
    return event["type"] == "progress" and event["doing"] == "loading the builder"


def ends(process: psutil.Process) -> bool:
    """Whether a process is gone within ten seconds."""
    for _ in range(200):
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def children_of(running: Running) -> list[psutil.Process]:
    """The child processes of a run, which tells that it loads the builder before there are any."""
    while running.process.poll() is None:
        if children := psutil.Process(running.process.pid).children(recursive=True):
            return children
        time.sleep(0.005)
    pytest.fail(f"the run ended before it had a child:\n{running.end().output}")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL], ids=["cancelled", "killed"])
def test_a_stopped_build_ends_its_child_and_can_be_done_again(stop: signal.Signals, workspace: Path) -> None:
    running = Running(workspace)
    running.wait_for(building)
    children = children_of(running)
    os.kill(running.process.pid, stop)
    ended = running.end()
    assert ended.exit_code == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    assert all(ends(child) for child in children)
    assert not (workspace / "models").exists()

    if stop == signal.SIGINT:  # once is enough
        run_well(workspace)
        stages = json.loads((workspace / "models" / "report.json").read_text())["stages"]
        assert [stage["name"] for stage in stages] == ["base", "onnx"]
        base, onnx = (stage["perplexity"] for stage in stages)
        assert onnx == pytest.approx(base, rel=1e-3)


def test_waiting_for_another_run_can_be_cancelled(workspace: Path) -> None:
    planned = plan(workspace / "olive-config.json")
    with planned.store.lock(planned.passes[0].key):
        running = Running(workspace)
        running.wait_for(lambda event: event["type"] == "progress" and event["doing"].startswith("waiting for"))
        os.kill(running.process.pid, signal.SIGTERM)
        assert running.end().exit_code == 130
