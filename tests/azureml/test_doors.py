"""The commands that know nothing of Azure ML, on a config whose passes run there."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from small_job import STEPS
from workspaces import Submitted, losses

from olivine_schemas.ledger.control import settled
from olivine_schemas.ledger.folder import RunFolder, run_folders
from olivine_schemas.runs import RunRecord, RunState

if TYPE_CHECKING:
    from double import Double


def record_of(folder: Path) -> tuple[RunFolder, RunRecord]:
    (run,) = run_folders(folder)
    record = settled(run)
    assert record
    return run, record


def test_run_submits_and_keeps_the_page_of_the_job(double: Double, submit: Callable[..., Submitted]) -> None:
    ran = submit(does="run")
    assert losses(ran.well()) == list(range(1, STEPS + 1))
    (name,) = double.workspace.jobs
    _, record = record_of(ran.folder)
    assert record.state is RunState.SUCCEEDED
    assert record.url
    assert record.url.startswith(f"https://ml.azure.com/runs/{name}")


def test_a_run_is_queued_until_it_has_a_node(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.nodes_free.clear()
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "1"
    ran = submit(does="run")
    ran.wait_for(lambda event: "queued" in event.get("doing", ""))
    assert record_of(ran.folder)[1].state is RunState.QUEUED
    double.workspace.queueing = "Job is waiting in the queue at position 3."
    ran.wait_for(lambda event: "position 3" in event.get("doing", ""))
    double.workspace.nodes_free.set()
    ran.until_it_learns()
    assert record_of(ran.folder)[1].state is RunState.RUNNING
    ran.well()


def test_resume_takes_the_job_up_again(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "1"
    ran = submit(does="run")
    ran.until_it_learns()
    ran.kill()
    assert record_of(ran.folder)[1].state is RunState.LOST
    assert losses(submit(does="resume").well()) == list(range(1, STEPS + 1))
    assert len(double.workspace.jobs) == 1
    assert record_of(ran.folder)[1].state is RunState.SUCCEEDED


def test_resume_submits_anew_what_was_cancelled_a_moment_ago(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "60"
    ran = submit(does="run")
    ran.until_it_learns()
    ran.process.send_signal(signal.SIGTERM)
    assert ran.last()["state"] == "cancelled"
    (first,) = double.workspace.jobs
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "0.1"
    submit(does="resume").well()
    (again,) = set(double.workspace.jobs) - {first}
    while double.workspace.runs[first].status != "Canceled":
        time.sleep(0.05)
    assert double.workspace.runs[again].status == "Completed"


def test_what_is_forced_here_is_forced_there(double: Double, submit: Callable[..., Submitted]) -> None:
    submit("--force", does="run").well()
    (job,) = double.workspace.jobs.values()
    assert "--force" in job["properties"]["command"]


def test_models_stay_in_the_datastore_where_the_config_says_so(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    ran = submit("--set", "systems.cloud.download_results=false", does="run")
    assert not [event for event in ran.well() if event["type"] == "artifact"]
    assert [path.name for path in sorted((ran.folder / "models").glob("[!.]*"))] == ["report.html", "report.json"]
    (name,) = double.workspace.jobs
    assert f"olivine/{name}/results/" in ran.folder.joinpath("events.jsonl").read_text()
    stays = [
        path for path in double.workspace.blobs.everything() if path.endswith(f"{name}/results/adapter/weights.bin")
    ]
    assert stays
    submit("--job", name).well()
    assert (ran.folder / "models/adapter/weights.bin").is_file()


def test_an_upload_tells_how_far_it_is(
    double: Double, submit: Callable[..., Submitted], tiny_model: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    (model / "more.bin").write_bytes(os.urandom(9 << 20))
    ran = submit("--set", f"input_model.model_path={model}", does="run")
    told = [e for e in ran.well() if e["type"] == "progress" and e["doing"] == "uploading" and e["unit"] == "byte"]
    assert told[-1]["total"] > 9 << 20
    assert told[-1]["done"] == told[-1]["total"]
    assert [event["done"] for event in told] == sorted(event["done"] for event in told)
    assert any(data == (model / "more.bin").read_bytes() for data in double.workspace.blobs.everything().values())
