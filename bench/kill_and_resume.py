"""Kill a run at random moments of every pass and run it again: it must finish with the files of one left alone.

    python bench/kill_and_resume.py [--kills 20] [--qlora] [--seed 0]

A two-layer model goes through LoRA (or QLoRA), merge and int4 build. Only the run's own process is killed, with
SIGKILL: its children have to notice by themselves. Prints one line a kill and exits 1 if any file differs, a finished
pass was lost, or a process was left alive.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "pipeline"))

from tiny_model import PHRASES, build_tiny_model  # noqa: E402

Event = dict[str, Any]
PASSES = 3


def write_config(folder: Path, adapter: str) -> Path:
    """A config of three passes over a two-layer model in `folder`."""
    build_tiny_model(folder / "model", hidden=128, layers=4)
    (folder / "train.json").write_text("".join(json.dumps(row) + "\n" for row in PHRASES * 8))
    training = {
        "max_steps": 60,
        "save_steps": 7,
        "gradient_checkpointing": False,
        "per_device_train_batch_size": 2,
        "train_sampling_strategy": "group_by_length",
    }
    pre_process = {
        "text_template": "{phrase}\n{tone}",
        "text_cols": ["phrase", "tone"],
        "strategy": "line-by-line",
        "max_seq_len": 48,
    }
    config = {
        "input_model": {"type": "HfModel", "model_path": "model"},
        "data_configs": [
            {
                "name": "phrases",
                "type": "HuggingfaceContainer",
                "load_dataset_config": {"data_name": "json", "data_files": "train.json", "split": "train"},
                "pre_process_data_config": {**pre_process, "pad_to_max_len": False},
            }
        ],
        "passes": {
            "tune": {
                "type": adapter,
                "r": 8,
                "lora_dropout": 0.1,
                "target_modules": ["o_proj", "qkv_proj"],
                "train_data_config": "phrases",
                "training_args": training,
            },
            "merge": {"type": "MergeAdapterWeights"},
            "build": {"type": "ModelBuilder", "precision": "int4"},
        },
        "cache_dir": "cache",
        "output_dir": "models",
    }
    path = folder / "olive-config.json"
    path.write_text(json.dumps(config, indent=2))
    return path


def start(config: Path) -> subprocess.Popen[bytes]:
    """A run of the config in a process group of its own."""
    command = [
        sys.executable,
        "-m",
        "olivine_pipeline",
        "run",
        str(config),
        "--plain",
        "--events",
        str(config.with_name("events.jsonl")),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def finish(config: Path) -> list[Event]:
    """Run to the end; the events of that run."""
    process = start(config)
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"the run failed with exit code {process.returncode}:\n{output.decode()}")
    return events_of(config.parent)


def events_of(folder: Path) -> list[Event]:
    """The events written so far; a line that is cut short is left out."""
    path = folder / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def stages(events: list[Event]) -> dict[str, float]:
    """Seconds from the start of each stage of a run to the next: before the first pass, the passes, after the last."""
    marks = {"start": events[0]["time"]}
    marks |= {event["name"]: event["time"] for event in events if event["type"] == "pass-started"}
    marks["end"] = max(event["time"] for event in events if event["type"] == "pass-finished")
    times = [*marks.values(), events[-1]["time"]]
    intervals = itertools.pairwise(times)
    return {name: max(0.0, later - earlier) for name, (earlier, later) in zip(marks, intervals, strict=True)}


def has_begun(stage: str, folder: Path) -> bool:
    """Whether a run has come to a stage."""
    events = events_of(folder)
    if stage == "start":
        return bool(events)
    if stage == "end":
        return sum(event["type"] == "pass-finished" for event in events) == PASSES
    return stage in passes_told(folder, "pass-started")


def results(folder: Path) -> dict[str, str]:
    """Hashes of the weights in `output_dir`."""
    names = ("*.safetensors", "*.onnx", "*.onnx.data")
    files = [path for name in names for path in (folder / "models").rglob(name)]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in sorted(files)}


def clear(folder: Path) -> None:
    """Forget results and cache."""
    for name in ("cache", "models"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "events.jsonl").unlink(missing_ok=True)


def passes_told(folder: Path, *types: str) -> set[str]:
    """Passes of which an event of one of the types tells."""
    return {event["name"] for event in events_of(folder) if event["type"] in types}


def alive(group: int) -> list[str]:
    """Processes of a process group that still run."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except (psutil.Error, ProcessLookupError):
            continue
    return found


def kill_once(config: Path, stage: str, seconds: float) -> tuple[set[str], list[str]]:
    """Run, and kill `seconds` into a stage; the passes finished by then, and the processes alive two seconds later."""
    process = start(config)
    while process.poll() is None and not has_begun(stage, config.parent):
        time.sleep(0.01)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.communicate()
    time.sleep(2)
    return passes_told(config.parent, "pass-finished"), alive(process.pid)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--qlora", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = write_config(folder, "QLoRA" if args.qlora else "LoRA")
        lengths = stages(finish(config))
        expected = results(folder)
        print("left alone:", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in lengths.items()))
        faults = 0
        for number, (stage, length) in zip(range(1, args.kills + 1), itertools.cycle(lengths.items()), strict=False):
            clear(folder)
            moment = chance.uniform(0, length)
            done, orphans = kill_once(config, stage, moment)
            (folder / "events.jsonl").unlink(missing_ok=True)
            finish(config)
            lost = done - passes_told(folder, "pass-skipped")
            found = results(folder)
            different = [name for name in expected if found.get(name) != expected[name]]
            faults += bool(different or lost or orphans)
            verdict = f"DIFFERENT: {different}" if different else "same files"
            print(
                f"{number:3}. killed {moment:4.1f} s into {stage}, finished {sorted(done)}: {verdict}",
                *orphans,
                f"lost {lost}" if lost else "",
                flush=True,
            )
    print(f"{args.kills} kills, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
