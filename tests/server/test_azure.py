"""Choosing a workspace and a compute of Azure ML: what becomes of the config, and what completion knows then."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from olivine_schemas.overrides import override
from olivine_server.features.azure import choosing_compute, choosing_workspace, workspace_of
from olivine_server.features.complete import complete
from olivine_server.workspace import Document

NAMES = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}
WORKSPACE = {"name": "w", "resource_group": "g", "subscription_id": "s"}
GPU = {"name": "gpus", "gpu": True}
MODEL = {"type": "HfModel", "model_path": "org/model"}


def chosen(config: dict[str, Any], choosing: Any, item: dict[str, Any]) -> Any:
    """The config after a choice."""
    text = json.dumps(config, indent=2)
    return json.loads(override(text, choosing(Document("file:///olive-config.json", text), item)))


@pytest.mark.parametrize("before", [{}, {"azureml_client": {}}, {"azureml_client": {**NAMES, "workspace_name": "old"}}])
def test_a_workspace_is_named_by_its_three_names(before: dict[str, Any]) -> None:
    assert chosen({"input_model": MODEL, **before}, choosing_workspace, WORKSPACE)["azureml_client"] == NAMES


def test_what_else_is_said_of_the_workspace_stays() -> None:
    before = {"azureml_client": {"keyvault_name": "vault", "read_timeout": 5}}
    assert chosen(before, choosing_workspace, WORKSPACE)["azureml_client"] == {**before["azureml_client"], **NAMES}


CLOUD = {"type": "AzureML", "aml_compute": "old"}
SYSTEMS = {
    "flat": ({"systems": {"here": {"type": "LocalSystem"}, "cloud": CLOUD}}, ("systems", "cloud", "aml_compute")),
    "nested": (
        {"systems": {"cloud": {"type": "AzureML", "config": {"aml_compute": "old"}}}},
        ("systems", "cloud", "config", "aml_compute"),
    ),
    "the host of several": (
        {"systems": {"one": CLOUD, "two": CLOUD}, "host": "two"},
        ("systems", "two", "aml_compute"),
    ),
    "not written yet": ({"systems": {"cloud": {"type": "AzureML"}}}, ("systems", "cloud", "aml_compute")),
}


@pytest.mark.parametrize(("before", "path"), SYSTEMS.values(), ids=SYSTEMS)
def test_a_compute_is_named_where_the_system_stands(before: dict[str, Any], path: tuple[str, ...]) -> None:
    after = found = chosen(before, choosing_compute, GPU)
    for step in path:
        found = found[step]
    assert found == "gpus"
    assert json.dumps(after).count("gpus") == 1


@pytest.mark.parametrize(
    ("before", "host"),
    [({}, ("host",)), ({"systems": {}, "host": "x"}, ("host",)), ({"engine": {"output_dir": "o"}}, ("engine", "host"))],
)
def test_a_config_without_a_system_for_it_gets_one(before: dict[str, Any], host: tuple[str, ...]) -> None:
    after = found = chosen({"input_model": MODEL, **before}, choosing_compute, GPU)
    for step in host:
        found = found[step]
    assert found == "azureml"
    system = after["systems"]["azureml"]
    assert (system["aml_compute"], system["accelerators"]) == ("gpus", [{"device": "gpu"}])
    assert "cuda" in system["aml_docker_config"]["base_image"]


def test_a_workspace_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "aml.json").write_text(json.dumps(NAMES))
    uri = (tmp_path / "olive-config.json").as_uri()
    assert workspace_of(Document(uri, '{"azureml_client": {"aml_config_path": "aml.json"}}')) == NAMES
    assert workspace_of(Document(uri, '{"azureml_client": {"aml_config_path": "gone.json"}}')) is None
    assert workspace_of(Document(uri, '{"azureml_client": {"resource_group": "g"}}')) is None


COMPLETED = {
    "computes": '{"systems": {"cloud": {"type": "AzureML", "aml_compute": "|"}}}',
    "datastores": '{"systems": {"cloud": {"type": "AzureML", "datastores": "|"}}}',
    "environments": '{"systems": {"cloud": {"type": "AzureML", "aml_environment_config": {"name": "|"}}}}',
}


@pytest.mark.parametrize(("kind", "text"), COMPLETED.items(), ids=COMPLETED)
def test_what_was_listed_is_offered(kind: str, text: str) -> None:
    def listed(asked: str) -> list[dict[str, Any]]:
        return [{"name": "mine", "detail": "of the workspace"}] if asked == kind else []

    offset = text.index("|")
    document = Document("", text.replace("|", ""))
    assert [item.label for item in complete(document, offset, listed=listed)] == ["mine"]
    assert complete(document, offset) == []


def test_the_server_loads_neither_packages_of_azure_nor_what_gives_tokens() -> None:
    code = (
        "import sys, olivine_server.lsp, olivine_server.answers, olivine_server.runs.commands;"
        "print(*{'azure', 'msal', 'multiprocessing.connection', 'olivine_pipeline'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
