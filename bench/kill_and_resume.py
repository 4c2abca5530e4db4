"""Kill a run at random moments and run it again: it must finish with the very files of a run that was left alone.

    python bench/kill_and_resume.py [--kills 20] [--qlora] [--seed 0]

A two-layer model goes through LoRA (or QLoRA), merge and int4 build. Only the run's own process is killed, with
SIGKILL: its children have to notice by themselves. Prints one line a kill and exits 1 if any file differs, a finished
pass was lost, or a process was left alive.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "pipeline"))

from tiny_model import PHRASES, build_tiny_model  # noqa: E402


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


def finish(config: Path) -> float:
    """Run to the end; seconds that it took."""
    began = time.monotonic()
    process = start(config)
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"the run failed with exit code {process.returncode}:\n{output.decode()}")
    return time.monotonic() - began


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


def finished_passes(folder: Path) -> set[str]:
    """Passes that the events say are finished."""
    events = []
    for line in (folder / "events.jsonl").read_text().splitlines() if (folder / "events.jsonl").exists() else []:
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return {event["name"] for event in events if event["type"] in ("pass-finished", "pass-skipped")}


def alive(group: int) -> list[str]:
    """Processes of a process group that still run."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if (
                psutil.POSIX
                and __import__("os").getpgid(process.pid) == group
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(" ".join(process.cmdline()))
        except (psutil.Error, ProcessLookupError):
            continue
    return found


def kill_once(config: Path, moment: float) -> tuple[set[str], list[str]]:
    """Run, kill after `moment` seconds; the passes finished by then, and the processes left alive two seconds later."""
    process = start(config)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    time.sleep(2)
    return finished_passes(config.parent), alive(process.pid)


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
        seconds = finish(config)
        expected = results(folder)
        print(f"left alone: {seconds:.1f} s, {len(expected)} files")
        faults = 0
        for number in range(1, args.kills + 1):
            clear(folder)
            moment = chance.uniform(0, seconds)
            done, orphans = kill_once(config, moment)
            (folder / "events.jsonl").unlink(missing_ok=True)
            finish(config)
            skipped = {
                event["name"]
                for event in map(json.loads, (folder / "events.jsonl").read_text().splitlines())
                if event["type"] == "pass-skipped"
            }
            found = results(folder)
            different = [name for name in expected if found.get(name) != expected[name]]
            lost = done - skipped
            faults += bool(different or lost or orphans)
            verdict = f"DIFFERENT: {different}" if different else "same files"
            print(
                f"{number:3}. killed at {moment:5.1f} s, finished {sorted(done)}: {verdict}",
                *orphans,
                f"lost {lost}" if lost else "",
            )
    print(f"{args.kills} kills, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
