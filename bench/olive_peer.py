"""Olivine beside Microsoft Olive 0.13: the same config, model, data and threads, in turns.

usage: python bench/olive_peer.py [--pairs 5] [--venv PEER_VENV] [--model FOLDER --data FILE] [--json FILE]

Each pair runs both tools from nothing and then once more with everything cached; who goes first alternates. Without
--model a random Phi-3 of four layers is trained, which makes the tools' own cost visible; with a real model the
arithmetic dominates. Olive's environment is made on first use (about 2 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "peer"))

from environment import default_venv, ensure_venv, peer_python
from material import write_rows, write_tiny_model

MARKED = Path(__file__).parent / "peer" / "marked.py"
TEMPLATE = "### Text: {phrase}\n### The tone is:\n{tone}"
MEASURES = {
    "first_step_s": ("start to first training step, s", "{:.2f}"),
    "wall_s": ("whole run, s", "{:.2f}"),
    "cached_s": ("run again, all cached, s", "{:.2f}"),
    "cpu_s": ("processor time of a run, s", "{:.2f}"),
    "cached_cpu_s": ("processor time when cached, s", "{:.2f}"),
    "peak_mb": ("peak memory, MB", "{:.0f}"),
    "cached_peak_mb": ("peak memory when cached, MB", "{:.0f}"),
    "tokens_per_s": ("training tokens per second", "{:.0f}"),
    "final_loss": ("last logged loss", "{:.4f}"),
}


def config_text(options: argparse.Namespace) -> str:
    """The config that both tools run, in today's form."""
    cpu = [{"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}]
    training = {
        "max_steps": options.steps,
        "per_device_train_batch_size": options.batch,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": False,
        "learning_rate": 1e-3,
        "logging_steps": 10,
        "seed": 0,
    }
    lora = {
        "type": "LoRA",
        "r": 16,
        "alpha": 32,
        "target_modules": ["o_proj", "qkv_proj"],
        "torch_dtype": options.dtype,
        "train_data_config": "phrases",
        "training_args": training,
    }
    config = {
        "input_model": {"type": "HfModel", "model_path": "model"},
        "systems": {"local": {"type": "LocalSystem", "accelerators": cpu}},
        "data_configs": [
            {
                "name": "phrases",
                "type": "HuggingfaceContainer",
                "load_dataset_config": {"data_name": "json", "data_files": "train.json", "split": "train"},
                "pre_process_data_config": {"text_template": TEMPLATE, "max_seq_len": options.max_seq_len},
            }
        ],
        "passes": {
            "lora": lora,
            "merge": {"type": "MergeAdapterWeights"},
            "builder": {"type": "ModelBuilder", "precision": "int4"},
        },
        "host": "local",
        "target": "local",
        "cache_dir": "cache",
        "output_dir": "models",
    }
    return json.dumps(config, indent=2)


def new_folder(parent: Path, name: str, options: argparse.Namespace) -> Path:
    """A folder with config, data and a link to the model, and no cache."""
    folder = parent / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "olive-config.json").write_text(config_text(options))
    (folder / "model").symlink_to(options.model, target_is_directory=True)
    shutil.copy(options.data, folder / "train.json")
    return folder


def command(tool: str, options: argparse.Namespace) -> list[str]:
    """Command line of a tool's run, without the interpreter's marks."""
    if tool == "olive":
        return [str(peer_python(options.venv)), "-m", "olive", "run", "--config", "olive-config.json"]
    return [sys.executable, "-m", "olivine_pipeline", "run", "olive-config.json"]


def environment(folder: Path, threads: int) -> dict[str, str]:
    """The same for both tools. Telemetry is off (Olive takes a CI for one that wants none), the hub is never asked."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(folder / "datasets"),
        "XDG_CACHE_HOME": str(folder / "user-cache"),
        "OLIVE_DISABLE_TELEMETRY": "1",
        "CI": "1",
    }


def tree_memory(pid: int) -> int:
    """Bytes that a process and its descendants hold: proportional share where the system tells it, else resident."""
    import psutil

    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for process in processes:
        try:
            info = process.memory_full_info()
            total += getattr(info, "pss", info.rss)
        except psutil.Error:
            continue
    return total


def children_seconds() -> float:
    """Processor seconds of every child process that has ended, and of its own children that it waited for."""
    times = os.times()
    return times.children_user + times.children_system


def run_once(tool: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run a tool in a folder. Wall seconds, peak memory and what marked.py saw; SystemExit if it made no model."""
    marks, log = folder / "marks.json", folder / f"{tool}.log"
    marks.unlink(missing_ok=True)
    interpreter, *arguments = command(tool, options)
    peak, done = 0, threading.Event()
    with log.open("w") as output:
        start, processor = time.time(), children_seconds()
        process = subprocess.Popen(
            [interpreter, str(MARKED), str(marks), *arguments],
            cwd=folder,
            env=environment(folder, options.threads),
            stdout=output,
            stderr=subprocess.STDOUT,
        )

        def sample() -> None:
            nonlocal peak
            while not done.wait(0.1):
                peak = max(peak, tree_memory(process.pid))

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        code = process.wait()
        wall, processor = time.time() - start, children_seconds() - processor
        done.set()
        sampler.join()
    if code or not list((folder / "models").rglob("*.onnx")):
        sys.exit(f"{tool} ended with code {code} and no model; its last words:\n{log.read_text()[-3000:]}")
    seen = json.loads(marks.read_text()) if marks.exists() else None
    return {"wall": wall, "processor": processor, "peak": peak / 2**20, "start": start, "seen": seen}


def measure(tool: str, parent: Path, name: str, options: argparse.Namespace) -> dict[str, float]:
    """Both runs of a tool: from nothing, then cached."""
    folder = new_folder(parent, name, options)
    clean = run_once(tool, folder, options)
    cached = run_once(tool, folder, options)
    if clean["seen"] is None:
        sys.exit(f"{tool} trained where the marks do not reach")
    if cached["seen"] is not None:
        sys.exit(f"{tool} trained again instead of taking its cache")
    steps = clean["seen"]["steps"]
    later = steps[1:]
    result = {
        "first_step_s": steps[0][0] - clean["start"],
        "wall_s": clean["wall"],
        "cached_s": cached["wall"],
        "cpu_s": clean["processor"],
        "cached_cpu_s": cached["processor"],
        "peak_mb": clean["peak"],
        "cached_peak_mb": cached["peak"],
        "tokens_per_s": sum(tokens for _, _, tokens in later) / (later[-1][1] - later[0][0]),
        "final_loss": clean["seen"]["losses"][-1],
    }
    print(f"{tool:8}", "  ".join(f"{key} {value:.4g}" for key, value in result.items()), file=sys.stderr, flush=True)
    shutil.rmtree(folder)
    return result


def print_table(pairs: list[dict[str, dict[str, float]]], tools: list[str]) -> None:
    """Medians a tool and, with both, the median, lowest and highest ratio of Olivine to Olive within a pair."""
    print(f"| {'measure':32} | " + " | ".join(f"{tool:>10}" for tool in tools) + " | olivine / olive (range) |")
    print("|" + " --- |" * (len(tools) + 2))
    for key, (title, form) in MEASURES.items():
        medians = [form.format(statistics.median(pair[tool][key] for pair in pairs)) for tool in tools]
        ratios = [pair["olivine"][key] / pair["olive"][key] for pair in pairs] if len(tools) == 2 else []
        spread = f"{statistics.median(ratios):.3f} ({min(ratios):.3f} - {max(ratios):.3f})" if ratios else ""
        print(f"| {title:32} | " + " | ".join(f"{median:>10}" for median in medians) + f" | {spread} |")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="how often both tools run")
    parser.add_argument("--warmups", type=int, default=1, help="pairs run before, not counted")
    parser.add_argument("--only", choices=["olive", "olivine"], help="measure one tool alone")
    parser.add_argument("--venv", type=Path, default=default_venv(), help="Olive's environment; made if missing")
    parser.add_argument("--model", type=Path, help="folder of a Phi-3; a random one by default")
    parser.add_argument("--data", type=Path, help="JSON lines with phrase and tone; generated by default")
    parser.add_argument("--hidden", type=int, default=256, help="width of the random model")
    parser.add_argument("--layers", type=int, default=4, help="layers of the random model")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--max-seq-len", type=int, default=64)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="where every figure goes")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    tools = [options.only] if options.only else ["olive", "olivine"]
    if "olive" in tools:
        ensure_venv(options.venv)
    with tempfile.TemporaryDirectory(prefix="olivine-bench-") as name:
        parent = Path(name)
        options.model = (options.model or write_tiny_model(parent / "model", options.hidden, options.layers)).resolve()
        if not options.data:
            options.data = parent / "train.json"
            write_rows(options.data, 2000)
        pairs = []
        for number in range(options.warmups + options.pairs):
            order = tools if number % 2 == 0 else tools[::-1]
            pair = {tool: measure(tool, parent, f"{tool}-{number}", options) for tool in order}
            if number >= options.warmups:
                pairs.append(pair)
    print_table(pairs, tools)
    if options.json:
        settings = {key: str(value) for key, value in vars(options).items()}
        machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        options.json.write_text(json.dumps({"settings": settings, "machine": machine, "pairs": pairs}, indent=2))


if __name__ == "__main__":
    main()
