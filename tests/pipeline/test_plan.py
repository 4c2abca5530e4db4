"""What a plan takes from the cache: everything that was made from the same, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runs import old_config, todays_config, write_config, write_workspace

from olivine_pipeline.errors import RunError
from olivine_pipeline.plan import Plan, Wishes, plan
from olivine_schemas.ledger.process import RUN_VARIABLE

SCRIPT = "def phrase_and_tone(row):\n    return row['phrase'] + row['tone']\n"


@pytest.fixture
def workspace(tiny_model: Path, tmp_path: Path) -> Path:
    """A workspace whose three passes are in the cache, with made-up files: planning loads nothing."""
    config = todays_config()
    config["data_configs"][0]["user_script"] = "script.py"
    folder = write_workspace(tmp_path / "planned", tiny_model, config)
    (folder / "script.py").write_text(SCRIPT)
    fill_cache(plan(folder / "olive-config.json"))
    return folder


def fill_cache(planned: Plan) -> None:
    for step in planned.passes:
        planned.store.commit(step.key, {"pass": step.type.name}, lambda folder: write(folder / "weights", "weights"))


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def cached(folder: Path, **options: Any) -> dict[str, bool]:
    return {
        step.name: step.entry is not None
        for step in plan(folder / "olive-config.json", wishes=Wishes(**options)).passes
    }


ALL = {"tune": True, "merge": True, "build": True}
NONE = {"tune": False, "merge": False, "build": False}
BUILD = {"tune": True, "merge": True, "build": False}


def replace(old: str, new: str, file: str) -> Callable[[Path], None]:
    """A change of one file that keeps its time stamp, so that only the bytes tell."""

    def change(folder: Path) -> None:
        path = folder / file
        stat = path.stat()
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    return change


def one_bit_of_the_weights(folder: Path) -> None:
    path = folder / "model" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def config_with(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        config = json.loads((folder / "olive-config.json").read_text())
        change(config)
        write_config(folder, config)

    return rewrite


@pytest.mark.parametrize(
    ("change", "still_cached"),
    [
        (replace("empty", "Empty", "data/train.json"), NONE),
        (replace("row['tone']", "row['tune']", "script.py"), NONE),
        (one_bit_of_the_weights, NONE),
        (replace('"r": 4', '"r": 8', "olive-config.json"), NONE),
        (replace('"learning_rate": 0.002', '"learning_rate": 0.001', "olive-config.json"), NONE),
        (replace("### Tone", "### Mood", "olive-config.json"), NONE),
        (replace('"int4"', '"int8"', "olive-config.json"), BUILD),
        (replace("empty", "Empty", "data/held-out.json"), ALL),
        (replace('"output_dir": "models"', '"output_dir": "other"', "olive-config.json"), ALL),
    ],
    ids=["data", "script", "weights", "rank", "learning rate", "template", "precision", "held-out data", "output_dir"],
)
def test_a_pass_runs_again_where_what_it_is_made_from_changed(
    change: Callable[[Path], None], still_cached: dict[str, bool], workspace: Path
) -> None:
    assert cached(workspace) == ALL
    change(workspace)
    assert cached(workspace) == still_cached


def other_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: other_order(entry) for key, entry in reversed(value.items())}
    return value


def other_order_but_of_passes(folder: Path) -> None:
    config = json.loads((folder / "olive-config.json").read_text())
    write_config(
        folder, {key: value if key == "passes" else other_order(value) for key, value in reversed(config.items())}
    )


def other_spelling(folder: Path) -> None:
    config = json.loads((folder / "olive-config.json").read_text())
    text = json.dumps(config, indent=None, separators=(" ,", ":\t"))
    (folder / "olive-config.json").write_text("// the same, spelt otherwise\n" + text, encoding="utf-8")


def defaults_written_out(folder: Path) -> None:
    config = json.loads((folder / "olive-config.json").read_text())
    config["passes"]["tune"] |= {"bias": "none", "modules_to_save": None}
    config["data_configs"][0]["pre_process_data_config"]["padding_side"] = "right"
    write_config(folder, config)


@pytest.mark.parametrize("change", [other_order_but_of_passes, other_spelling], ids=["order of keys", "spelling"])
def test_nothing_runs_again_where_only_the_text_of_the_config_changed(
    change: Callable[[Path], None], workspace: Path
) -> None:
    change(workspace)
    assert cached(workspace) == ALL


def test_both_forms_of_a_config_find_the_same_results(tiny_model: Path, tmp_path: Path) -> None:
    folder = write_workspace(tmp_path / "forms", tiny_model, old_config())
    fill_cache(plan(folder / "olive-config.json"))
    write_config(folder, todays_config())
    assert cached(folder) == ALL


def test_a_workspace_that_was_moved_finds_its_results(workspace: Path) -> None:
    moved = workspace.rename(workspace.with_name("moved"))
    assert cached(moved) == ALL


def test_the_name_of_the_model_folder_does_not_matter(workspace: Path) -> None:
    (workspace / "model").rename(workspace / "phi")
    replace('"model_path": "model"', '"model_path": "phi"', "olive-config.json")(workspace)
    assert cached(workspace) == ALL


def artifact(folder: Path, name: str) -> Path:
    planned = plan(folder / "olive-config.json")
    return planned.store.artifacts / next(step.key for step in planned.passes if step.name == name)


def one_byte_of_a_file(entry: Path) -> None:
    (entry / "weights").write_text("weightz")


def a_file(entry: Path) -> None:
    (entry / "weights").unlink()


def the_manifest(entry: Path) -> None:
    (entry / "manifest.json").unlink()


def the_end_of_the_manifest(entry: Path) -> None:
    text = (entry / "manifest.json").read_text()
    (entry / "manifest.json").write_text(text[: len(text) // 2])


@pytest.mark.parametrize("lose", [one_byte_of_a_file, a_file, the_manifest, the_end_of_the_manifest, shutil.rmtree])
def test_a_damaged_result_counts_as_absent_and_the_others_stay(lose: Callable[[Path], None], workspace: Path) -> None:
    lose(artifact(workspace, "merge"))
    assert cached(workspace) == {"tune": True, "merge": False, "build": True}


def test_fresh_and_clean_runs_take_nothing_from_the_cache(workspace: Path) -> None:
    assert cached(workspace, fresh=True) == NONE
    config_with(lambda config: config.update(clean_cache=True))(workspace)
    assert cached(workspace) == NONE


def test_what_a_fresh_run_takes_is_what_it_has_made_whatever_the_clock_says(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by = {"tune": "this-run", "merge": "another-run"}
    for name, run in made_by.items():
        manifest = artifact(workspace, name) / "manifest.json"
        told = {**json.loads(manifest.read_text()), "made": 1e12, "run": run}
        manifest.write_text(json.dumps(told))
    assert cached(workspace, fresh=True) == NONE
    monkeypatch.setenv(RUN_VARIABLE, str(workspace / ".olivine" / "runs" / "this-run"))
    assert cached(workspace, fresh=True) == {"tune": True, "merge": False, "build": False}
    assert cached(workspace) == ALL


def test_planning_up_to_a_pass_ends_there(workspace: Path) -> None:
    assert cached(workspace, up_to="merge") == {"tune": True, "merge": True}
    with pytest.raises(RunError, match="its passes: tune, merge, build"):
        cached(workspace, up_to="convert")
