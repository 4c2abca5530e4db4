"""Models and data in Azure for passes on this machine: downloaded once, checked, continued, and never in vain."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure.storage.blob import ContentSettings
from configs import CLIENT
from double.blobs import ACCOUNT
from double.faults import Cut, Fault, azure_error
from double.workspace import DATA
from names import GROUP, NAME, SUBSCRIPTION
from runs import LORA, hashes, run_well, todays_config, write_config, write_rows, write_workspace
from tiny_model import PHRASES
from workspaces import Submitted, signed_in

if TYPE_CHECKING:
    from double import Double

WEIGHTS = bytes(range(256)) * (9 << 12)
MODEL = {"config.json": b'{"model_type": "phi3"}', "weights.bin": WEIGHTS}
MLFLOW = {"MLmodel": b"", "data/config/config.json": MODEL["config.json"], "data/model/weights.bin": WEIGHTS}
LONG = f"azureml://subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/workspaces"
STORE = f"{ACCOUNT}.blob.core.windows.net"
Run = Callable[..., Submitted]


def given(kind: str, **config: str) -> dict[str, Any]:
    """A path with its kind said."""
    return {"type": kind, "config": config}


MODEL_OF_REGISTRY = given("azureml_registry_model", registry_name="azureml", name="phi", version="7")
MODEL_OF_WORKSPACE = given("azureml_model", name="tuned", version="3")
IN_DATASTORE = given("azureml_datastore", datastore_name=DATA, relative_path="models/phi")
SOURCES = {
    "a datastore": IN_DATASTORE,
    "the address of a datastore": given(
        "azureml_datastore", datastore_url=f"azureml://datastores/{DATA}/paths/models/phi"
    ),
    "the whole address": given("azureml_datastore", datastore_url=f"{LONG}/{NAME}/datastores/{DATA}/paths/models/phi/"),
    "a model of the workspace": MODEL_OF_WORKSPACE,
    "a model of a registry": MODEL_OF_REGISTRY,
    "the output of a job": given("azureml_job_output", job_name="earlier", output_name="made", relative_path="phi"),
}


def put(double: Double, prefix: str, files: dict[str, bytes]) -> None:
    """Store files below a prefix of the workspace's datastore."""
    container = double.workspace.blobs.container(double.workspace.containers[DATA])
    for name, data in files.items():
        container.upload_blob(f"{prefix}/{name}", data, overwrite=True)


@pytest.fixture
def stocked(double: Double) -> Double:
    """The double, with one model in every place that a config can name."""
    put(double, "models/phi", MODEL)
    put(double, "models/phi", dict.fromkeys(["", "folder/"], b""))  # as some programs write folders
    put(double, "models/phi-other", {"weights.bin": b"another model whose name begins the same"})
    put(double, "outputs/phi", MODEL)
    put(double, "mlflow/phi", MLFLOW)
    double.workspace.models["tuned", "3"] = f"{DATA}/paths/mlflow/phi"
    double.workspace.registry_models["azureml", "phi", "7"] = (double.workspace.containers[DATA], "mlflow/phi")
    output = {"uri": f"azureml://datastores/{DATA}/paths/outputs/", "mode": "ReadWriteMount"}
    double.workspace.jobs["earlier"] = {"name": "earlier", "properties": {"outputs": {"made": output}}}
    return double


@pytest.fixture
def run(stocked: Double, tmp_path: Path) -> Run:
    """Runs a config here that has a model, maybe data, and no passes."""
    folder = tmp_path / "project"
    folder.mkdir()
    environment = signed_in(stocked.environment, tmp_path / "state")

    def start(model: Any, files: Any = None, client: Any = CLIENT, **more: str) -> Submitted:
        load = {"data_name": "json", "data_files": files, "split": "train"}
        data = {"name": "phrases", "type": "HuggingfaceContainer", "load_dataset_config": load}
        config = {"input_model": {"type": "HfModel", "model_path": model}, "data_configs": [data] if files else []}
        config |= {"passes": {}, "evaluate_input_model": False, "cache_dir": "cache", "output_dir": "models"}
        write_config(folder, {**config, "azureml_client": client} if client else config)
        return Submitted(folder, {**environment, **more}, (), "run")

    return start


def fetched(folder: Path) -> list[dict[str, bytes]]:
    """The files of every download that the cache has."""
    roots = sorted(folder.glob("cache/artifacts/*/files"))
    return [{p.relative_to(r).as_posix(): p.read_bytes() for p in sorted(r.rglob("*")) if p.is_file()} for r in roots]


def downloads(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The progress of bytes."""
    return [event for event in events if event["type"] == "progress" and event["unit"] == "byte" and event["total"]]


@pytest.mark.parametrize("model", SOURCES.values(), ids=SOURCES)
def test_a_model_is_downloaded_once_from_wherever_it_is(model: dict[str, Any], run: Run) -> None:
    first = run(model)
    progress = downloads(first.well())
    assert (progress[-1]["done"], progress[-1]["total"]) == (progress[0]["total"], progress[0]["total"])
    assert progress[-1]["total"] >= len(WEIGHTS)
    assert fetched(first.folder) == [MODEL]
    assert downloads(run(model).well()) == []
    assert fetched(first.folder) == [MODEL]


@pytest.mark.parametrize("model", [MODEL_OF_WORKSPACE, MODEL_OF_REGISTRY], ids=["workspace", "registry"])
def test_a_version_that_is_here_is_not_asked_for_again(model: dict[str, Any], stocked: Double, run: Run) -> None:
    run(model).well()
    stocked.workspace.requests.clear()
    run(model).well()
    assert stocked.workspace.requests == []


def test_a_registry_needs_no_workspace(run: Run) -> None:
    first = run(MODEL_OF_REGISTRY, client=None)
    first.well()
    assert fetched(first.folder) == [MODEL]


def test_only_what_changed_is_downloaded_again_and_equal_bytes_are_kept_once(stocked: Double, run: Run) -> None:
    first = run(IN_DATASTORE)
    first.well()
    put(stocked, "models/phi", MODEL)  # the same bytes, written anew
    assert downloads(run(IN_DATASTORE).well())
    assert fetched(first.folder) == [MODEL]
    put(stocked, "models/phi", {"config.json": b"{}"})
    assert downloads(run(IN_DATASTORE).well())
    assert {**MODEL, "config.json": b"{}"} in fetched(first.folder)


def test_data_comes_along_and_without_network_what_was_downloaded_before_is_used(stocked: Double, run: Run) -> None:
    put(stocked, "data", {"train.json": b"{}\n"})
    rows = given("azureml_datastore", datastore_name=DATA, relative_path="data/train.json")
    first = run(IN_DATASTORE, rows)
    first.well()
    assert {"train.json": b"{}\n"} in fetched(first.folder)
    assert MODEL in fetched(first.folder)
    stocked.workspace.faults.add(
        Fault("GET", "workspaces/phrases$", 503, azure_error("Unavailable", "Later."), times=9)
    )
    events = run(IN_DATASTORE, rows).well()
    assert "azure-unreachable" in [event["code"] for event in events if event["type"] == "warning"]


def test_a_download_that_is_cut_goes_on_where_it_was(stocked: Double, run: Run) -> None:
    stocked.workspace.faults.add(Cut("blob.core.windows.net", 5 << 20, times=2))
    stocked.workspace.stale_signatures = 1
    cut = run(IN_DATASTORE)
    cut.well()
    assert stocked.workspace.faults.left == 0
    assert fetched(cut.folder) == [MODEL]


def test_a_download_is_cancelled_at_once_and_continued_by_the_next_run(stocked: Double, run: Run) -> None:
    stocked.workspace.faults.add(Cut("blob.core.windows.net", 5 << 20, seconds=60))
    stopped = run(IN_DATASTORE)
    while not any(part.stat().st_size for part in stopped.folder.glob("cache/work/*/weights.bin.part")):
        assert stopped.process.poll() is None
        time.sleep(0.05)
    stopped.process.send_signal(signal.SIGTERM)
    assert stopped.last()["state"] == "cancelled"
    assert stopped.process.returncode == 130
    assert fetched(stopped.folder) == []
    stocked.proxy.sent.clear()
    run(IN_DATASTORE).well()
    assert fetched(stopped.folder) == [MODEL]
    assert stocked.proxy.sent[STORE] < len(WEIGHTS) - (3 << 20)


def test_other_bytes_than_the_store_has_the_checksum_of_are_refused(stocked: Double, run: Run) -> None:
    container = stocked.workspace.blobs.container(stocked.workspace.containers[DATA])
    weights = container.get_blob_client("models/phi/weights.bin")
    weights.set_http_headers(ContentSettings(content_md5=bytearray(16)))
    refused = run(IN_DATASTORE)
    assert refused.last()["code"] == "azure-download"
    assert fetched(refused.folder) == []


REFUSED: dict[str, tuple[Any, Fault | None, str, str]] = {
    "nothing at the path": (
        given("azureml_datastore", datastore_name=DATA, relative_path="models/pi"),
        None,
        "azure-missing-file",
        "path",
    ),
    "no such datastore": (
        given("azureml_datastore", datastore_name="nowhere", relative_path="models/phi"),
        None,
        "azure-no-datastore",
        "datastore",
    ),
    "no such model": (given("azureml_model", name="tuned", version="4"), None, "azure-not-found", "version"),
    "no such registry": (
        {**MODEL_OF_REGISTRY, "config": {**MODEL_OF_REGISTRY["config"], "registry_name": "x"}},
        None,
        "azure-not-found",
        "name",
    ),
    "no such output": (
        given("azureml_job_output", job_name="earlier", output_name="model", relative_path=""),
        None,
        "azure-no-output",
        "made",
    ),
    "another workspace": (
        given("azureml_datastore", datastore_url=f"{LONG}/other/datastores/{DATA}/paths/models/phi"),
        None,
        "azure-other-workspace",
        "azureml_client",
    ),
    "no role for the storage": (
        IN_DATASTORE,
        Fault("POST", "listSecrets$", 403, azure_error("AuthorizationPermissionMismatch", "No.")),
        "azure-storage-role",
        "Storage Blob Data Reader",
    ),
}


@pytest.mark.parametrize(("model", "fault", "code", "step"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_which_step_to_take(
    model: Any, fault: Fault | None, code: str, step: str, stocked: Double, run: Run
) -> None:
    if fault:
        stocked.workspace.faults.add(fault)
    last = run(model).last()
    assert last["code"] == code
    assert step in f"{last['message']} {last['hint']}"


def test_nobody_signed_in_is_told_to_sign_in(run: Run) -> None:
    last = run(MODEL_OF_WORKSPACE, AZURE_CLIENT_ID="").last()
    assert (last["code"], "az login" in last["hint"]) == ("azure-sign-in", True)


@pytest.mark.slow
def test_a_run_on_data_and_a_model_in_the_cloud_is_that_on_local_ones(
    double: Double, tiny_model: Path, tmp_path: Path
) -> None:
    here = write_workspace(tmp_path / "here", tiny_model, todays_config(tune=LORA))
    run_well(here)
    put(double, "models/tiny", {p.name: p.read_bytes() for p in tiny_model.iterdir()})
    write_rows(tmp_path / "train.json", PHRASES)
    put(double, "data", {"train.json": (tmp_path / "train.json").read_bytes()})
    there = write_workspace(tmp_path / "there", tiny_model, todays_config(tune=LORA))
    config = json.loads((there / "olive-config.json").read_text())
    (there / "data" / "train.json").unlink()
    rows = given("azureml_datastore", datastore_name=DATA, relative_path="data/train.json")
    config["data_configs"][0]["load_dataset_config"]["data_files"] = rows
    config["input_model"]["model_path"] = given("azureml_datastore", datastore_name=DATA, relative_path="models/tiny")
    write_config(there, {**config, "azureml_client": CLIENT})
    environment = signed_in(double.environment, tmp_path / "state")
    Submitted(there, environment, (), "run").well()
    assert hashes(there / "models") == hashes(here / "models")
    put(double, "data", {"train.json": (tmp_path / "train.json").read_bytes()})
    again = Submitted(there, environment, (), "run").well()
    assert [event["name"] for event in again if event["type"] == "pass-skipped"] == ["tune"]
    write_rows(tmp_path / "train.json", PHRASES[:12])
    put(double, "data", {"train.json": (tmp_path / "train.json").read_bytes()})
    changed = Submitted(there, environment, (), "run").well()
    assert [event["name"] for event in changed if event["type"] == "pass-finished"] == ["tune"]
