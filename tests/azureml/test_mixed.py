"""Configs whose passes run partly at Azure ML and partly here: each where it says, with the same result."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from configs import CLIENT, SYSTEM, small_workspace
from runs import LORA, hashes, run_well, todays_config, write_config, write_workspace
from workspaces import Submitted, losses, signed_in, with_small_jobs

from olivine_schemas.ledger.folder import run_folders

if TYPE_CHECKING:
    from double import Double

MERGE = {"type": "MergeAdapterWeights"}
BUILD = {"type": "ModelBuilder", "precision": "int4"}


def mixed(there: str, **passes: dict[str, Any]) -> dict[str, Any]:
    """A config whose passes run here, except those that `there` names, separated by spaces."""
    hosted = {name: {**one, "host": "cloud"} if name in there.split() else one for name, one in passes.items()}
    return {**todays_config(**hosted), "azureml_client": CLIENT, "systems": {"cloud": SYSTEM}}


def names(events: list[dict[str, Any]], kind: str) -> list[tuple[str, int, int]]:
    """Name and number of the passes that events of one type tell of."""
    return [(event["name"], event["index"], event["of"]) for event in events if event["type"] == kind]


@pytest.mark.slow
@pytest.mark.parametrize("there", ["tune", "merge", "tune merge", "merge build"])
def test_each_pass_runs_where_it_says_with_the_result_of_a_local_run(
    there: str, double: Double, tiny_model: Path, tmp_path: Path
) -> None:
    passes = {"tune": LORA, "merge": MERGE, "build": BUILD}
    here = write_workspace(tmp_path / "here", tiny_model, todays_config(**passes))
    run_well(here)
    folder = write_workspace(tmp_path / "mixed", tiny_model, mixed(there, **passes))
    environment = signed_in(double.environment, tmp_path / "state")
    events = Submitted(folder, environment, (), "run").well()
    assert hashes(folder / "models") == hashes(here / "models")
    assert names(events, "pass-finished") == [("tune", 1, 3), ("merge", 2, 3), ("build", 3, 3)]
    assert losses(events) == [1, 2, 3]
    reports = [json.loads((one / "models" / "report.json").read_text()) for one in (folder, here)]
    assert [stage["name"] for stage in reports[0]["stages"]] == [stage["name"] for stage in reports[1]["stages"]]
    assert reports[0]["losses"] == reports[1]["losses"]
    assert len(double.workspace.jobs) == 1
    assert double.workspace.complaints == []
    again = Submitted(folder, environment, (), "run").well()
    assert names(again, "pass-skipped") == [("tune", 1, 3), ("merge", 2, 3), ("build", 3, 3)]
    assert len(double.workspace.jobs) == 1


@pytest.fixture
def split(double: Double, tmp_path: Path) -> Callable[..., Submitted]:
    """Runs the small workspace, whose training is a small job and whose merge would be here."""
    with_small_jobs(double.workspace, tmp_path / "bin")
    folder = small_workspace(tmp_path / "project")
    environment = signed_in(double.environment, tmp_path / "state")

    def start(change: Callable[[dict[str, Any]], object] = lambda config: None) -> Submitted:
        config = json.loads((folder / "olive-config.json").read_text())
        config["passes"]["tune"]["host"] = "cloud"
        config["passes"] |= {"merge": MERGE}
        config.pop("host", None)
        change(config)
        write_config(folder, config)
        return Submitted(folder, environment, (), "run")

    return start


def test_a_run_that_is_stopped_cancels_the_job_of_its_pass(double: Double, split: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "60"
    ran = split()
    ran.until_it_learns()
    ran.process.send_signal(signal.SIGTERM)
    assert ran.last()["state"] == "cancelled"
    assert ran.process.returncode == 130
    ((name, job),) = double.workspace.runs.items()
    assert job.cancelled
    (folder,) = run_folders(ran.folder)
    record = folder.read()
    assert record
    assert f"/runs/{name}?" in (record.url or "")


def test_a_run_that_was_killed_takes_the_job_of_its_pass_up_again(
    double: Double, split: Callable[..., Submitted]
) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "1"
    killed = split()
    killed.until_it_learns()
    killed.kill()
    again = split()
    again.wait_for(lambda event: event["type"] == "pass-finished" and event["name"] == "tune")
    again.wait_for(lambda event: event["type"] == "pass-started" and event["name"] == "merge")
    again.end()  # there is no base to merge with
    assert len(double.workspace.jobs) == 1
    assert [path.name for path in again.folder.glob(".olive-cache/artifacts/*/weights.bin")] == ["weights.bin"]


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no environment": (lambda c: c["systems"]["cloud"].pop("aml_docker_config"), "azureml-without-environment"),
    "an unknown resource": (lambda c: c["systems"]["cloud"].update(resources={"gpus": 2}), "unknown-resource"),
    "a merge apart from its quantized base": (
        lambda c: (
            c["passes"]["tune"].update(type="QLoRA"),
            c["passes"]["tune"].pop("host"),
            c["passes"]["merge"].update(host="cloud"),
        ),
        "mixed-hosts",
    ),
}


@pytest.mark.parametrize(("change", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_there_is_refused_before_anything_runs(
    change: Callable[[dict[str, Any]], object], code: str, double: Double, split: Callable[..., Submitted]
) -> None:
    refused = split(change)
    exit_code, output = refused.end()
    assert exit_code == 2
    assert code in output
    assert not double.workspace.requests


def test_passes_for_a_target_in_azure_run_here(double: Double, split: Callable[..., Submitted]) -> None:
    ran = split(
        lambda config: (
            config["passes"].pop("tune"),
            config["passes"].pop("merge"),
            config.update(target="cloud", evaluate_input_model=False),
        )
    )
    assert ran.well()[-1]["state"] == "succeeded"
    assert not double.workspace.requests
