"""What goes wrong between here and Azure: nothing is lost, and no job is submitted twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from double.faults import Cut, Fault, azure_error
from small_job import STEPS
from workspaces import Submitted, losses

from olivine_schemas.ledger.folder import run_folders

if TYPE_CHECKING:
    from double import Double

JOB = r"/jobs/olivine-[^/]+$"
DETAILS = r"/runs/olivine-[^/]+/details$"
BUSY = {"Retry-After": "1"}

GOES_WELL = {
    "429 when the job is submitted": [Fault("PUT", JOB, 429, azure_error("TooManyRequests", "Slow down."), BUSY, 2)],
    "the answer to the submission is lost": [Fault("PUT", JOB, 500, azure_error("Internal", "Oops."), after=True)],
    "409, and the job is there": [Fault("PUT", JOB, 409, azure_error("Conflict", "It exists."), after=True)],
    "429 storm while watching": [Fault("GET", DETAILS, 429, azure_error("TooManyRequests", "Slow down."), BUSY, 4)],
    "the service fails while watching": [Fault("GET", DETAILS, 503, azure_error("Unavailable", "Later."), times=3)],
    "the token ends while watching": [Fault("GET", DETAILS, 401, azure_error("ExpiredAuthenticationToken", "Old."))],
    "the connection is cut while watching": [Cut("api.azureml.ms", 600, times=2)],
    "the service stands still for half a minute": [Cut("api.azureml.ms", 300, seconds=30)],
    "the upload is cut": [Cut("blob.core.windows.net", 20_000, upwards=True)],
    "the answer about the workspace fails": [Fault("GET", "workspaces/phrases$", 502, None, times=2)],
}


@pytest.mark.parametrize("faults", GOES_WELL.values(), ids=GOES_WELL)
def test_the_job_is_submitted_once_and_followed_to_its_end(
    faults: list[Fault | Cut], double: Double, submit: Callable[..., Submitted]
) -> None:
    double.workspace.faults.add(*faults)
    submitted = submit("--set", "azureml_client.read_timeout=5")
    events = submitted.well()
    assert double.workspace.faults.left == 0, "it did not happen"
    assert len(double.workspace.jobs) == 1
    assert losses(events) == list(range(1, STEPS + 1))
    assert (submitted.folder / "models/adapter/weights.bin").stat().st_size == 9 << 20
    assert double.workspace.complaints == []


def test_a_download_that_is_cut_goes_on_where_it_was(double: Double, submit: Callable[..., Submitted]) -> None:
    submitted = submit()
    submitted.wait_for(lambda event: event["type"] == "pass-finished")
    double.workspace.faults.add(Cut("blob.core.windows.net", 5 << 20, times=2))
    double.workspace.stale_signatures = 2
    submitted.well()
    assert double.workspace.faults.left == 0
    expected = bytes(range(256)) * (9 << 12)
    assert (submitted.folder / "models/adapter/weights.bin").read_bytes() == expected


def test_a_token_is_renewed_before_it_ends(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "2"
    double.workspace.token_seconds = 4
    events = submit().well()
    assert len(double.workspace.tokens) > 2
    assert not [request.path for request in double.workspace.requests if request.status == 401]
    assert not [event for event in events if event["type"] == "warning"]


def test_an_upload_whose_signature_has_ended_is_signed_anew(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.stale_signatures = 1
    submit().well()
    assert double.requests("POST", "/startPendingUpload") == 2
    assert len(double.workspace.jobs) == 1


def test_a_log_whose_signature_has_ended_is_read_on_with_the_next(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "1"
    submitted = submit()
    submitted.until_it_learns()
    double.workspace.stale_signatures = 2
    events = submitted.well()
    assert double.workspace.stale_signatures == 0
    assert losses(events) == list(range(1, STEPS + 1))
    assert not [event for event in events if event["type"] == "warning"]


def test_a_job_whose_log_is_closed_is_followed_without_it(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "1"
    submitted = submit("--set", "azureml_client.read_timeout=5")
    submitted.until_it_learns()
    double.workspace.stale_signatures = 1_000_000
    submitted.wait_for(lambda event: event.get("code") == "azure-no-log")
    submitted.wait_for(lambda event: "Completed" in event.get("message", ""))
    assert submitted.last()["code"] == "azure-storage-role"


def told_unreachable(event: dict[str, Any]) -> bool:
    return bool(event["type"] == "warning" and event["code"] == "azure-unreachable")


@pytest.mark.parametrize("until", [None, "/startPendingUpload", "/details"], ids=["sign-in", "upload", "watching"])
def test_without_network_it_says_so_once_and_goes_on_when_there_is_one(
    until: str | None, double: Double, submit: Callable[..., Submitted]
) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "0.5"
    if until is None:
        double.proxy.unplug()
    submitted = submit("--set", "azureml_client.max_operation_retries=1")
    while until and not sum(double.requests(method, until) for method in ("GET", "POST")):
        assert submitted.process.poll() is None
        time.sleep(0.05)
    double.proxy.unplug()
    submitted.wait_for(told_unreachable)
    time.sleep(3)  # more tries than the service would get that answers with errors
    double.proxy.plug()
    events = submitted.well()
    assert len([event for event in events if told_unreachable(event)]) == 1
    assert len(double.workspace.jobs) == 1
    assert losses(events) == list(range(1, STEPS + 1))


def test_a_run_that_waits_for_the_network_is_cancelled_at_once(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    double.proxy.unplug()
    submitted = submit()
    submitted.wait_for(told_unreachable)
    submitted.process.send_signal(signal.SIGTERM)
    last = submitted.last()
    assert (last["type"], last["state"]) == ("run-finished", "cancelled")


def test_a_job_that_cannot_be_cancelled_is_not_called_so(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "1"
    submitted = submit()
    submitted.until_it_learns()
    double.proxy.unplug()
    submitted.process.send_signal(signal.SIGTERM)
    last = submitted.last()
    (name,) = double.workspace.jobs
    assert (last["type"], last["code"]) == ("run-failed", "azure-not-cancelled")
    assert f"az ml job cancel -n {name}" in last["hint"]
    double.proxy.plug()
    (folder,) = run_folders(submitted.folder)
    submit("--run-folder", str(folder.path)).well()
    assert list(double.workspace.jobs) == [name]


def test_a_job_is_cancelled_while_the_watcher_waits_for_an_answer(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    double.workspace.job_environment["SMALL_JOB_SECONDS"] = "60"
    submitted = submit()
    submitted.until_it_learns()
    stall = Cut("api.azureml.ms", 0, seconds=60)
    double.workspace.faults.add(stall)
    double.proxy.unplug()  # what is open does not stall
    double.proxy.plug()
    while stall.times:
        time.sleep(0.05)
    submitted.process.send_signal(signal.SIGTERM)
    (run,) = double.workspace.runs.values()
    while not run.cancelled:
        assert submitted.process.poll() is None
        time.sleep(0.05)
    submitted.process.send_signal(signal.SIGTERM)  # who does not want to wait
    assert submitted.end()[0] == 130


def test_a_job_whose_submission_was_not_answered_is_cancelled_too(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    waits = {"Retry-After": "60"}
    double.workspace.faults.add(Fault("PUT", JOB, 500, azure_error("Internal", "Oops."), waits, after=True))
    submitted = submit()
    while not double.workspace.jobs:
        assert submitted.process.poll() is None
        time.sleep(0.05)
    submitted.process.send_signal(signal.SIGTERM)
    assert submitted.last()["state"] == "cancelled"
    assert [run.cancelled for run in double.workspace.runs.values()] == [True]


REFUSED = {
    "no role": (
        Fault("PUT", JOB, 403, azure_error("AuthorizationFailed", "The client does not have authorization.")),
        "azure-forbidden",
        "role",
    ),
    "storage without keys": (
        Fault("POST", "startPendingUpload$", 403, azure_error("KeyBasedAuthenticationNotPermitted", "No keys.")),
        "azure-storage-keys",
        "Storage Blob Data Contributor",
    ),
    "no subscription": (
        Fault("GET", "workspaces/phrases$", 404, azure_error("SubscriptionNotFound", "It was not found.")),
        "azure-no-subscription",
        "az account list",
    ),
    "no workspace": (
        Fault(
            "GET",
            "workspaces/phrases$",
            404,
            azure_error("ResourceNotFound", "The Resource 'Microsoft.MachineLearningServices/workspaces/x' is not."),
        ),
        "azure-no-workspace",
        "workspace_name",
    ),
    "quota": (
        Fault("PUT", JOB, 400, azure_error("QuotaExceeded", "The quota of 4 cores is exceeded.")),
        "azure-quota",
        "Quotas",
    ),
    "the sign-in is not accepted": (
        Fault("GET", "workspaces/phrases$", 401, azure_error("InvalidAuthenticationToken", "No."), times=9),
        "azure-sign-in",
        "az login",
    ),
    "no compute of that name": (None, "azure-no-compute", "az ml compute list"),
    "too many nodes": (None, "azure-too-few-nodes", "instance_count"),
    "nobody is signed in": (None, "azure-sign-in", "az login"),
}


@pytest.mark.parametrize(("fault", "code", "step"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_which_step_to_take(
    fault: Fault | None,
    code: str,
    step: str,
    double: Double,
    submit: Callable[..., Submitted],
    request: pytest.FixtureRequest,
) -> None:
    if fault:
        double.workspace.faults.add(fault)
    environment = {"AZURE_CLIENT_ID": ""} if "nobody" in request.node.callspec.id else {}
    wrong = {"no compute of that name": "aml_compute=no-such", "too many nodes": "instance_count=3"}
    arguments = [f"--set=systems.cloud.{wrong[name]}" for name in wrong if name in request.node.callspec.id]
    submitted = submit(*arguments, **environment)
    last = submitted.last()
    assert (last["type"], last["code"]) == ("run-failed", code), last
    assert step in last["hint"]
    assert submitted.process.returncode == 3
    if arguments:
        assert double.workspace.codes == {}, "uploaded in vain"
    assert not double.workspace.jobs


def test_a_failure_inside_the_job_is_told_as_if_it_happened_here(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    double.workspace.job_environment["SMALL_JOB_ENDS"] = "told"
    last = submit().last()
    assert (last["type"], last["code"]) == ("run-failed", "out-of-memory")
    assert last["hint"] == "A smaller batch may fit."


def test_a_job_that_dies_without_a_word_is_told_with_its_last_lines(
    double: Double, submit: Callable[..., Submitted]
) -> None:
    double.workspace.job_environment["SMALL_JOB_ENDS"] = "crash"
    submitted = submit()
    last = submitted.last()
    assert (last["type"], last["code"]) == ("run-failed", "azure-job-failed")
    assert "status code 139" in last["message"]
    assert "Segmentation fault of the driver" in last["hint"]
    logs = list(submitted.folder.glob(".olivine/runs/*/events.jsonl"))
    assert "line 3" in Path(logs[0]).read_text()
