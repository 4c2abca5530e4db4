"""How fast a config text is checked: `python bench/check_speed.py [CONFIG…] [--rounds N]`.

Every rule is on and answered from disk, as in the server. The 5,000 lines are the demo's, its first pass many times
over; the others hold more mistakes than a person makes. Every check is of a text that was not checked before, as each
key stroke makes one. What is imported is measured in processes of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lsp_speed import DEMO, large, percentile

from olivine_schemas.check import check
from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.migrate import migration

_START = """
import time, sys
started = time.perf_counter()
from olivine_schemas.check import check
print((time.perf_counter() - started) * 1000)
checked = time.perf_counter()
check(open(sys.argv[1]).read())
print((time.perf_counter() - checked) * 1000)
print(len(sys.modules))
"""


def unknown_keys(number: int) -> str:
    """One block with many unknown keys, each near to a known one."""
    block = {"type": "LoRA", **{f"lora_dropot_{i}": 0.1 for i in range(number)}}
    return json.dumps({"input_model": {"type": "HfModel", "model_path": "m"}, "passes": {"ft": block}}, indent=1)


def deep(levels: int) -> str:
    """Lists in lists."""
    return '{ "passes": ' + "[" * levels + "]" * levels + " }"


def timed(work: Callable[[str], object], text: str, rounds: int) -> list[float]:
    """Milliseconds of each round, after one that does not count."""
    figures = []
    for number in range(rounds + 1):
        fresh = text + " " * number
        started = time.perf_counter()
        work(fresh)
        figures.append((time.perf_counter() - started) * 1000)
    return figures[1:]


def show(title: str, figures: list[float]) -> None:
    print(f"| {title} | {percentile(figures, 0.5):.2f} | {percentile(figures, 0.95):.2f} |", flush=True)


def main() -> None:
    """Print the median and the 95th percentile of each document, in milliseconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("configs", nargs="*", type=Path, metavar="CONFIG")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    here = DiskFacts(DEMO.parent)
    print("| milliseconds | p50 | p95 |\n| --- | --- | --- |")
    for path in [DEMO, *options.configs]:
        text = path.read_text(encoding="utf-8")
        facts = here if path == DEMO else DiskFacts(path.parent)
        show(f"{path.name}, {text.count(chr(10))} lines", timed(lambda t, f=facts: check(t, f), text, options.rounds))
    text = large(DEMO.read_text(encoding="utf-8"))
    show("the demo grown to 5,000 lines", timed(lambda t: check(t, here), text, options.rounds))
    show("20,000 unknown keys in a block", timed(check, unknown_keys(20000), 2))
    show("lists 5,000 deep", timed(check, deep(5000), 2))
    show("migrate lists 5,000 deep", timed(migration, deep(5000), 2))
    command = [sys.executable, "-c", _START, str(DEMO)]
    outputs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(8)]
    show("import", [float(output[0]) for output in outputs[1:]])
    show("first check in a process", [float(output[1]) for output in outputs[1:]])
    print(f"\n{outputs[0][2]} modules")


if __name__ == "__main__":
    main()
