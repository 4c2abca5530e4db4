"""Nodes that are taken away, and jobs that end before their time: the training goes on from what was kept of it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from configs import azure_config
from double import preempt
from runs import LORA, TRAINING, hashes, run_well, todays_config, write_workspace
from workspaces import Submitted, losses, signed_in

from olivine_schemas.ledger.folder import run_folders

if TYPE_CHECKING:
    from double import Double

STEPS = 80
CANARY = "canary-of-the-variable"
CONFIG = todays_config(tune={**LORA, "training_args": {**TRAINING, "max_steps": STEPS, "save_steps": 5}})
CONFIG.pop("evaluator")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hashes of the results where nothing happens."""
    folder = write_workspace(tmp_path_factory.mktemp("undisturbed"), tiny_model, CONFIG)
    run_well(folder)
    return hashes(folder / "models")


@pytest.fixture
def submit(double: Double, tiny_model: Path, tmp_path: Path) -> Callable[..., Submitted]:
    """Submits the training as a job, whose environment has a secret."""
    double.workspace.job_environment["HF_TOKEN"] = CANARY
    folder = write_workspace(tmp_path / "project", tiny_model, azure_config(CONFIG))
    return lambda *arguments: Submitted(folder, signed_in(double.environment, tmp_path / "state"), arguments)


def take_node_away(double: Double, submitted: Submitted) -> list[Path]:
    """Let the job wait for another node; the checkpoints that are kept by then, at least two."""
    kept(double, submitted, 2)
    (name,) = double.workspace.jobs
    double.workspace.nodes_free.clear()
    preempt(double.workspace, name)
    for process in double.workspace.runs[name].processes:
        process.wait()
    return kept(double, submitted, 2)


def kept(double: Double, submitted: Submitted, count: int) -> list[Path]:
    """The checkpoints that are kept in the datastore, by their steps, once there are so many."""
    while True:
        lists = double.workspace.folder.glob("mounts/*/olivine/*/training/work/*/checkpoint-*/files.json")
        found = sorted((path.parent for path in lists), key=step_of)
        if len(found) >= count:
            return found
        assert submitted.process.poll() is None, submitted.end()[1]
        time.sleep(0.01)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.partition("-")[2])


def begun(events: list[dict[str, Any]]) -> list[list[int]]:
    """The steps that were told, by the times that the run began."""
    starts = [number for number, event in enumerate(events) if event["type"] == "run-started"]
    return [losses(events[start:end]) for start, end in zip(starts, [*starts[1:], None])]  # noqa: B905


@pytest.mark.parametrize("torn", [False, True], ids=["", "and its last checkpoint is torn"])
def test_where_a_node_is_taken_away_the_next_goes_on_from_a_checkpoint(
    torn: bool, double: Double, submit: Callable[..., Submitted], undisturbed: dict[str, str]
) -> None:
    submitted = submit()
    *_, older, last = take_node_away(double, submitted)
    if torn:
        weights = last / "adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1])
    double.workspace.nodes_free.set()
    first, second = begun(submitted.well())
    assert first[0] == 1
    assert second == list(range(step_of(older if torn else last) + 1, STEPS + 1))
    assert hashes(submitted.folder / "models") == undisturbed
    assert double.workspace.complaints == []
    assert not [name for name, data in double.workspace.blobs.everything().items() if CANARY.encode() in data]


def test_a_training_on_two_nodes_goes_on_with_both(double: Double, submit: Callable[..., Submitted]) -> None:
    submitted = submit("--set", "systems.cloud.instance_count=2")
    last = take_node_away(double, submitted)[-1]
    double.workspace.nodes_free.set()
    _, second = begun(submitted.well())
    assert second == list(range(step_of(last) + 1, STEPS + 1))
    assert len(next(iter(double.workspace.runs.values())).processes) == 4


def test_a_run_that_was_cancelled_goes_on_in_another_job(
    double: Double, submit: Callable[..., Submitted], undisturbed: dict[str, str]
) -> None:
    submitted = submit()
    submitted.wait_for(lambda event: event["type"] == "metric" and event["name"] == "loss" and event["step"] >= 7)
    submitted.process.send_signal(signal.SIGTERM)
    assert submitted.last()["state"] == "cancelled"
    (run,) = double.workspace.runs.values()
    for process in run.processes:
        process.wait(60)
    *_, last = kept(double, submitted, 1)
    (folder,) = run_folders(submitted.folder)
    assert begun(submit("--run-folder", str(folder.path)).well()) == [list(range(step_of(last) + 1, STEPS + 1))]
    assert hashes(submitted.folder / "models") == undisturbed
    first, second = double.workspace.jobs.values()
    assert first["properties"]["outputs"]["training"] == second["properties"]["outputs"]["training"]
    assert json.loads((folder.path / "azureml.json").read_text())["first"] == first["name"]
