"""Whole runs in tests: a workspace with a config, and `olivine run` on it in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_model import PHRASES

TEMPLATE = "### Text: {phrase}\n### Tone: {tone}"
TRAINING = {
    "max_steps": 3,
    "logging_steps": 1,
    "learning_rate": 0.002,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 1,
    "gradient_checkpointing": False,
    "optim": "adamw_torch",
    "data_seed": 42,
    "train_sampling_strategy": "group_by_length",
    "per_device_eval_batch_size": 1,
}
"""Every argument for which the two forms of a config have other defaults is written out."""
LORA = {
    "type": "LoRA",
    "r": 4,
    "alpha": 8,
    "lora_dropout": 0.1,
    "target_modules": ["o_proj", "qkv_proj"],
    "torch_dtype": "float32",
    "train_data_config": "phrases",
    "training_args": TRAINING,
}
WEIGHTS = ("*.safetensors", "*.onnx", "*.onnx.data")


def todays_config(**passes: dict[str, Any]) -> dict[str, Any]:
    """A config in today's form with these passes (LoRA, merge, build), `phrases` to train on, `held_out` to measure."""
    data = []
    for name, file in (("phrases", "train.json"), ("held_out", "held-out.json")):
        load = {"data_name": "json", "data_files": f"data/{file}", "split": "train"}
        text = {"text_template": TEMPLATE, "text_cols": ["phrase", "tone"], "strategy": "line-by-line"}
        text |= {"max_seq_len": 48, "pad_to_max_len": False}
        container = {"name": name, "type": "HuggingfaceContainer"}
        data.append({**container, "load_dataset_config": load, "pre_process_data_config": text})
    accuracy = {"name": "accuracy", "type": "accuracy", "data_config": "held_out"}
    accuracy["sub_types"] = [{"name": "accuracy_score", "priority": 1}]  # type: ignore[assignment]
    return {
        "input_model": {"type": "HfModel", "model_path": "model", "task": "text-generation"},
        "data_configs": data,
        "evaluators": {"tone": {"metrics": [accuracy]}},
        "passes": passes
        or {
            "tune": LORA,
            "merge": {"type": "MergeAdapterWeights"},
            "build": {"type": "ModelBuilder", "precision": "int4"},
        },
        "evaluator": "tone",
        "cache_dir": "cache",
        "output_dir": "models",
    }


def old_config() -> dict[str, Any]:
    """The same as `todays_config()` in the form of earlier Olives: everything nested, by its old name."""
    data = []
    for name, file in (("phrases", "train.json"), ("held_out", "held-out.json")):
        text = {"dataset_type": "corpus", "text_cols": ["phrase", "tone"], "text_template": TEMPLATE}
        text |= {"corpus_strategy": "line-by-line", "source_max_len": 48, "pad_to_max_len": False}
        load = {"data_name": "json", "data_files": f"data/{file}", "split": "train"}
        params = {**load, "component_kwargs": {"pre_process_data": text}}
        data.append({"name": name, "type": "HuggingfaceContainer", "params_config": params})
    today = todays_config()
    renamed = {"r": "lora_r", "alpha": "lora_alpha"}
    lora = {renamed.get(key, key): value for key, value in LORA.items() if key != "type"}
    sampling = {"group_by_length": True}
    lora["training_args"] = {
        key: value for key, value in TRAINING.items() if key != "train_sampling_strategy"
    } | sampling
    return {
        "passes": {
            "tune": {"type": "LoRA", "config": lora},
            "merge": {"type": "MergeAdapterWeights"},
            "build": {"type": "ModelBuilder", "config": {"precision": "int4"}},
        },
        "input_model": {
            "type": "PyTorchModel",
            "config": {"hf_config": {"model_name": "model", "task": "text-generation"}},
        },
        "data_configs": data,
        "evaluators": today["evaluators"],
        "engine": {"evaluator": "tone", "cache_dir": "cache", "output_dir": "models"},
    }


def write_workspace(folder: Path, model: Path, config: dict[str, Any]) -> Path:
    """Fill a folder with a copy of the model, the two data files and olive-config.json; returns it."""
    shutil.copytree(model, folder / "model")
    (folder / "data").mkdir()
    write_rows(folder / "data" / "train.json", PHRASES)
    write_rows(folder / "data" / "held-out.json", PHRASES[::3])
    write_config(folder, config)
    return folder


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    """Write olive-config.json."""
    path = folder / "olive-config.json"
    path.write_text(json.dumps(config, indent=4), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code, what it wrote to the two streams, its events."""

    exit_code: int
    output: str
    errors: str
    events: list[dict[str, Any]]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Events of one type."""
        return [event for event in self.events if event["type"] == kind]

    def names(self, kind: str) -> list[str]:
        """Names in the events of one type: passes skipped, finished, artifacts."""
        return [event["name"] for event in self.of_type(kind)]

    @property
    def logged(self) -> list[str]:
        """Messages of log events."""
        return [event["message"] for event in self.of_type("log")]


class Running:
    """`olivine run` in a process group of its own, as a terminal starts it."""

    def __init__(self, folder: Path, *arguments: str, events: str = "events.jsonl", **environment: str) -> None:
        self._events = folder / events
        self._events.unlink(missing_ok=True)
        self._seen = 0
        command = [
            sys.executable,
            "-m",
            "olivine_pipeline",
            "run",
            *arguments,
            "--plain",
            "--events",
            str(self._events),
        ]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "XDG_STATE_HOME": str(folder / "state"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def wait_for(self, happened: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event that is what is waited for; fails where the run ends before."""
        while True:
            ended = self.process.poll() is not None
            for event in read_events(self._events):
                if happened(event):
                    return event
            assert not ended, f"the run ended before it happened:\n{self.end().output}"
            time.sleep(0.005)

    def end(self) -> Ended:
        """Wait for the end."""
        output, errors = self.process.communicate(timeout=300)
        return Ended(self.process.returncode, output, errors, read_events(self._events))


def run(folder: Path, *arguments: str, **environment: str) -> Ended:
    """Run a workspace's olive-config.json to its end."""
    return Running(folder, *arguments, **environment).end()


def run_well(folder: Path, *arguments: str, **environment: str) -> Ended:
    """The same, for runs that must succeed."""
    ended = run(folder, *arguments, **environment)
    assert ended.exit_code == 0, f"exit code {ended.exit_code}\n{ended.output}\n{ended.errors}"
    return ended


def read_events(path: Path) -> list[dict[str, Any]]:
    """The whole lines of an event file."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def hashes(folder: Path, *patterns: str) -> dict[str, str]:
    """SHA-256 of the files below a folder by relative path; of weights where no pattern is given."""
    files = {path for pattern in patterns or WEIGHTS for path in folder.rglob(pattern) if path.is_file()}
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)
    }


def imported(ended: Ended) -> set[str]:
    """Top-level modules that a run with PYTHONPROFILEIMPORTTIME=1 imported."""
    lines = [line for line in ended.errors.splitlines() if line.startswith("import time:")]
    assert lines
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
