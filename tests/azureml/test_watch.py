"""Following a job: cancelled, taken up again, watched from elsewhere, moved to another node, on two nodes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from configs import small_workspace
from double import preempt
from double.faults import Cut
from small_job import STEPS
from workspaces import Submitted, losses, signed_in

from olivine_schemas.ledger.control import cancel, settled
from olivine_schemas.ledger.folder import run_folders
from olivine_schemas.runs import RunState

if TYPE_CHECKING:
    from double import Double


def test_a_job_in_the_queue_is_cancelled(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.nodes_free.clear()
    submitted = submit()
    submitted.wait_for(lambda event: "queued" in event.get("doing", ""))
    submitted.process.send_signal(signal.SIGTERM)
    last = submitted.last()
    assert (last["type"], last["state"]) == ("run-finished", "cancelled")
    assert submitted.process.returncode == 130
    assert [run.status for run in double.workspace.runs.values()] == ["Canceled"]


def test_a_run_that_is_stopped_while_it_uploads_submits_nothing(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    double.workspace.faults.add(Cut("blob.core.windows.net", 20_000, upwards=True, seconds=3))
    submitted = submit()
    while not double.requests("POST", "/startPendingUpload"):
        time.sleep(0.05)
    submitted.process.send_signal(signal.SIGTERM)
    last = submitted.last()
    assert (last["type"], last["state"]) == ("run-finished", "cancelled")
    assert not double.workspace.jobs


def test_a_running_job_is_cancelled_through_the_ledger(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "60"
    submitted = submit()
    submitted.until_it_learns()
    (folder,) = run_folders(submitted.folder)
    record = settled(folder)
    assert record
    assert record.state is RunState.RUNNING
    assert "cpu-cluster" in record.device
    assert cancel(folder) is RunState.CANCELLED
    (run,) = double.workspace.runs.values()
    assert run.cancelled
    submitted.end()


def test_a_watcher_that_was_killed_takes_its_job_up_again(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "1"
    submitted = submit()
    submitted.until_it_learns()
    submitted.kill()
    (folder,) = run_folders(submitted.folder)
    again = submit("--run-folder", str(folder.path))
    events = again.well()
    assert len(double.workspace.jobs) == 1
    assert losses(events) == list(range(1, STEPS + 1))
    record = settled(folder)
    assert record
    assert record.state is RunState.SUCCEEDED


def test_a_run_that_is_stopped_while_it_looks_for_its_job_cancels_it(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "60"
    submitted = submit()
    submitted.until_it_learns()
    submitted.kill()
    (folder,) = run_folders(submitted.folder)
    again = submit("--run-folder", str(folder.path))
    again.wait_for(lambda event: "connecting" in event.get("doing", ""))
    again.process.send_signal(signal.SIGTERM)
    assert again.last()["state"] == "cancelled"
    assert [run.cancelled for run in double.workspace.runs.values()] == [True]


def test_a_run_whose_job_failed_goes_on_with_another_job(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_ENDS"] = "told"
    submitted = submit()
    assert submitted.last()["type"] == "run-failed"
    double.workspace.job_environment["SMALL_JOB_ENDS"] = ""
    (folder,) = run_folders(submitted.folder)
    submit("--run-folder", str(folder.path)).well()
    assert [run.status for run in double.workspace.runs.values()] == ["Failed", "Completed"]


def test_a_job_is_watched_from_another_machine_by_its_name(
    double: Double, submit: Callable[..., Submitted], tmp_path: Path
) -> None:
    submit().well()
    (name,) = double.workspace.jobs
    elsewhere = small_workspace(tmp_path / "elsewhere")
    environment = signed_in(double.environment, tmp_path / "state")
    events = Submitted(elsewhere, environment, ("--job", name)).well()
    assert losses(events) == list(range(1, STEPS + 1))
    assert (elsewhere / "models/adapter/weights.bin").is_file()
    assert list(double.workspace.jobs) == [name]
    last = Submitted(elsewhere, environment, ("--job", "olivine-unknown")).last()
    assert last["code"] == "azure-no-job"


def test_a_job_whose_node_is_taken_away_begins_again(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "1"
    submitted = submit()
    submitted.wait_for(lambda event: event["type"] == "metric" and event["step"] == 3)
    (name,) = double.workspace.jobs
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "0.1"
    double.workspace.nodes_free.clear()
    preempt(double.workspace, name)
    (folder,) = run_folders(submitted.folder)
    while (record := settled(folder)) and record.state is not RunState.QUEUED:
        assert submitted.process.poll() is None
        time.sleep(0.05)
    double.workspace.nodes_free.set()
    events = submitted.well()
    begun = [number for number, event in enumerate(events) if event["type"] == "run-started"]
    assert len(begun) == 2
    assert losses(events[begun[1] :]) == list(range(1, STEPS + 1))


def test_a_job_on_two_nodes_is_a_distributed_one(double: Double, submit: Callable[..., Submitted]) -> None:
    events = submit("--set", "systems.cloud.instance_count=2").well()
    (job,) = double.workspace.jobs.values()
    assert job["properties"]["distribution"]["distributionType"] == "PyTorch"
    assert job["properties"]["resources"]["instanceCount"] == 2
    assert len(next(iter(double.workspace.runs.values())).processes) == 2
    assert losses(events) == list(range(1, STEPS + 1))


def test_a_detached_submission_is_watched_in_the_background(double: Double, submit: Callable[..., Submitted]) -> None:
    submitted = submit("--detach")
    code, output = submitted.end()
    assert code == 0, output
    (folder,) = run_folders(submitted.folder)
    assert folder.id in output
    while (record := settled(folder)) and record.state in (RunState.QUEUED, RunState.STARTING, RunState.RUNNING):
        time.sleep(0.1)
    assert record
    assert record.state is RunState.SUCCEEDED, folder.console.read_text()
    assert json.loads((folder.path / "azureml.json").read_text())["job"] in double.workspace.jobs
