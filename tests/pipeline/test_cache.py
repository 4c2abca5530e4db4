"""Running again: nothing is made twice, and everything is made again that must be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from runs import Ended, hashes, imported, run_well, todays_config, write_config, write_workspace

HEAVY = {"torch", "transformers", "peft", "datasets", "onnxruntime", "onnxruntime_genai", "numpy", "plotly"}


@pytest.fixture(scope="module")
def made(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after a whole run."""
    folder = write_workspace(tmp_path_factory.mktemp("made"), tiny_model, todays_config())
    run_well(folder)
    return folder


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    """A copy of it: the cache is found wherever the workspace lies."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_running_again_makes_nothing_and_loads_no_ml_library(workspace: Path) -> None:
    before = hashes(workspace / "models")
    again = run_well(workspace, PYTHONPROFILEIMPORTTIME="1")
    assert again.names("pass-skipped") == ["tune", "merge", "build"]
    assert not again.of_type("pass-started")
    assert not imported(again) & HEAVY
    assert hashes(workspace / "models") == before
    assert [event["stage"] for event in again.of_type("evaluated")] == ["base", "tuned", "merged", "onnx"]


def test_measurements_are_the_same_when_taken_from_the_cache(made: Path, workspace: Path) -> None:
    run_well(workspace)
    reports = [json.loads((folder / "models" / "report.json").read_text()) for folder in (made, workspace)]
    assert reports[0]["stages"] == reports[1]["stages"]
    assert reports[0]["samples"] == reports[1]["samples"]
    assert [entry["cached"] for entry in reports[1]["passes"]] == [True, True, True]


def test_results_that_a_person_deleted_come_back_without_work(workspace: Path) -> None:
    before = hashes(workspace / "models")
    shutil.rmtree(workspace / "models")
    again = run_well(workspace)
    assert not again.of_type("pass-started")
    assert hashes(workspace / "models") == before


def made_passes(ended: Ended) -> list[str]:
    return ended.names("pass-finished")


def artifact(folder: Path, name: str, file: str) -> Path:
    """A file of the cached result of a pass."""
    for path in (folder / "cache" / "artifacts").glob("*/manifest.json"):
        if json.loads(path.read_text())["record"].get("name") == name:
            return path.parent / file
    raise AssertionError(f"nothing of {name} in the cache")


def test_a_corrupt_result_alone_is_made_again(workspace: Path) -> None:
    before = hashes(workspace / "models")
    path = artifact(workspace, "build", "model.onnx.data")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = run_well(workspace)
    assert made_passes(again) == ["build"]
    assert again.names("pass-skipped") == ["tune", "merge"]
    assert hashes(workspace / "models") == before


def test_one_changed_letter_of_the_data_trains_again(workspace: Path) -> None:
    before = hashes(workspace / "models", "adapter_model.safetensors")
    change(workspace / "data" / "train.json", "empty", "Empty")
    again = run_well(workspace, "--up-to", "tune")
    assert made_passes(again) == ["tune"]
    assert [event["step"] for event in again.of_type("metric") if event["name"] == "loss"] == [1, 2, 3]
    assert hashes(workspace / "models", "adapter_model.safetensors") != before


def test_changed_held_out_data_measures_again_and_trains_nothing(workspace: Path) -> None:
    change(workspace / "data" / "held-out.json", "empty", "vacant")
    again = run_well(workspace, "--up-to", "tune")
    assert not again.of_type("pass-started")
    assert any(event["doing"] == "measuring tuned" for event in again.of_type("progress"))


@pytest.mark.parametrize(
    ("arguments", "settings"), [(["--fresh"], {}), ([], {"clean_cache": True})], ids=["--fresh", "clean_cache"]
)
def test_asked_to_it_makes_the_same_again(arguments: list[str], settings: dict[str, Any], workspace: Path) -> None:
    before = hashes(workspace / "models", "adapter_model.safetensors")
    write_config(workspace, {**todays_config(), **settings})
    again = run_well(workspace, *arguments, "--up-to", "tune")
    assert made_passes(again) == ["tune"]
    assert hashes(workspace / "models", "adapter_model.safetensors") == before
