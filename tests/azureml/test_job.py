"""What runs on the compute, as far as that can be seen here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runs import LORA, todays_config, write_workspace

from olivine_pipeline.hosts.azureml.job import MANIFEST, keep_results, last_training, usable
from olivine_pipeline.hosts.azureml.keeping import LIST, keeping
from olivine_pipeline.hosts.azureml.snapshot import CACHE
from olivine_pipeline.store import Store
from olivine_schemas.check import check
from olivine_schemas.runs import Warned, load_event
from olivine_schemas.tree import to_data

PASSES = {
    "first": [{"type": "LoRA"}],
    "merge": [{"type": "MergeAdapterWeights"}],
    "second": [{"type": "QLoRA"}],
    "build": [{"type": "ModelBuilder"}],
}


@pytest.mark.parametrize(
    ("names", "up_to", "last"),
    [
        (["first", "merge", "second", "build"], None, "second"),
        (["first", "merge", "second", "build"], "merge", "first"),
        (["first", "merge", "build"], None, "first"),
        (["merge", "build"], None, None),
    ],
)
def test_further_processes_stop_after_the_last_training(
    names: list[str], up_to: str | None, last: str | None, tmp_path: Path
) -> None:
    config = tmp_path / "olive-config.json"
    config.write_text(json.dumps({"passes": {name: PASSES[name] for name in names}}))
    assert last_training(config, up_to) == last


@pytest.mark.parametrize("layout", [("data/model", "data/config", "data/tokenizer"), ("model", "components/tokenizer")])
def test_the_parts_of_an_mlflow_model_become_one_folder(
    layout: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "mounted"
    for number, part in enumerate(layout):
        (model / part).mkdir(parents=True)
        (model / part / f"file-{number}").write_text(part)
    (model / "MLmodel").write_text("flavors:")
    found = Path(usable(model, tmp_path, "input_model"))
    assert {path.name for path in found.iterdir()} == {f"file-{number}" for number in range(len(layout))}
    assert usable(model / layout[0], tmp_path, "input_model") == str(model / layout[0])


def test_data_have_the_same_path_below_the_config_on_every_node(tmp_path: Path) -> None:
    paths = set()
    for node in ("one", "another"):
        mounted, work = tmp_path / node / "mounted" / "train.json", tmp_path / node / "work"
        mounted.parent.mkdir(parents=True)
        mounted.write_text(node)
        paths |= {usable(mounted, work, "data_files") for _ in range(2)}
        assert (work / max(paths)).read_text() == node
    assert len(paths) == 1
    assert not Path(paths.pop()).is_absolute()


def test_results_are_told_with_their_checksums(tmp_path: Path) -> None:
    output = tmp_path / "models"
    (output / "model").mkdir(parents=True)
    (output / "model" / "weights").write_bytes(b"weights")
    (output / "report.html").write_text("report")
    (output / ".olivine.json").write_text("{}")
    keep_results(output, tmp_path / "results")
    files = json.loads((tmp_path / "results" / MANIFEST).read_text())["files"]
    assert set(files) == {"model/weights", "report.html"}
    assert files["model/weights"] == {"size": 7, "sha256": hashlib.sha256(b"weights").hexdigest()}
    assert (tmp_path / "results/model/weights").read_bytes() == b"weights"


def checkpoint(cache: Path, step: int, best: str = "") -> Path:
    """A checkpoint of the training `key`, as the trainer leaves one."""
    folder = cache / "work" / "key" / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter.bin").write_bytes(bytes([step]) * 9)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step, "best_model_checkpoint": best}))
    (cache / "work/key/losses.jsonl").write_text("".join(f'{{"step": {n}}}\n' for n in range(step + 1)))
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("work/key/**/checkpoint-*"))


def next_node(cache: Path, kept: Path) -> Path:
    """The cache of another node, filled with what was kept."""
    with keeping(cache, kept, rank=1):
        pass
    return cache


def test_another_node_begins_with_the_checkpoints_of_the_first(tmp_path: Path) -> None:
    kept, cache = tmp_path / "kept", tmp_path / "cache"
    with keeping(cache, kept):
        best = checkpoint(cache, 3)
        checkpoint(cache, 6, str(best))
        half = checkpoint(cache, 9)
        (half / "trainer_state.json").write_text('{"global_')
    assert names(kept) == ["checkpoint-3", "checkpoint-6"]
    there = next_node(tmp_path / "another", kept)
    assert names(there) == ["checkpoint-3", "checkpoint-6"]
    found = there / "work/key/checkpoints"
    assert (found / "checkpoint-6/adapter.bin").read_bytes() == bytes([6]) * 9
    assert json.loads((found / "checkpoint-6/trainer_state.json").read_text())["best_model_checkpoint"] == str(
        found / "checkpoint-3"
    )
    assert '"step": 6}' in (there / "work/key/losses.jsonl").read_text()


def test_what_the_training_removes_is_not_kept(tmp_path: Path) -> None:
    kept, cache = tmp_path / "kept", tmp_path / "cache"
    with keeping(cache, kept):
        first = checkpoint(cache, 3)
    with keeping(cache, kept):
        shutil.rmtree(first)
        checkpoint(cache, 6)
    assert names(kept) == ["checkpoint-6"]


TORN: dict[str, Callable[[Path], object]] = {
    "a file is cut": lambda kept: (kept / "adapter.bin").write_bytes(b"half"),
    "a file has other bytes": lambda kept: (kept / "adapter.bin").write_bytes(bytes(9)),
    "a file is missing": lambda kept: (kept / "adapter.bin").unlink(),
    "the list is missing": lambda kept: (kept / LIST).unlink(),
    "the list is cut": lambda kept: (kept / LIST).write_text((kept / LIST).read_text()[:-9]),
}


@pytest.mark.parametrize("tear", TORN.values(), ids=TORN)
def test_a_torn_copy_is_not_taken_and_replaced_by_the_next(tear: Callable[[Path], object], tmp_path: Path) -> None:
    kept, cache = tmp_path / "kept", tmp_path / "cache"
    with keeping(cache, kept):
        checkpoint(cache, 3)
        checkpoint(cache, 6)
    tear(kept / "work/key/checkpoint-6")
    there = tmp_path / "another"
    with keeping(there, kept):
        assert names(there) == ["checkpoint-3"]
        checkpoint(there, 6)
    assert names(next_node(tmp_path / "third", kept)) == ["checkpoint-3", "checkpoint-6"]


def test_a_finished_adapter_takes_the_place_of_its_checkpoints(tmp_path: Path) -> None:
    kept, store = tmp_path / "kept", Store(tmp_path / "cache")
    with keeping(store.folder, kept):
        checkpoint(store.folder, 3)
    with keeping(store.folder, kept):
        for key, name in (("key", "LoRA"), ("merged", "MergeAdapterWeights")):
            store.commit(key, {"pass": name}, lambda folder: (folder / "weights").write_bytes(b"weights"))
    assert not names(kept)
    there = Store(next_node(tmp_path / "another", kept))
    entry = there.get("key")
    assert entry
    assert {path.name for path in entry.path.iterdir()} == {"manifest.json", "weights"}
    assert there.get("merged") is None


@pytest.mark.slow
def test_a_finished_training_is_not_repeated_on_another_node(tiny_model: Path, tmp_path: Path) -> None:
    config = todays_config(tune=LORA, merge={"type": "MergeAdapterWeights"})
    config["cache_dir"] = CACHE
    del config["evaluators"], config["evaluator"]
    canonical: Any = to_data(check(json.dumps(config)).workflow)

    def passes(node: str, *arguments: str) -> list[tuple[str, str]]:
        """What becomes of the passes on a node that has model and data mounted in places of its own."""
        work, mounted = write_workspace(tmp_path / node / "work", tiny_model, canonical), tmp_path / node / "mounted"
        mounted.mkdir()
        places = {"input_model.config.model_path": "model"}
        places["data_configs.0.load_dataset_config.params.data_files"] = "data/train.json"
        command = [sys.executable, "-m", "olivine_pipeline.hosts.azureml.job", "--config", work / "olive-config.json"]
        command += ["--results", tmp_path / node / "results", "--training", tmp_path / "kept", *arguments]
        for setting, name in places.items():
            command += ["--place", f"{setting}={(work / name).rename(mounted / Path(name).name)}"]
        state = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
        done = subprocess.run(command, env=state, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        events = map(json.loads, done.stdout.splitlines())
        return [(event["type"], event["name"]) for event in events if event["type"] in ("pass-started", "pass-skipped")]

    assert passes("one", "--up-to", "tune") == [("pass-started", "tune")]
    assert passes("another") == [("pass-skipped", "tune"), ("pass-started", "merge")]


def warned(printed: str) -> list[str]:
    """The codes of the warnings that were told."""
    events = [load_event(line) for line in printed.splitlines()]
    return [event.code for event in events if isinstance(event, Warned)]


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept, cache = tmp_path / "kept", tmp_path / "cache"
    kept.write_text("no folder")
    with keeping(cache, kept):
        checkpoint(cache, 3)
        checkpoint(cache, 6)
    assert warned(capfd.readouterr().out) == ["training-not-kept"]


def test_what_cannot_be_read_is_a_warning_and_ends_one_of_several_processes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept, cache = tmp_path / "kept", tmp_path / "cache"
    with keeping(cache, kept):
        checkpoint(cache, 3)
        checkpoint(cache, 6)
    weights = kept / "work/key/checkpoint-6/adapter.bin"
    weights.unlink()
    weights.mkdir()
    assert names(next_node(tmp_path / "another", kept)) == ["checkpoint-3"]
    assert warned(capfd.readouterr().out) == ["training-not-kept"]
    with pytest.raises(OSError), keeping(tmp_path / "third", kept, rank=1, processes=2):
        pass
