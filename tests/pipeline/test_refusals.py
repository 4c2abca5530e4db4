"""What is wrong is told at its place before anything is loaded, by `olivine run` and `olivine check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mistakes import MISTAKES, NOT_HERE, Mistake, sound_config, write_mistake
from runs import imported, read_events, run, write_config, write_workspace

from olivine_pipeline.cli import main

HEAVY = {"torch", "transformers", "peft", "datasets", "onnxruntime", "onnxruntime_genai"}
REFUSED = [mistake for mistake in [*MISTAKES, *NOT_HERE] if mistake.severity == "error"]
WARNED = [mistake for mistake in MISTAKES if mistake.severity != "error"]


@pytest.fixture(scope="module")
def workspace(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_workspace(tmp_path_factory.mktemp("refused"), tiny_model, sound_config())


@pytest.fixture(autouse=True)
def only_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


def named(mistake: Mistake) -> str:
    return mistake.name


def text_at(config: Path, line: int, column: int) -> str:
    return config.read_text(encoding="utf-8").splitlines()[line - 1][column - 1 :]


@pytest.mark.parametrize("mistake", REFUSED, ids=named)
def test_a_run_is_refused_at_the_place_of_the_mistake(
    mistake: Mistake, workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_mistake(mistake, workspace)
    exit_code = main(["run", str(config), "--plain", "--events", str(tmp_path / "events.jsonl")])
    (failed,) = read_events(tmp_path / "events.jsonl")
    output = capsys.readouterr().out
    assert (exit_code, failed["type"]) == (2, "run-failed")
    assert text_at(config, failed["location"]["line"], failed["location"]["column"]).startswith(mistake.at)
    assert f"{config}:{failed['location']['line']}:{failed['location']['column']}: error {mistake.code} " in output
    assert not (workspace / "models").exists()
    assert (workspace / "model" / "config.json").is_file()


@pytest.mark.parametrize("mistake", WARNED, ids=named)
def test_what_a_run_goes_on_with_is_told(mistake: Mistake, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_mistake(mistake, workspace)
    exit_code = main(["check", str(config), "--format", "json"])
    problems = json.loads(capsys.readouterr().out)
    (problem,) = [problem for problem in problems if problem["code"] == mistake.code]
    assert (exit_code, problem["severity"]) == (0, mistake.severity)
    assert text_at(config, problem["line"], problem["column"]).startswith(mistake.at)


def test_a_sound_config_has_no_problems(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(write_config(workspace, sound_config()))]) == 0
    assert capsys.readouterr().out == "No problems found.\n"


@pytest.mark.parametrize("name", ["typo in a pass", "missing column", "fp16 on the CPU", "missing model folder"])
def test_a_refusal_loads_no_ml_library(name: str, workspace: Path) -> None:
    (mistake,) = (mistake for mistake in REFUSED if mistake.name == name)
    write_mistake(mistake, workspace)
    ended = run(workspace, PYTHONPROFILEIMPORTTIME="1")
    assert ended.exit_code == 2
    assert not imported(ended) & HEAVY
