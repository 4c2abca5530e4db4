"""Data in Azure where the packages for it are not installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from configs import CLIENT, small_workspace
from runs import run

from olivine_pipeline.hosts.azureml.access import is_installed

STORED = {"type": "azureml_datastore", "config": {"datastore_name": "workspaceblobstore", "relative_path": "a.json"}}


def here(folder: Path, client: dict[str, str] | None) -> Path:
    """A config whose passes run here, on data in a datastore."""
    path = small_workspace(folder) / "olive-config.json"
    config = json.loads(path.read_text())
    config["data_configs"][0]["load_dataset_config"]["data_files"] = STORED
    del config["host"], config["azureml_client"]
    path.write_text(json.dumps({**config, "azureml_client": client} if client else config))
    return folder


@pytest.mark.skipif(is_installed(), reason="the packages of Azure are installed")
def test_a_person_is_told_what_to_install_before_anything_is_loaded(tmp_path: Path) -> None:
    ended = run(here(tmp_path / "project", CLIENT))
    assert ended.exit_code == 2
    assert ended.events[-1]["code"] == "missing-package"
    assert "pip install 'olivine[azure]'" in ended.events[-1]["hint"]
    assert ended.events[-1]["location"]["line"]


def test_data_in_a_workspace_that_is_not_named_is_refused(tmp_path: Path) -> None:
    ended = run(here(tmp_path / "project", None))
    assert ended.exit_code == 2
    assert "azureml_client" in ended.output
