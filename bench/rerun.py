"""How long a run takes when nothing has changed, and that it trains when one letter of the data has.

    python bench/rerun.py [--runs 7] [--example] [--json FILE]

A two-layer model goes through LoRA, merge and int4 build once, then the same config is run again `--runs` times. With
`--example` it is the demo, which must have been run before; its data is left alone. Exits 1 if a rerun imports torch or
runs a pass, or if the changed data does not train.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "pipeline"))

from runs import imported, run_well, todays_config, write_workspace  # noqa: E402
from tiny_model import build_tiny_model  # noqa: E402

HEAVY = {"torch", "transformers", "peft", "datasets", "onnxruntime", "onnxruntime_genai", "numpy", "plotly"}


def timed(folder: Path) -> tuple[float, bool]:
    """Seconds of one more run, and whether it ran a pass."""
    began = time.monotonic()
    ended = run_well(folder)
    return time.monotonic() - began, bool(ended.of_type("pass-started"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--example", action="store_true", help="the demo instead of a two-layer model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    args = parser.parse_args()
    faults = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = ROOT / "examples" / "phrase-tone"
        if not args.example:
            folder = write_workspace(Path(scratch, "w"), build_tiny_model(Path(scratch, "model")), todays_config())
            print(f"first run: {timed(folder)[0]:.2f} s")
        again = [timed(folder) for _ in range(args.runs)]
        if any(ran for _, ran in again):
            faults.append("a rerun ran a pass")
        modules = imported(run_well(folder, PYTHONPROFILEIMPORTTIME="1"))
        heavy = modules & HEAVY
        if heavy:
            faults.append(f"a rerun imported {', '.join(sorted(heavy))}")
        seconds = [wall for wall, _ in again]
        middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
        loaded = ", ".join(sorted(heavy)) or "nothing heavy"
        print(f"{args.runs} reruns: median {middle:.2f} s ({low:.2f} to {high:.2f}); {loaded} imported")
        if not args.example:
            data = folder / "data" / "train.json"
            data.write_text(data.read_text().replace("empty", "Empty", 1))
            wall, ran = timed(folder)
            if not ran:
                faults.append("changed data did not train")
            print(f"one letter of the data changed: {wall:.2f} s, {'trained again' if ran else 'NOT TRAINED'}")
    if args.json:
        args.json.write_text(
            json.dumps({"seconds": seconds, "modules": len(modules), "faults": faults}), encoding="utf-8"
        )
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
