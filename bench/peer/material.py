"""Models and data that both sides of a comparison get."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "pipeline"))

from tiny_model import PHRASES, build_tiny_model

OPENINGS = ["Listen:", "This morning,", "As I wrote to you,", "Last night,", "Nobody will believe it.", "Once more:"]


def write_tiny_model(folder: Path, hidden: int = 64, layers: int = 2) -> Path:
    """A random Phi-3 with a real tokenizer, the same for the same arguments."""
    return build_tiny_model(folder, hidden=hidden, layers=layers, heads=4, kv_heads=2)


def write_rows(file: Path, count: int) -> None:
    """`count` JSON lines of phrase, tone and messages, of varying length, the same every time."""
    rows = []
    for number in range(count):
        row = PHRASES[number % len(PHRASES)]
        openings = OPENINGS[: number // len(PHRASES) % (len(OPENINGS) + 1)]
        phrase = " ".join([*openings, row["phrase"]])
        messages = [{"role": "user", "content": phrase}, {"role": "assistant", "content": row["tone"]}]
        rows.append({"phrase": phrase, "tone": row["tone"], "messages": messages})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
