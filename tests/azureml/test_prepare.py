"""What would be uploaded and asked for: found without contacting anyone, and without packages of Azure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from configs import azure_config, printed_without_azure, small_workspace

from olivine_pipeline.errors import ConfigRefused
from olivine_pipeline.hosts.azureml import packages
from olivine_pipeline.hosts.azureml.host import Prepared, command_line, prepare
from olivine_pipeline.hosts.azureml.snapshot import write_snapshot
from olivine_schemas.check import check
from olivine_schemas.tree import to_data


def changed(folder: Path, change: Any) -> Path:
    """The config of a folder, after `change` was done to it."""
    path = folder / "olive-config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    return path


def staged(prepared: Prepared) -> dict[str, Any]:
    """The config as the job finds it."""
    data: dict[str, Any] = json.loads(prepared.snapshot.config)
    return data


def test_the_snapshot_is_the_config_its_data_and_olivine(tmp_path: Path) -> None:
    folder = small_workspace(tmp_path / "project")
    for name in (".env", "notes.txt", "data/other.json"):
        (folder / name).write_text("{}")
    prepared = prepare(folder / "olive-config.json")
    write_snapshot(prepared.snapshot, tmp_path / "snapshot")
    files = {path.relative_to(tmp_path / "snapshot") for path in (tmp_path / "snapshot").rglob("*") if path.is_file()}
    own = {path.as_posix() for path in files if path.parts[0] == "work"}
    assert own == {"work/olive-config.json", "work/data/train.json"}
    program = [path for path in files if path.parts[0] == "program"]
    assert {path.parts[1].partition("-")[0] for path in program} == {"olivine", "olivine_pipeline", "olivine_schemas"}
    assert not [path for path in program if "__pycache__" in path.parts]


def test_the_program_in_the_snapshot_runs_by_itself(tmp_path: Path) -> None:
    prepared = prepare(small_workspace(tmp_path / "project") / "olive-config.json")
    write_snapshot(prepared.snapshot, tmp_path / "snapshot")
    code = (
        "import sys; sys.path.insert(0, 'program'); import olivine_pipeline as p;"
        "from olivine_pipeline.passes.base import pass_types;"
        "print(p.__file__, sorted(pass_types()))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "snapshot", capture_output=True, text=True, check=True
    )
    assert str(tmp_path / "snapshot" / "program") in found.stdout
    assert "'LoRA'" in found.stdout


def test_the_job_has_the_same_config_on_its_own_machine(tmp_path: Path) -> None:
    folder = small_workspace(tmp_path / "project", accelerators=[{"device": "gpu"}])
    prepared = prepare(folder / "olive-config.json")
    before = to_data(prepared.config.checked.workflow)
    assert isinstance(before, dict)
    after = staged(prepared)
    assert after["systems"]["cloud"] == {"type": "LocalSystem", "config": {"accelerators": [{"device": "gpu"}]}}
    assert "azureml_client" not in after
    assert after["passes"] == before["passes"]
    assert after["data_configs"] == before["data_configs"]
    checked = check(prepared.snapshot.config)
    assert checked.errors == ()
    assert to_data(checked.workflow) == after


def test_a_job_goes_on_with_what_its_run_has_trained_whatever_the_config_says_of_cleaning(tmp_path: Path) -> None:
    def clean(config: dict[str, Any]) -> None:
        config["clean_cache"] = True
        config["passes"]["tune"]["clean_run_cache"] = True
        config["passes"]["tune"]["training_args"]["output_dir"] = "checkpoints"

    prepared = prepare(changed(small_workspace(tmp_path / "project"), clean))
    assert "clean" not in prepared.snapshot.config
    assert "checkpoints" not in prepared.snapshot.config


def test_files_from_elsewhere_find_a_place(tmp_path: Path) -> None:
    folder = small_workspace(tmp_path / "project")
    (tmp_path / "shared data").mkdir()
    outside = tmp_path / "shared data" / "train.json"
    outside.write_text((folder / "data/train.json").read_text())

    def name_outside(config: dict[str, Any]) -> None:
        config["data_configs"][0]["load_dataset_config"]["data_files"] = str(outside)

    prepared = prepare(changed(folder, name_outside))
    (name,) = prepared.snapshot.files
    assert prepared.snapshot.files[name] == outside
    assert staged(prepared)["data_configs"][0]["load_dataset_config"]["params"]["data_files"] == name
    assert not Path(name).is_absolute()


def test_scripts_come_along(tmp_path: Path) -> None:
    folder = small_workspace(tmp_path / "project")
    (folder / "scripts").mkdir()
    for name in ("text.py", "helper.py", "secret.txt"):
        (folder / "scripts" / name).write_text("")

    def name_script(config: dict[str, Any]) -> None:
        config["data_configs"][0] |= {"user_script": "scripts/text.py", "script_dir": "scripts"}

    prepared = prepare(changed(folder, name_script))
    assert set(prepared.snapshot.files) == {"data/train.json", "scripts/helper.py", "scripts/text.py"}


def test_models_and_data_in_the_cloud_are_inputs_of_the_job(tmp_path: Path) -> None:
    def in_the_cloud(config: dict[str, Any]) -> None:
        where = {"datastore_name": "workspaceblobstore", "relative_path": "data/train.json"}
        config["data_configs"][0]["load_dataset_config"]["data_files"] = {"type": "azureml_datastore", "config": where}
        model = {"type": "azureml_job_output", "config": {"job_name": "j", "output_name": "o", "relative_path": "m"}}
        config["input_model"]["model_path"] = model

    prepared = prepare(changed(small_workspace(tmp_path / "project"), in_the_cloud))
    line = command_line(prepared)
    assert "--place input_model.config.model_path=${{inputs.model_path}}/m" in line
    assert "--place data_configs.0.load_dataset_config.params.data_files=${{inputs.data_0}}" in line
    uris = [given.uri for given in prepared.request.inputs]
    assert uris == ["azureml://jobs/j/outputs/o", "azureml://datastores/workspaceblobstore/paths/data/train.json"]
    assert not prepared.snapshot.files


REFUSED = {
    "a pass that runs elsewhere": (
        lambda c: (c["systems"].update(here={"type": "LocalSystem"}), c["passes"]["tune"].update(host="here")),
        "mixed-hosts",
    ),
    "a pass that does not run": (lambda c: c["passes"].update(q={"type": "OnnxQuantization"}), "pass-not-run"),
    "alternatives": (lambda c: c["passes"].update(tune=2 * [c["passes"]["tune"]]), "search-not-supported"),
    "a merge without adapter": (
        lambda c: c.update(passes={"merge": {"type": "MergeAdapterWeights"}}),
        "merge-without-adapter",
    ),
    "no vault for the token": (
        lambda c: (c["systems"]["cloud"].update(hf_token=True), c["azureml_client"].pop("keyvault_name")),
        "hf-token-without-keyvault",
    ),
    "no workspace": (lambda c: c.pop("azureml_client"), "azureml-without-client"),
    "an unknown resource": (lambda c: c["systems"]["cloud"].update(resources={"gpus": 2}), "unknown-resource"),
}


@pytest.mark.parametrize(("change", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_before_it_costs_anything(change: Any, code: str, tmp_path: Path) -> None:
    path = changed(small_workspace(tmp_path / "project"), change)
    with pytest.raises(ConfigRefused) as refused:
        prepare(path)
    assert code in [problem.code for problem in refused.value.problems if problem.severity.value == "error"]


def test_the_packages_of_a_job_are_those_of_this_machine() -> None:
    content = yaml.safe_load(packages.conda_file(gpu=True))
    python, _, pip = content["dependencies"]
    assert python == f"python={sys.version_info[0]}.{sys.version_info[1]}"
    names = [package.partition("=")[0] for package in pip["pip"]]
    assert {"torch", "transformers", "peft", "pydantic", "azure-identity", "onnxruntime-genai-cuda"} <= set(names)
    assert not {"olivine", "pygls", "onnxruntime-genai"} & set(names)
    assert not [package for package in pip["pip"] if "+" in package]


def test_an_old_config_with_an_arc_compute_is_understood(tmp_path: Path) -> None:
    folder = small_workspace(tmp_path / "project")
    (folder / "conda.yaml").write_text("name: x\ndependencies: [python=3.11]\n")
    today = json.loads((folder / "olive-config.json").read_text())
    system = {"type": "AzureML", "config": {"aml_compute": "arc", "accelerators": [{"device": "gpu"}]}}
    system["config"] |= {"aml_docker_config": {"base_image": "image", "conda_file_path": "conda.yaml"}}
    old = azure_config({"input_model": today["input_model"], "data_configs": today["data_configs"], "passes": {}})
    old.pop("host")
    old |= {"systems": {"azure_arc": system}, "engine": {"host": "azure_arc", "target": "azure_arc"}}
    (folder / "olive-config.json").write_text(json.dumps(old))
    request = prepare(folder / "olive-config.json").request
    assert (request.compute, request.gpu, request.environment.image) == ("arc", True, "image")
    assert request.environment.conda_file == folder / "conda.yaml"


def test_preparing_imports_no_package_of_azure(tmp_path: Path) -> None:
    folder = small_workspace(tmp_path / "project")
    told = printed_without_azure(
        "from olivine_pipeline.hosts.azureml import host, overview;"
        f"print(overview.overview(host.prepare(Path({str(folder / 'olive-config.json')!r}))))"
    )
    assert "data/train.json" in told
    assert "cpu-cluster" in told


ENVIRONMENTS = {
    "a version": ({"aml_environment_config": {"name": "tuning", "version": 3}}, "tuning:3"),
    "a label": ({"aml_environment_config": {"name": "tuning", "label": "stable"}}, "tuning@stable"),
    "the latest": ({"aml_environment_config": {"name": "tuning"}}, "tuning@latest"),
    "a base image": ({"aml_docker_config": {"base_image": "ubuntu22.04"}}, None),
}


@pytest.mark.parametrize(("system", "name"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_the_environment_is_the_one_that_is_named(system: dict[str, Any], name: str | None, tmp_path: Path) -> None:
    def give(config: dict[str, Any]) -> None:
        config["systems"]["cloud"] = {"type": "AzureML", "aml_compute": "cpu-cluster", **system}

    environment = prepare(changed(small_workspace(tmp_path / "project"), give)).request.environment
    assert environment.name == name
    assert environment.image == system.get("aml_docker_config", {}).get("base_image")


def test_the_workspace_may_stand_in_a_file(tmp_path: Path) -> None:
    folder = small_workspace(tmp_path / "project")
    names = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}
    (folder / "config.json").write_text(json.dumps(names))
    path = changed(folder, lambda config: config.update(azureml_client={"aml_config_path": "config.json"}))
    workspace = prepare(path).request.workspace
    assert (workspace.subscription_id, workspace.resource_group, workspace.workspace_name) == ("s", "g", "w")
