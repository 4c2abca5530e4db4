"""How soon a mistake in a config is told: every row of the table of mistakes through `olivine run`, or `olivine check`.

    python bench/refusals.py [--json FILE]

Each is a new process, on a two-layer model. Rows that are no reason to refuse a run go through `olivine check`. Prints
code, place, seconds and exit code for each, then the slowest; exits 1 if one is not told at its place, or loads torch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "pipeline"))

from mistakes import MISTAKES, NOT_HERE, Mistake, sound_config, write_mistake  # noqa: E402
from runs import write_workspace  # noqa: E402
from tiny_model import build_tiny_model  # noqa: E402


def olivine(folder: Path, *arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """A command in a process of its own, and the seconds it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "olivine_pipeline", *arguments],
        cwd=folder,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done, time.monotonic() - began


def command(mistake: Mistake) -> list[str]:
    """The command line that meets this mistake."""
    if mistake.severity == "error":
        return ["run", "olive-config.json", "--plain"]
    return ["check", "olive-config.json"]


def tell(mistake: Mistake, folder: Path) -> dict[str, Any]:
    """What a person is told of one mistake, how soon, and at what cost."""
    config = write_mistake(mistake, folder)
    done, seconds = olivine(folder, *command(mistake))
    lines = [line for line in done.stdout.splitlines() if f" {mistake.severity} {mistake.code} " in line]
    place = lines[0].split(": ", 1)[0].rpartition("olive-config.json:")[2] if lines else ""
    line, column = (int(number) for number in place.split(":")) if place else (0, 0)
    text = config.read_text(encoding="utf-8").splitlines()
    right = bool(place) and text[line - 1][column - 1 :].startswith(mistake.at)
    slow, _ = olivine(folder, *command(mistake), PYTHONPROFILEIMPORTTIME="1")
    modules = {line.rpartition("|")[2].strip() for line in slow.stderr.splitlines()}
    expected = 2 if mistake.severity == "error" else 0
    return {
        "mistake": mistake.name,
        "severity": mistake.severity,
        "code": mistake.code,
        "place": place,
        "seconds": seconds,
        "exit_code": done.returncode,
        "torch": "torch" in modules,
        "good": right and done.returncode == expected and "torch" not in modules,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = build_tiny_model(Path(scratch, "model"))
        folder = write_workspace(Path(scratch, "workspace"), model, sound_config())
        rows = []
        for mistake in [*MISTAKES, *NOT_HERE]:
            row = tell(mistake, folder)
            rows.append(row)
            verdict = "" if row["good"] else "  NOT AS IT SHOULD BE"
            print(
                f"{row['mistake']:32} {row['severity']:8} {row['code']:26} {row['place']:>7} "
                f"{row['seconds']:5.2f} s  exit {row['exit_code']}{verdict}",
                flush=True,
            )
    slowest = max(rows, key=lambda row: row["seconds"])
    faults = [row for row in rows if not row["good"]]
    print(f"{len(rows)} mistakes, {len(faults)} not told as they should be")
    print(f"slowest: {slowest['seconds']:.2f} s ({slowest['mistake']})")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
