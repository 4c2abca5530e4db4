"""Rows come from the files that the config names, or the person hears why not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from olivine_pipeline.data import fingerprint_files, load_rows
from olivine_pipeline.errors import RunError
from olivine_schemas.language.data import DataConfig

ROWS = [{"text": "a", "n": 1}, {"text": "b", "n": 2}, {"text": "c", "n": 1}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def data_config(**load: Any) -> DataConfig:
    params = {"data_name": "json", "split": "train", **load}
    return DataConfig.model_validate({"name": "d", "load_dataset_config": {"params": params}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of every local kind, beside a config."""
    from datasets import Dataset

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jsonl").write_text(LINES)
    (tmp_path / "data" / "b.jsonl").write_text(LINES)
    (tmp_path / "array.json").write_text(json.dumps(ROWS))
    (tmp_path / "rows.csv").write_text("text,n\na,1\nb,2\nc,1\n")
    (tmp_path / "rows.txt").write_text("a\nb\nc\n")
    Dataset.from_list(ROWS).to_parquet(tmp_path / "rows.parquet")
    return tmp_path


READABLE = [
    ({"data_files": "data/a.jsonl"}, ["a", "b", "c"]),
    ({"data_files": ["data/a.jsonl", "data/b.jsonl"]}, ["a", "b", "c", "a", "b", "c"]),
    ({"data_files": "data/*.jsonl"}, ["a", "b", "c", "a", "b", "c"]),
    ({"data_files": {"train": "data/a.jsonl", "test": ["data/b.jsonl"]}, "split": "test"}, ["a", "b", "c"]),
    ({"data_dir": "data", "data_files": "b.jsonl"}, ["a", "b", "c"]),
    ({"data_dir": "data"}, ["a", "b", "c", "a", "b", "c"]),
    ({"data_name": "data"}, ["a", "b", "c", "a", "b", "c"]),
    ({"data_files": "array.json"}, ["a", "b", "c"]),
    ({"data_files": "data/a.jsonl", "split": "train[:2]"}, ["a", "b"]),
    ({"data_files": "data/a.jsonl", "col_filters": {"n": 1}}, ["a", "c"]),
    ({"data_files": "data/a.jsonl", "trust_remote_code": True}, ["a", "b", "c"]),
    ({"data_name": "csv", "data_files": "rows.csv"}, ["a", "b", "c"]),
    ({"data_name": "csv", "data_files": "rows.csv", "sep": ",", "skiprows": [1]}, ["b", "c"]),
    ({"data_name": "text", "data_files": "rows.txt"}, ["a", "b", "c"]),
    ({"data_name": "parquet", "data_files": "rows.parquet"}, ["a", "b", "c"]),
]


@pytest.mark.parametrize(("load", "texts"), READABLE)
def test_rows(folder: Path, load: dict[str, Any], texts: list[str]) -> None:
    assert load_rows(data_config(**load), folder)["text"][:] == texts


def test_path_is_looked_up_beside_the_config_then_in_the_working_directory(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(folder)
    assert len(load_rows(data_config(data_files="data/a.jsonl"), elsewhere)) == 3
    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "a.jsonl").write_text('{"text": "near"}\n')
    assert load_rows(data_config(data_files="data/a.jsonl"), elsewhere)["text"][:] == ["near"]


@pytest.mark.parametrize("in_memory_bytes", [64 << 20, 0], ids=["small", "large"])
def test_changed_file_of_same_size_and_time_gives_new_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, in_memory_bytes: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setattr("olivine_pipeline.data.load.IN_MEMORY_BYTES", in_memory_bytes)
    file = folder / "data" / "a.jsonl"
    config = data_config(data_files="data/a.jsonl")
    assert load_rows(config, folder)["text"][0] == "a"
    before = file.stat()
    file.write_text(LINES.replace('"a"', '"z"'))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_rows(config, folder)["text"][0] == "z"


def test_small_files_leave_nothing_on_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    rows = load_rows(data_config(data_files="data/a.jsonl"), folder)
    assert not rows.cache_files and not (folder / "cache").exists()


UNREADABLE = [
    ({"data_files": "data/c.jsonl"}, None, "missing-file", 'no "data/c.jsonl"', 'Did you mean "data/'),
    ({"data_files": "nowhere/x.json"}, None, "missing-file", "nowhere/x.json", "Looked in"),
    ({"data_files": "none/*.json"}, None, "missing-file", "none/*.json", ""),
    ({"data_dir": "dta"}, None, "missing-file", "dta", 'Did you mean "data"?'),
    ({}, None, "no-data-files", "json", "Set data_files."),
    ({"data_name": None}, None, "no-data-name", "data_name", "json"),
    ({"split": "trian"}, LINES, "unknown-split", "trian", "Its splits are: train."),
    ({"split": "train[:"}, LINES, "bad-split", "train[:", "train[:100]"),
    ({}, "", "empty-data", "empty", ""),
    ({}, "\n\n", "empty-data", "", ""),
    ({"col_filters": {"N": 1}}, LINES, "unknown-column", '"N"', "text, n"),
    ({"col_filters": {"n": 9}}, LINES, "empty-data", "col_filters", ""),
    ({}, '{"text": "a"}\n{"text": "b"\n', "malformed-row", "rows.json, line 2, column 13", "JSON object"),
    ({}, '[\n  {"text": "a"},\n  {"text" "b"}\n]', "malformed-row", "rows.json, line 3", ""),
    ({"data_name": "csv"}, "a,b\n1,2\n3,4,5\n", "unreadable-data", "line 3", ""),
    ({"feild": "x"}, LINES, "unknown-load-setting", "feild", ""),
    ({"streaming": True}, LINES, "streaming-data", "streaming", "Remove"),
    ({"data_files": {"type": "azureml_datastore", "config": {}}}, None, "remote-data-file", "Azure ML", "download"),
]


@pytest.mark.parametrize(("load", "content", "code", "message", "hint"), UNREADABLE)
def test_errors(folder: Path, load: dict[str, Any], content: str | None, code: str, message: str, hint: str) -> None:
    if content is not None:
        (folder / "rows.json").write_text(content)
        load = {"data_files": "rows.json", **load}
    with pytest.raises(RunError) as refused:
        load_rows(data_config(**load), folder)
    assert refused.value.code == code
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_hub_dataset_without_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RunError) as refused:
        load_rows(data_config(data_name="someone/absent-dataset"), tmp_path)
    assert refused.value.code == "dataset-not-found"
    assert "someone/absent-dataset" in refused.value.message


@pytest.mark.parametrize("block", ["load_dataset_config", "pre_process_data_config"])
def test_components_that_olivine_does_not_run_are_refused(folder: Path, block: str) -> None:
    from olivine_pipeline.data import prepare

    config = data_config(data_files="data/a.jsonl").model_dump()
    config[block]["type"] = "image_lora_preprocess"
    with pytest.raises(RunError) as refused:
        prepare(DataConfig.model_validate(config), None, folder)
    assert refused.value.code == "unsupported-data-component"


def test_containers_that_olivine_does_not_run_are_refused(folder: Path) -> None:
    config = data_config(data_files="data/a.jsonl").model_copy(update={"type": "DummyDataContainer"})
    with pytest.raises(RunError) as refused:
        load_rows(config, folder)
    assert refused.value.code == "unsupported-data-container"


def test_fingerprint_names_data_and_code(folder: Path) -> None:
    (folder / "mine.py").write_text("")
    (folder / "lib").mkdir()
    (folder / "lib" / "helper.py").write_text("")
    config = data_config(data_files={"train": "data/*.jsonl", "test": "array.json"})
    config = config.model_copy(update={"user_script": "mine.py", "script_dir": "lib"})
    found = {path.relative_to(folder).as_posix() for path in fingerprint_files(config, folder)}
    assert found == {"data/a.jsonl", "data/b.jsonl", "array.json", "mine.py", "lib/helper.py"}
    assert fingerprint_files(data_config(data_name="someone/absent-dataset"), folder) == []
