"""What runs on the compute, as far as that can be seen here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from olivine_pipeline.hosts.azureml.job import MANIFEST, keep_results, last_training, usable

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
    found = Path(usable(model))
    assert {path.name for path in found.iterdir()} == {f"file-{number}" for number in range(len(layout))}
    assert usable(model / layout[0]) == str(model / layout[0])


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
