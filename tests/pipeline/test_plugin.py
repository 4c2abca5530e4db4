"""The pass of docs/own-pass.md: found by its entry point, checked like ours, run in a chain with ours."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from runs import LORA, run, run_well, todays_config, write_workspace

MANUAL = Path(__file__).parents[2] / "docs" / "own-pass.md"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The package as an installer leaves it, and the environment that finds it."""
    folder = tmp_path_factory.mktemp("site")
    code = re.search(r"```python\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    (folder / "scale_weight.py").write_text(code[1])
    metadata = folder / "scale_weight-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: scale-weight\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[olivine.passes]\nScaleWeight = scale_weight:SCALE\n")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


def workspace(tiny_model: Path, folder: Path, **scale: object) -> Path:
    config = todays_config(scale={"type": "ScaleWeight", **scale}, tune=LORA, merge={"type": "MergeAdapterWeights"})
    del config["evaluators"], config["evaluator"], config["data_configs"][1]
    return write_workspace(folder / "plugin", tiny_model, config)


def test_it_runs_in_a_chain_with_ours_and_is_cached(
    installed: dict[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    folder = workspace(tiny_model, tmp_path, factor=0.5)
    assert run_well(folder, **installed).names("pass-finished") == ["scale", "tune", "merge"]
    given, made = (load_file(folder / name / "model.safetensors") for name in ("model", "models/model"))
    assert (made["lm_head.weight"] == given["lm_head.weight"] * 0.5).all()
    assert not (made["model.layers.0.self_attn.o_proj.weight"] == given["model.layers.0.self_attn.o_proj.weight"]).all()
    assert run_well(folder, **installed).names("pass-skipped") == ["scale", "tune", "merge"]


@pytest.mark.parametrize(
    ("parameters", "place", "message"),
    [
        ({"factor": 0.5, "wich": "head"}, '"wich"', "which"),
        ({"factor": "half"}, '"half"', "number"),
        ({"factor": 0.5, "which": "tail"}, '"tail"', "head"),
        ({}, '"ScaleWeight"', "factor"),
    ],
    ids=["unknown key", "wrong type", "unknown value", "missing key"],
)
def test_its_parameters_are_checked_at_their_place(
    parameters: dict[str, object], place: str, message: str, installed: dict[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    folder = workspace(tiny_model, tmp_path, **parameters)
    ended = run(folder, **installed)
    location = ended.of_type("run-failed")[0]["location"]
    line = (folder / "olive-config.json").read_text().splitlines()[location["line"] - 1]
    assert ended.exit_code == 2
    if place != '"ScaleWeight"':
        assert line[location["column"] - 1 :].startswith(place)
    assert message in ended.output
    assert not (folder / "models").exists()


def test_without_the_package_the_type_is_unknown(tiny_model: Path, tmp_path: Path) -> None:
    folder = workspace(tiny_model, tmp_path, factor=0.5)
    ended = run(folder)
    assert (ended.exit_code, "ScaleWeight" in ended.output) == (2, True)


def test_a_broken_package_is_named(installed: dict[str, str], tiny_model: Path, tmp_path: Path) -> None:
    folder = workspace(tiny_model, tmp_path, factor=0.5)
    site = Path(installed["PYTHONPATH"].split(os.pathsep)[0])
    (site / "scale_weight.py").rename(tmp_path / "kept.py")
    try:
        ended = run(folder, **installed)
    finally:
        (tmp_path / "kept.py").rename(site / "scale_weight.py")
    assert ended.exit_code != 0
    assert "scale-weight" in json.dumps(ended.events)
    assert "Traceback" not in ended.output + ended.errors
