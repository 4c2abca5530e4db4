"""What a run comes to that nobody disturbs: what every other one is compared with."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs import LORA, TRAINING, Ended, run_well, todays_config, write_workspace

from . import ROOT

STEPS = 12
CLOCK = Path(__file__).with_name("clock.c")
DATED = ("report.html", "report.json", "README.md")
"""Results that tell when they were made, and how long that took."""


def flow(steps: int = STEPS, measured: bool = False) -> dict[str, Any]:
    """A config of three passes."""
    tune = {**LORA, "training_args": {**TRAINING, "max_steps": steps, "save_steps": 3}}
    build = {"type": "ModelBuilder", "precision": "int4"}
    config = todays_config(tune=tune, merge={"type": "MergeAdapterWeights"}, build=build)
    return config if measured else {key: value for key, value in config.items() if not key.startswith("evaluator")}


@dataclass
class Baseline:
    """What a run comes to that nobody disturbs: its files by path, and the cache's entry for each pass."""

    folder: Path
    model: Path
    files: dict[str, str]
    longer: dict[str, str]
    """Files of the same config with one step more."""
    entries: dict[str, str]


def undisturbed(scratch: Path) -> Baseline:
    """Runs that nobody disturbs."""
    build = (
        f"from pathlib import Path; from tiny_model import build_tiny_model as b; b(Path({str(scratch / 'model')!r}))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "pipeline")}
    subprocess.run([sys.executable, "-c", build], check=True, env=env, stderr=subprocess.DEVNULL)
    model = scratch / "model"

    def whole(name: str, steps: int) -> tuple[Ended, dict[str, str]]:
        folder = write_workspace(scratch / name, model, flow(steps))
        (folder / ".git").mkdir()
        ended = run_well(folder)
        return ended, files(folder / "models")

    compile_clock = ["cc", "-shared", "-fPIC", "-o", scratch / "clock.so", CLOCK, "-ldl"]
    with suppress(OSError):
        subprocess.run(compile_clock, check=True)
    ended, expected = whole("alone", STEPS)
    entries = {event["name"]: event["artifact"] for event in ended.of_type("pass-finished")}
    return Baseline(scratch / "alone", model, expected, whole("longer", STEPS + 1)[1], entries)


def made(cache: Path) -> dict[str, float]:
    """When each finished result in a cache was made."""
    found = {}
    for path in (cache / "artifacts").glob("[!.]*/manifest.json"):
        with suppress(OSError, ValueError):
            found[path.parent.name] = json.loads(path.read_text())["made"]
    return found


def files(output: Path) -> dict[str, str]:
    """Hashes of the results in `output_dir`."""
    found = sorted(path for path in output.rglob("*") if path.is_file() and path.name not in DATED)
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in found}
