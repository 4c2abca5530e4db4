"""How much disk the weights of a model folder take."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = ("*.safetensors", "*.onnx", "*.onnx.data", "*.onnx_data", "*.gguf")
"""Files that a runtime loads as weights."""


def size_bytes(folder: Path) -> int:
    """Bytes of the weights directly in `folder`; tokenizer, optimizer state and checkpoints do not count.

    Old `*.bin` weights count where there is nothing newer beside them.
    """
    files = {file for pattern in WEIGHTS for file in folder.glob(pattern)} or set(folder.glob("pytorch_model*.bin"))
    return sum(file.stat().st_size for file in files)
