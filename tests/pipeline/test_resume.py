"""A run that was stopped, in whatever way, goes on and ends with the very adapter of a run that was left alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from jobs import input_model, run_pass, workflow
from runs import LORA, TRAINING, Ended, Running, hashes, run_well, todays_config, write_workspace

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.errors import Cancelled
from olivine_pipeline.passes.lora import LORA as LORA_PASS
from olivine_pipeline.training import last_checkpoint

STEPS = 45
LONGER = {**TRAINING, "max_steps": STEPS, "save_steps": 3, "gradient_accumulation_steps": 2}
QLORA = {"type": "QLoRA", "torch_dtype": "bfloat16", "compute_dtype": "float32", "double_quant": True}


def train_only(tune: dict[str, Any]) -> dict[str, Any]:
    """A config that trains with dropout and batches of similar length, and measures nothing."""
    config = todays_config(tune={**LORA, "training_args": LONGER, **tune})
    del config["evaluators"], config["evaluator"], config["data_configs"][1]
    return config


@pytest.fixture(scope="module", params=[{}, QLORA], ids=["LoRA", "QLoRA"])
def alone(request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose run was left alone. Two runs of it were started at once: see the first test."""
    folder = write_workspace(tmp_path_factory.mktemp("alone"), tiny_model, train_only(request.param))
    if request.param:
        run_well(folder)
        return folder
    at_once = {"OLIVINE_AT_ONCE": "2"}
    first = Running(folder, events="first.jsonl", **at_once)
    second = Running(folder, events="second.jsonl", **at_once)
    ended = [first.end(), second.end()]
    assert [run.exit_code for run in ended] == [0, 0], ended
    return folder


def test_of_two_runs_at_once_one_trains_and_both_end_well(alone: Path) -> None:
    files = [alone / name for name in ("first.jsonl", "second.jsonl")]
    if not files[0].exists():
        pytest.skip("asked of LoRA only")
    losses = [file.read_text().count('"name": "loss"') for file in files]
    assert sorted(losses) == [0, STEPS]
    assert all('"state": "succeeded"' in file.read_text() for file in files)


def test_a_config_that_trains_only_yields_an_adapter_only(alone: Path) -> None:
    assert {path.name for path in (alone / "models").iterdir() if path.is_dir()} == {"adapter"}
    report = json.loads((alone / "models" / "report.json").read_text())
    assert [stage["name"] for stage in report["stages"]] == ["base", "tuned"]
    assert [point["step"] for point in report["losses"]] == list(range(1, STEPS + 1))


def fresh(alone: Path, folder: Path) -> Path:
    """The workspace without what was made in it."""
    shutil.copytree(alone, folder, ignore=shutil.ignore_patterns("cache", "models", "*.jsonl", ".olivine"))
    return folder


def steps_reached(steps: int) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["type"] == "metric" and event["step"] >= steps


def stop_after(steps: int, folder: Path, stop: Callable[[int], None]) -> Ended:
    running = Running(folder)
    running.wait_for(steps_reached(steps))
    stop(running.process.pid)
    return running.end()


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)


def interrupt(process: int) -> None:
    os.killpg(process, signal.SIGINT)  # Ctrl-C reaches the group


def terminate(process: int) -> None:
    os.kill(process, signal.SIGTERM)


def checkpoints(folder: Path) -> list[Path]:
    found = (folder / "cache" / "work").glob("*/checkpoints/checkpoint-*")
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def tear_newest(folder: Path) -> Path:
    """Cut the file that is written last, as a crash may; the checkpoint before it."""
    *_, before, newest = checkpoints(folder)
    state = newest / "trainer_state.json"
    if state.exists():
        state.write_text(state.read_text()[:100])
    return before


def test_killed_and_cancelled_training_goes_on_to_the_same_adapter(alone: Path, tmp_path: Path) -> None:
    folder = fresh(alone, tmp_path / "stopped")
    is_qlora = "QLoRA" in (folder / "olive-config.json").read_text()

    killed = stop_after(12, folder, kill)
    assert killed.exit_code == -signal.SIGKILL
    expected = tear_newest(folder).name

    cancelled = stop_after(24, folder, terminate if is_qlora else interrupt)
    assert f"continuing from {expected}" in cancelled.logged
    assert cancelled.exit_code == 130
    assert cancelled.events[-1]["state"] == "cancelled"
    assert "cancelled after" in cancelled.output.splitlines()[-1]
    assert "Traceback" not in cancelled.output + cancelled.errors
    kept = checkpoints(folder)[-1].name
    assert kept == f"checkpoint-{max(event['step'] for event in cancelled.of_type('metric'))}"

    finished = run_well(folder)
    assert f"continuing from {kept}" in finished.logged
    assert hashes(folder / "models") == hashes(alone / "models")
    losses = [json.loads((f / "models" / "adapter" / "training.json").read_text())["losses"] for f in (folder, alone)]
    assert losses[0] == losses[1]
    assert list((folder / "cache" / "work").iterdir()) == []
    assert not [process for process in psutil.process_iter(["cmdline"]) if str(folder) in str(process.info["cmdline"])]


class CancelAt(Cancel):
    """A request to stop that comes at the nth time that work looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def check(self) -> None:
        self._looks -= 1
        if self._looks == 0:
            self.request()
        super().check()


def test_a_step_given_up_in_the_middle_leaves_no_trace(tiny_model: Path, phrases: Path, tmp_path: Path) -> None:
    """Eight micro-batches make a step: stops in the middle of several of them change nothing."""
    parameters = {key: value for key, value in LORA.items() if key != "type"}
    parameters["training_args"] = {**TRAINING, "max_steps": 6, "gradient_accumulation_steps": 8}
    parameters["training_args"]["per_device_train_batch_size"] = 1
    flow = workflow(phrases / "train.json")

    def train(folder: Path, cancel: Cancel | None = None) -> dict[str, str]:
        shutil.rmtree(folder / "out", ignore_errors=True)
        run_pass(LORA_PASS, parameters, input_model(tiny_model), folder, flow=flow, cancel=cancel)
        return hashes(folder / "out")

    for looks in (25, 21, 19):
        with pytest.raises(Cancelled):
            train(tmp_path / "stopped", CancelAt(looks))
        kept = last_checkpoint(tmp_path / "stopped" / "work" / "checkpoints")
        assert kept and 0 < int(kept.name.rpartition("-")[2]) < 6
    assert train(tmp_path / "stopped") == train(tmp_path / "alone")


def test_only_whole_checkpoints_count(tmp_path: Path) -> None:
    for step, state in ((3, '{"global_step": 3}'), (12, "{"), (20, None), (9, '{"global_step": 9}')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-9"
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-3", "checkpoint-9"}
    assert last_checkpoint(tmp_path / "none") is None
