"""What is read of the files around a config: columns and size of data, layers and limits of a model."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.disk_facts.dataset import SAMPLE
from olivine_schemas.facts import DatasetFacts

ROW = {"phrase": "so happy", "tone": "joy"}
LINE = json.dumps(ROW)


def read(folder: Path, text: str | bytes, loader: str = "json", name: str = "data") -> DatasetFacts:
    place = folder / name
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = DiskFacts(folder).dataset((name,), loader)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "loader, name, text",
    [
        ("json", "rows.jsonl", f"{LINE}\n{LINE}\n"),
        ("json", "blank-lines.jsonl", f"\n{LINE}\n\n{LINE}"),
        ("json", "byte-order-mark.jsonl", f"\ufeff{LINE}\n{LINE}"),
        ("json", "windows.jsonl", f"{LINE}\r\n{LINE}\r\n"),
        ("json", "array.json", json.dumps([ROW, ROW])),
        ("json", "array-on-lines.json", json.dumps([ROW, ROW], indent=2)),
        ("json", "side-by-side.json", LINE + LINE),
        ("json", "pretty-rows.json", json.dumps(ROW, indent=2) + "\n" + json.dumps(ROW, indent=2)),
        ("csv", "rows.csv", "phrase,tone\nso happy,joy\nso happy,joy\n"),
        ("csv", "quoted.csv", '"phrase","tone"\n"so happy","joy"\n"so happy","joy"'),
    ],
)
def test_every_layout_of_data_gives_columns_rows_and_text(tmp_path: Path, loader: str, name: str, text: str) -> None:
    found = read(tmp_path, text, loader, name)
    assert found == DatasetFacts(("phrase", "tone"), 2, {"phrase": 16, "tone": 6}, complete=True)


@pytest.mark.parametrize(
    "loader, text, columns",
    [
        ("json", json.dumps({"data": [ROW]}), ["data"]),
        ("json", json.dumps({"version": 1, "data": [ROW]}, indent=1), ["version", "data"]),
        ("json", '["so happy", "so sad"]', ["text"]),
        ("json", '{"a": 1}\n{"a": 2, "b": 3}', ["a", "b"]),
        ("json", '[{"a": 1}, {"b": 2}]', ["a", "b"]),
        ("csv", "phrase\ttone\nso happy\tjoy\n", ["phrase\ttone"]),
        ("text", "so happy\nso sad\n", ["text"]),
    ],
)
def test_odd_layouts_have_the_columns_and_rows_that_the_loader_gives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: str, text: str, columns: list[str]
) -> None:
    found = read(tmp_path, text, loader)
    assert list(found.columns) == columns
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    rows = datasets.load_dataset(
        loader, data_files=str(tmp_path / "data"), split="train", cache_dir=str(tmp_path / "cache"), keep_in_memory=True
    )
    assert (rows.column_names, len(rows)) == (columns, found.rows)


def test_text_files_have_one_column(tmp_path: Path) -> None:
    assert read(tmp_path, "ä line\nanother", "text") == DatasetFacts(("text",), 2, {"text": 14})


def test_text_is_measured_in_bytes_and_nothing_is_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, json.dumps({"a": "快乐", "b": None, "c": 12}))
    assert found.text_bytes == {"a": 6, "b": 0, "c": 2}


def test_columns_of_later_rows_and_further_files_count_too(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"a": 1}\n{"b": 2}')
    (tmp_path / "two.jsonl").write_text('{"c": 3}')
    found = DiskFacts(tmp_path).dataset(("one.jsonl", "two.jsonl"), "json")
    assert found is not None and (found.columns, found.rows) == (("a", "b", "c"), 3)


@pytest.mark.parametrize("layout", ["lines", "array"])
def test_of_large_files_only_the_beginning_is_read(tmp_path: Path, layout: str) -> None:
    rows = [LINE] * (3 * SAMPLE // len(LINE))
    found = read(tmp_path, "\n".join(rows) if layout == "lines" else f"[{','.join(rows)}]")
    assert found.columns == ("phrase", "tone") and not found.complete and not found.unreadable
    assert 0 < found.rows < len(rows)


@pytest.mark.parametrize(
    "loader, text, complaint",
    [
        ("json", f"{LINE}\n{{'phrase': 1}}", "line 2"),
        ("json", f"[{LINE}", "closing ]"),
        ("json", f"[\n{LINE},\n{{]", "line 3"),
        ("json", f"[{LINE},]", "a comma too many"),
        ("json", f"[{LINE}\n{LINE}]", "line 2: it is not JSON (a comma is missing)"),
        ("json", "phrase,tone\nso happy,joy", "line 1"),
        ("csv", b"phrase,tone\nso h\xe4ppy,joy", "line 2: it is not UTF-8 text"),
    ],
)
def test_broken_data_says_what_is_wrong_and_where(
    tmp_path: Path, loader: str, text: str | bytes, complaint: str
) -> None:
    assert complaint in read(tmp_path, text, loader).unreadable


def test_empty_data_has_no_rows(tmp_path: Path) -> None:
    for name, text in {"empty": "", "array": "[]", "spaces": " \n"}.items():
        found = read(tmp_path, text, name=name)
        assert (found.rows, found.columns, found.unreadable) == (0, (), "")


def test_what_is_not_looked_into_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    (tmp_path / "rows.json.gz").write_bytes(b"\x1f\x8b")
    facts = DiskFacts(tmp_path)
    assert facts.dataset(("rows.parquet",), "parquet") is None
    assert facts.dataset(("rows.json.gz",), "json") is None
    assert facts.dataset(("not-there.json",), "json") is None
    assert facts.dataset((".",), "json") is None


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    assert read(tmp_path, LINE).columns == ("phrase", "tone")
    assert read(tmp_path, '{"text": "other"}').columns == ("text",)


def test_a_kept_answer_needs_no_second_reading(tmp_path: Path) -> None:
    first = read(tmp_path, LINE)
    assert DiskFacts(tmp_path).dataset(("data",), "json") is first


def test_paths_start_at_the_config_then_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "data.json").write_text(LINE)
    (tmp_path / "configs" / "own.json").write_text(LINE)
    assert DiskFacts(tmp_path / "configs").path_exists("own.json")
    assert not DiskFacts(tmp_path / "configs").path_exists("data.json")
    monkeypatch.chdir(tmp_path)
    assert DiskFacts(tmp_path / "configs").path_exists("data.json")
    assert DiskFacts(tmp_path / "elsewhere").path_exists(str(tmp_path / "data.json"))


def test_odd_paths_are_unknown_or_not_there(tmp_path: Path) -> None:
    facts = DiskFacts(tmp_path)
    for path in ("\0", "a" * 5000, "~nobody-of-this-name/x", "con/aux"):
        assert not facts.path_exists(path)
        assert facts.model(path) is None and facts.text(path) is None and facts.neighbours(path + "/x") in (None, ())


def test_neighbours_are_written_as_the_path_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("b.json", "a.json", ".hidden"):
        (tmp_path / "data" / name).touch()
    assert DiskFacts(tmp_path).neighbours("data/c.json") == ("data/a.json", "data/b.json")
    assert DiskFacts(tmp_path).neighbours("c.json") == ("data",)


def write_model(folder: Path, tensors: dict[str, list[int]], config: dict[str, object]) -> None:
    header = {name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]} for name, shape in tensors.items()}
    encoded = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(encoded)) + encoded)
    (folder / "config.json").write_text(json.dumps(config))


TENSORS = {
    "model.embed_tokens.weight": [32, 8],
    "model.layers.0.self_attn.qkv_proj.weight": [24, 8],
    "model.layers.0.self_attn.qkv_proj.bias": [24],
    "model.layers.0.input_layernorm.weight": [8],
}


def test_a_model_tells_layers_limits_and_tokens(tmp_path: Path) -> None:
    write_model(tmp_path, TENSORS, {"model_type": "phi3", "max_position_embeddings": 4096, "tie_word_embeddings": True})
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"id": 1, "content": "<|end|>"}]}))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<|user|>": 2}))
    model = DiskFacts(tmp_path).model(".")
    assert model is not None
    assert model.layers == {"model.layers.0.self_attn.qkv_proj", "model.embed_tokens", "lm_head"}
    assert (model.model_type, model.max_positions, model.tied_embeddings, model.dtype) == (
        "phi3",
        4096,
        True,
        "bfloat16",
    )
    assert model.tokens == {"<|end|>", "<|user|>"}
    assert model.parameters == 32 * 8 + 24 * 8 + 24 + 8
    assert model.has_config and model.has_weights and model.has_tokenizer


def test_layers_come_from_the_index_where_only_that_is_there(tmp_path: Path) -> None:
    index = {"weight_map": dict.fromkeys(TENSORS, "pytorch_model-00001-of-00002.bin")}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    model = DiskFacts(tmp_path).model(".")
    assert model is not None and model.layers == {"model.layers.0.self_attn.qkv_proj", "model.embed_tokens", "lm_head"}


def test_settings_of_the_text_part_count_for_models_of_several_parts(tmp_path: Path) -> None:
    write_model(tmp_path, {}, {"model_type": "gemma3", "text_config": {"max_position_embeddings": 2048}})
    model = DiskFacts(tmp_path).model(".")
    assert model is not None and (model.model_type, model.max_positions) == ("gemma3", 2048)


def test_a_damaged_model_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{")
    (tmp_path / "tokenizer.json").write_text("[]")
    model = DiskFacts(tmp_path).model(".")
    assert model is not None and not model.has_config and model.has_weights
    assert (model.layers, model.tokens, model.max_positions) == (frozenset(), frozenset(), None)


def test_an_empty_folder_is_a_model_without_anything(tmp_path: Path) -> None:
    model = DiskFacts(tmp_path).model(".")
    assert model is not None and not (model.has_config or model.has_weights or model.has_tokenizer)


def test_a_hub_model_is_found_in_the_local_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for age, revision in enumerate(("old", "new")):
        folder = tmp_path / "models--org--tiny" / "snapshots" / revision
        folder.mkdir(parents=True)
        write_model(folder, {}, {"model_type": revision})
        os.utime(folder, (age, age))
    model = DiskFacts(tmp_path / "project").model("org/tiny")
    assert model is not None and model.model_type == "new"
    assert DiskFacts(tmp_path / "project").model("org/other") is None


def test_devices_are_the_same_for_every_config(tmp_path: Path) -> None:
    assert DiskFacts(tmp_path).devices() is DiskFacts(tmp_path.parent).devices()


def test_a_config_is_no_neighbour_of_its_files(tmp_path: Path) -> None:
    for name in ("data.json", "olive-config.json"):
        (tmp_path / name).write_text("[]")
    assert DiskFacts(tmp_path, "olive-config.json").neighbours("date.json") == ("data.json",)
