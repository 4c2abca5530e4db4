"""Plans of configs whose passes run partly at Azure ML: found without contacting anyone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from configs import printed_without_azure, small_workspace

from olivine_pipeline.plan import Plan, plan

IMAGE = {"base_image": "ubuntu22.04"}
BUILD = {"type": "ModelBuilder", "precision": "int4"}


def planned(folder: Path, train: str = "LoRA", hosts: str = "cloud cloud local", **docker: Any) -> Plan:
    """The plan of training, merging and building on three hosts; the config is written anew."""
    here = folder if folder.exists() else small_workspace(folder)
    config = json.loads((here / "olive-config.json").read_text())
    tune = {**config["passes"]["tune"], "type": train}
    passes = {"tune": tune, "merge": {"type": "MergeAdapterWeights"}, "build": BUILD}
    for name, host in zip(passes, hosts.split(), strict=True):
        passes[name] = {**passes[name], "host": host}
    config["systems"]["local"] = {"type": "LocalSystem"}
    config["systems"]["cloud"]["aml_docker_config"] = {**IMAGE, **docker}
    config["systems"]["other"] = {**config["systems"]["cloud"], "aml_compute": "gpu-cluster"}
    path = here / "olive-config.json"
    path.write_text(json.dumps({**config, "passes": passes}))
    return plan(path)


SEGMENTS = {
    "cloud cloud local": [["tune", "merge"], ["build"]],
    "local local cloud": [["tune"], ["merge"], ["build"]],
    "cloud other other": [["tune"], ["merge", "build"]],
    "local local local": [["tune"], ["merge"], ["build"]],
}


@pytest.mark.parametrize(("hosts", "segments"), SEGMENTS.items())
def test_passes_on_one_host_in_a_row_are_one_job(hosts: str, segments: list[list[str]], tmp_path: Path) -> None:
    found = planned(tmp_path / "project", hosts=hosts)
    assert [[step.name for step in steps] for steps in found.segments] == segments


@pytest.mark.parametrize(("train", "waiting"), [("LoRA", ["merge"]), ("QLoRA", ["tune", "merge"])])
def test_a_job_goes_on_from_the_last_result_unless_that_was_made_on_a_quantized_base(
    train: str, waiting: list[str], tmp_path: Path
) -> None:
    before = planned(tmp_path / "project", train)
    assert [step.name for step in before.waiting(before.segments[0])] == ["tune", "merge"]
    before.store.commit(before.passes[0].key, {}, lambda folder: None)
    after = planned(tmp_path / "project", train)
    assert [step.name for step in after.waiting(after.segments[0])] == waiting
    after.store.commit(before.passes[1].key, {}, lambda folder: None)
    assert not (done := planned(tmp_path / "project", train)).waiting(done.segments[0])


def test_a_result_of_a_job_depends_on_what_its_environment_is_made_of(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    plain = planned(folder)
    keys = [plain.passes[0].key, planned(folder, base_image="ubuntu24.04").passes[0].key]
    for text in ("name: a", "name: b"):
        (folder / "conda.yaml").write_text(text)
        keys.append(planned(folder, conda_file_path="conda.yaml").passes[0].key)
        (folder / "Dockerfile").write_text(text)
        keys.append(planned(folder, base_image=None, dockerfile="Dockerfile").passes[0].key)
    assert len(set(keys)) == len(keys)
    assert planned(folder).passes[0].key == plain.passes[0].key


def test_what_follows_a_job_does_not_depend_on_where_the_config_is(tmp_path: Path) -> None:
    keys = [[step.key for step in planned(tmp_path / name / "project").passes] for name in ("a", "b")]
    assert keys[0] == keys[1]


def test_planning_imports_no_package_of_azure(tmp_path: Path) -> None:
    path = planned(tmp_path / "project").config.path
    config = json.loads(path.read_text())
    stored = {"type": "azureml_datastore", "config": {"datastore_name": "store", "relative_path": "rows.json"}}
    config["data_configs"][0]["load_dataset_config"]["data_files"] = stored
    path.write_text(json.dumps(config))
    told = printed_without_azure(
        "from olivine_pipeline.commands.plan import of_this_machine; from olivine_pipeline.plan import Wishes;"
        f"path = Path({str(path)!r}); print(of_this_machine(path, path.read_text(), Wishes()))"
    )
    assert "azureml://datastores/store/paths/rows.json" in told
    assert "to run at Azure ML (cpu-cluster)" in told
