"""What the files of a model folder say, read without loading the model."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from olivine_schemas.facts import ModelFacts
from olivine_schemas.files import read_object

HEADER = 64 << 20
"""Bytes up to which the header of a safetensors file is believed."""
WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.gguf", "model*.bin", "*.pt", "*.pth")
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "spiece.model",
    "tokenizer_config.json",
    "*.tiktoken",
    "*.gguf",
)
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def find_model(name: str) -> Path | None:
    """The snapshot of a hub model in the local cache of Hugging Face, the newest; None where there is none."""
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        return None
    snapshots = _hub_cache() / f"models--{name.replace('/', '--')}" / "snapshots"
    found = [path for path in snapshots.glob("*") if (path / "config.json").is_file()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def find_models() -> tuple[str, ...]:
    """The names of the hub models in the local cache."""
    folders = sorted(_hub_cache().glob("models--*--*"))
    return tuple(folder.name.removeprefix("models--").replace("--", "/", 1) for folder in folders)


def _hub_cache() -> Path:
    home = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface") / "hub"
    return Path(home).expanduser()


def read_model(folder: Path) -> ModelFacts:
    """The facts of the model in `folder`."""
    config = read_object(folder / "config.json")
    text = config.get("text_config")
    settings = {**config, **text} if isinstance(text, dict) else config
    tensors = dict(_tensors(folder))
    dtype = settings.get("dtype") or settings.get("torch_dtype")
    positions = settings.get("max_position_embeddings")
    tied = settings.get("tie_word_embeddings")
    return ModelFacts(
        model_type=_str(config.get("model_type")),
        layers=frozenset(_layers(tensors)),
        shapes=_shapes(tensors, settings),
        hidden_size=_count(settings, "hidden_size", "n_embd", "d_model"),
        blocks=_count(settings, "num_hidden_layers", "n_layer", "num_layers"),
        vocabulary=_count(settings, "vocab_size"),
        max_positions=positions if isinstance(positions, int) and not isinstance(positions, bool) else None,
        tokens=frozenset(_tokens(folder)),
        parameters=sum(math.prod(shape) for _, shape in tensors.values() if shape) or None,
        dtype=_str(dtype) or next((_DTYPES[d] for d, _ in tensors.values() if d in _DTYPES), None),
        tied_embeddings=tied if isinstance(tied, bool) else None,
        has_config=bool(config) or any(folder.glob("*.gguf")) or (folder / "MLmodel").is_file(),
        has_weights=_has(folder, WEIGHTS) or (folder / "MLmodel").is_file(),
        has_tokenizer=_has(folder, TOKENIZERS) or (folder / "MLmodel").is_file(),
    )


def _has(folder: Path, patterns: tuple[str, ...]) -> bool:
    return any(next(folder.glob(pattern), None) is not None for pattern in patterns)


def _layers(tensors: dict[str, tuple[str, tuple[int, ...]]]) -> Iterator[str]:
    """Modules with a matrix as weight; where only names are known, all but the norms."""
    for name, (_, shape) in tensors.items():
        module, _, part = name.rpartition(".")
        if part in ("weight", "qweight") and (
            len(shape) == 2 or (not shape and "norm" not in module.rpartition(".")[2])
        ):
            yield module
    if tensors:
        yield "lm_head"  # not in the file where it is tied to the embeddings


def _shapes(tensors: dict[str, tuple[str, tuple[int, ...]]], settings: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Outputs and inputs of the modules whose weight is a matrix; of the output layer also where it is tied."""
    found = {
        name.removesuffix(".weight"): (shape[0], shape[1])
        for name, (_, shape) in tensors.items()
        if len(shape) == 2 and name.endswith(".weight")
    }
    hidden, vocabulary = _count(settings, "hidden_size", "n_embd", "d_model"), _count(settings, "vocab_size")
    if found and "lm_head" not in found and hidden and vocabulary:
        found["lm_head"] = (vocabulary, hidden)
    return found


def _count(settings: dict[str, Any], *names: str) -> int | None:
    """The first of these settings that is a whole number."""
    values = (settings.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool)), None)


def _tensors(folder: Path) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """Names of the weights with their number format and shape; without shape where only an index tells them."""
    for path in sorted(folder.glob("*.safetensors")):
        if not path.name.startswith("adapter"):
            yield from _header(path)
    for index in sorted(folder.glob("*.index.json")):
        if index.name.startswith("pytorch_model"):
            names = read_object(index).get("weight_map")
            yield from ((name, ("", ())) for name in (names if isinstance(names, dict) else {}))


def _header(path: Path) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size)) if size <= HEADER else {}
    except (OSError, ValueError, struct.error):
        return
    for name, entry in header.items() if isinstance(header, dict) else ():
        if name != "__metadata__" and isinstance(entry, dict) and _is_shape(entry.get("shape")):
            yield name, (str(entry.get("dtype")), tuple(entry["shape"]))


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(size, int) for size in value)


def _tokens(folder: Path) -> Iterator[str]:
    """Special and added tokens, wherever the tokenizer's files keep them."""
    tokenizer = read_object(folder / "tokenizer.json")
    for token in _list(tokenizer.get("added_tokens")):
        yield from _content(token)
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    yield from (name for name in vocabulary or () if isinstance(name, str) and name.startswith("<|"))
    yield from (name for name in read_object(folder / "added_tokens.json") if isinstance(name, str))
    configured = read_object(folder / "tokenizer_config.json").get("added_tokens_decoder")
    for token in configured.values() if isinstance(configured, dict) else ():
        yield from _content(token)


def _content(token: Any) -> Iterator[str]:
    text = token.get("content") if isinstance(token, dict) else None
    if isinstance(text, str):
        yield text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) else None
