"""What goes wrong between here and Azure: nothing is lost, and no job is submitted twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from double.faults import Cut, Fault, azure_error
from small_job import STEPS
from workspaces import Submitted, losses

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
