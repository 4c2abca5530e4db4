"""Submitting a config: what is uploaded and asked for, and the real training of a small model at the double."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from configs import azure_config
from runs import LORA, hashes, run_well, todays_config, write_workspace
from workspaces import Submitted, losses, signed_in

if TYPE_CHECKING:
    from double import Double

PASSES = {"tune": LORA, "merge": {"type": "MergeAdapterWeights"}}


@pytest.mark.slow
def test_the_result_of_a_job_is_that_of_a_local_run(double: Double, tiny_model: Path, tmp_path: Path) -> None:
    here = write_workspace(tmp_path / "here", tiny_model, todays_config(**PASSES))
    there = write_workspace(tmp_path / "there", tiny_model, azure_config(todays_config(**PASSES)))
    run_well(here)
    submitted = Submitted(there, signed_in(double.environment, tmp_path / "state"))
    events = submitted.well()
    assert hashes(there / "models") == hashes(here / "models")
    assert losses(events) == [1, 2, 3]
    assert {Path(e["path"]) for e in events if e["type"] == "artifact"} == {
        there / "models/adapter",
        there / "models/model",
    }
    assert events[-1]["state"] == "succeeded"
    assert not list((there / "models").glob(".olivine-2*"))
    assert double.proxy.refused == []
    assert double.workspace.complaints == []


@pytest.mark.slow
def test_a_training_is_seen_live_and_cancelled(double: Double, tiny_model: Path, tmp_path: Path) -> None:
    tune = {**LORA, "training_args": {**LORA["training_args"], "max_steps": 100_000}}
    folder = write_workspace(tmp_path / "project", tiny_model, azure_config(todays_config(tune=tune)))
    submitted = Submitted(folder, signed_in(double.environment, tmp_path / "state"))
    submitted.wait_for(lambda event: event["type"] == "metric" and event["name"] == "loss" and event["step"] >= 2)
    submitted.process.send_signal(signal.SIGTERM)
    assert submitted.last()["state"] == "cancelled"
    assert submitted.process.returncode == 130
    (run,) = double.workspace.runs.values()
    assert run.cancelled
    for process in run.processes:
        process.wait(60)
    assert not (folder / "models").exists()


@pytest.mark.slow
def test_a_training_on_two_nodes_has_one_result(double: Double, tiny_model: Path, tmp_path: Path) -> None:
    config = azure_config(todays_config(**PASSES), instance_count=2)
    folder = write_workspace(tmp_path / "project", tiny_model, config)
    submitted = Submitted(folder, signed_in(double.environment, tmp_path / "state"))
    events = submitted.well()
    assert losses(events) == [1, 2, 3]
    assert (folder / "models/model/model.safetensors").is_file()
    assert len(next(iter(double.workspace.runs.values())).processes) == 2
