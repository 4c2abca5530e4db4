"""Check that Olivine makes the same token sequences as Microsoft Olive from the same data config.

usage: python bench/peer/compare_sequences.py --venv PEER_VENV [--model FOLDER]

Runs here, with Olivine installed; Olive runs in its own environment (see environment.py). Prints one line a case and
exits with 1 if a case that is meant to be equal differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from environment import default_venv, ensure_venv, peer_python
from material import write_rows, write_tiny_model

TEMPLATE = "### Text: {phrase}\n### The tone is:\n{tone}"
JOINED = {"text_template": TEMPLATE, "max_seq_len": 64}
LINES = {"text_template": TEMPLATE, "strategy": "line-by-line", "max_seq_len": 60}
RANDOM = {"max_samples": 40, "random_seed": 7}
DROPPING = {"pad_to_max_len": False, "drop_short_sequences": True}

CASES: dict[str, dict[str, Any]] = {
    "join": JOINED,
    "join, small batches": {**JOINED, "processing_batch_size": 7},
    "join, joiner, no special tokens": {**JOINED, "joiner": " | ", "add_special_tokens": False},
    "join, no joiner, max_samples": {**JOINED, "joiner": "", "max_samples": 9},
    "join, no attention mask": {**JOINED, "use_attention_mask": False},
    "join, one column": {"text_cols": "phrase", "max_seq_len": 50},
    "join, two columns": {"text_cols": ["phrase", "tone"], "max_seq_len": 50},
    "sliding window": {**JOINED, "strategy": "join-sliding-window", "stride": 16},
    "sliding window, max_samples": {**JOINED, "strategy": "join-sliding-window", "stride": 40, "max_samples": 11},
    "join-random": {**JOINED, "strategy": "join-random", **RANDOM},
    "line-by-line, padded": LINES,
    "line-by-line, padded left": {**LINES, "padding_side": "left"},
    "line-by-line, as long as they are": {**LINES, "pad_to_max_len": False},
    "line-by-line, short dropped": {**LINES, **DROPPING},
    "line-by-line, short dropped, max_samples": {**LINES, **DROPPING, "max_samples": 20},
    "line-by-line-random": {**LINES, "strategy": "line-by-line-random", **RANDOM},
    "line-by-line-random, no padding": {**LINES, "strategy": "line-by-line-random", "pad_to_max_len": False, **RANDOM},
    "chat template of the model": {"chat_template": True, "max_seq_len": 40},
    "chat template of the config, line-by-line": {
        **LINES,
        "chat_template": "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}",
    },
}
"""Preprocessing parameters that must give equal sequences."""

DIFFERENT: dict[str, dict[str, Any]] = {
    "formatting function": {"text_formatting_func": "shout", "user_script": "script.py", "max_seq_len": 32},
    "join, too little text": {**JOINED, "max_seq_len": 512, "text_cols": "tone", "text_template": None, "_rows": 3},
    "sliding window, small batches": {
        **JOINED,
        "strategy": "join-sliding-window",
        "stride": 16,
        "processing_batch_size": 7,
    },
}
"""Parameters where Olivine departs on purpose; shown, not judged."""

OLIVE_SIDE = """
import json, sys
from olive.data.component.load_dataset import huggingface_dataset
from olive.data.component.pre_process_data import text_generation_huggingface_pre_process
job = json.load(open(sys.argv[1]))
found = {}
for name, case in job["cases"].items():
    case = dict(case)
    rows = huggingface_dataset("json", data_files=job["data"], split=f"train[:{case.pop('_rows', 10**9)}]")
    try:
        made = text_generation_huggingface_pre_process(rows, job["model"], **case).data
        columns = [c for c in ("input_ids", "labels", "attention_mask") if c in made.column_names]
        found[name] = {c: [[int(t) for t in row] for row in made[c]] for c in columns}
    except Exception as error:
        found[name] = {"error": f"{type(error).__name__}: {error}"[:200]}
json.dump(found, open(sys.argv[2], "w"))
"""

SCRIPT = "def shout(row):\n    return row['phrase'].upper() + ' ' + row['tone']\n"


def olivine_sequences(case: dict[str, Any], folder: Path, model: Path) -> dict[str, Any]:
    """Columns as Olivine makes them."""
    from transformers import AutoTokenizer

    from olivine_pipeline.data import prepare
    from olivine_pipeline.errors import RunError
    from olivine_schemas.language.data import DataConfig

    case = dict(case)
    load = {"data_name": "json", "data_files": "rows.json", "split": f"train[:{case.pop('_rows', 10**9)}]"}
    config = DataConfig.model_validate(
        {"name": "d", "load_dataset_config": {"params": load}, "pre_process_data_config": {"params": case}}
    )
    try:
        dataset = prepare(config, AutoTokenizer.from_pretrained(model), folder)
    except RunError as error:
        return {"error": f"{error.message} {error.hint}"}
    return {name: dataset[name][:] for name in dataset.column_names}


def olive_sequences(cases: dict[str, Any], folder: Path, model: Path, python: Path) -> dict[str, Any]:
    """Columns as Olive makes them, by case."""
    job = {"cases": cases, "data": str(folder / "rows.json"), "model": str(model)}
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "olive_side.py").write_text(OLIVE_SIDE)
    environment = {**os.environ, "OLIVE_DISABLE_TELEMETRY": "1", "CI": "1", "HF_HUB_OFFLINE": "1"}
    environment["HF_DATASETS_CACHE"] = str(folder / "cache")
    subprocess.run([python, "olive_side.py", "job.json", "found.json"], cwd=folder, env=environment, check=True)
    return dict(json.loads((folder / "found.json").read_text()))


def describe(columns: dict[str, Any]) -> str:
    """Count of sequences and tokens, or the error."""
    if "error" in columns:
        return str(columns["error"])
    tokens = sum(map(len, columns["input_ids"]))
    return f"{len(columns['input_ids'])} sequences, {tokens} tokens"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=default_venv())
    parser.add_argument("--model", type=Path, help="folder of a model; a tiny random Phi-3 by default")
    options = parser.parse_args()
    ensure_venv(options.venv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.json", 400)
        (folder / "script.py").write_text(SCRIPT)
        model = (options.model or write_tiny_model(folder / "model")).resolve()
        os.chdir(folder)
        olive = olive_sequences({**CASES, **DIFFERENT}, folder, model, peer_python(options.venv))
        differing = 0
        for case, settings in {**CASES, **DIFFERENT}.items():
            ours = olivine_sequences(settings, folder, model)
            equal = ours == olive[case]
            differing += case in CASES and not equal
            verdict = "equal " if equal else ("other " if case in DIFFERENT else "DIFFER")
            print(f"{verdict}  {case}: {describe(ours)}" + ("" if equal else f"; Olive: {describe(olive[case])}"))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
