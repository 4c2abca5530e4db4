"""What follows from the numbers of a config, before anything runs. docs/estimates.md explains each formula.

Counts are exact where the inputs are; memory is an estimate, good for telling what fits a device from what does not.
Bytes are plain bytes, lengths are in tokens.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

Shapes = Mapping[str, tuple[int, int]]
"""Outputs and inputs of each layer with a matrix, by dotted name."""

DTYPE_BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "int8": 1.0}
ADAPTER_BYTES = 4
"""An adapter's weight is held and saved as float32."""
TRAINED_BYTES = 16
"""For each trained weight: itself, its gradient and the two moments of Adam, all float32."""
NF4_BITS = 4.5
"""bitsandbytes, blocks of 64: 4 bits and a share of a float32 constant."""
NF4_DOUBLE_BITS = 4.127
"""The same with quantized constants: 4 + 8 / 64 + 32 / (64 × 256)."""
ACTIVATION_BYTES = 34
"""Bytes that a block keeps for the backward pass, for each token and unit of width, in 16 bit without attention scores:
Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models", section 4.1."""
LOGIT_BYTES = 10
"""For each token and word of the vocabulary: logits in 16 bit, then in float32, and their gradient."""
BUILD_BYTES = 7.4
"""Peak memory of building an ONNX model, for each weight; measured with onnxruntime-genai 0.18 on a CPU."""
LIBRARY_BYTES = 700e6
"""What the libraries take before any weight is loaded."""
BYTES_A_TOKEN = 4.0
"""UTF-8 bytes of English text in a token of today's tokenizers, roughly."""

_QV = ("q_proj", "v_proj")
DEFAULT_MODULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("llama", "llama4", "mistral", "mixtral", "qwen2", "qwen3", "stablelm", "opt", "gptj"), _QV),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "gpt_neo"), _QV),
    **dict.fromkeys(("gpt_neox", "bloom", "falcon", "chatglm"), ("query_key_value",)),
    "phi": ("q_proj", "v_proj", "fc1", "fc2"),
    "phi3": ("qkv_proj", "o_proj"),
    "codegen": ("qkv_proj",),
    "mpt": ("Wqkv",),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), ("c_attn",)),
}
"""Layers that get an adapter where a config names none, by model type: PEFT's choice, and ours for Phi-3."""
ALL_LINEAR = "all-linear"
_NOT_LINEAR = re.compile(r"(?:^|\.)(?:lm_head|embed_out|wte|wpe|[^.]*embed[^.]*)$")


def default_modules(model_type: str | None, *, qlora: bool) -> tuple[str, ...]:
    """The layers that get an adapter where a config names none."""
    return (ALL_LINEAR,) if qlora else DEFAULT_MODULES.get(model_type or "", ())


def adapted_layers(shapes: Shapes, target_modules: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The layers that get an adapter: those whose name ends in a target, or all linear ones for "all-linear"."""
    if ALL_LINEAR in target_modules:
        return {name: shape for name, shape in shapes.items() if not _NOT_LINEAR.search(name)}
    targets = tuple(target_modules)
    ends = tuple("." + target for target in targets)
    return {name: shape for name, shape in shapes.items() if name in targets or name.endswith(ends)}


def trainable_parameters(
    shapes: Shapes, r: int, target_modules: Sequence[str], modules_to_save: Sequence[str] = ()
) -> int:
    """Weights that LoRA trains: r × (inputs + outputs) for each adapted layer, and whole the modules to save."""
    saved = adapted_layers(shapes, modules_to_save)
    layers = adapted_layers(shapes, target_modules)
    adapters = sum(r * (rows + columns) for name, (rows, columns) in layers.items() if name not in saved)
    return adapters + sum(rows * columns for rows, columns in saved.values())


def adapter_bytes(trainable: int) -> int:
    """Size of the adapter's file."""
    return trainable * ADAPTER_BYTES


def weight_bytes(parameters: int, dtype: str, *, nf4: bool = False, double_quant: bool = False) -> float:
    """The base model's weights in memory."""
    if nf4:
        return parameters * (NF4_DOUBLE_BITS if double_quant else NF4_BITS) / 8
    return parameters * DTYPE_BYTES.get(dtype, 2.0)


def activation_bytes(
    batch: int, seq_len: int, hidden: int, layers: int, vocabulary: int, dtype: str, *, checkpointing: bool
) -> float:
    """What one step keeps for its backward pass.

    With gradient checkpointing that is the input of each block and one block in full, else every block in full; and
    the logits on top.
    """
    width = DTYPE_BYTES.get(dtype, 2.0) / 2
    unit = batch * seq_len * hidden * width
    blocks = layers * 2 * unit + ACTIVATION_BYTES * unit if checkpointing else layers * ACTIVATION_BYTES * unit
    return blocks + batch * seq_len * vocabulary * LOGIT_BYTES


def training_memory_bytes(weights: float, trainable: int, activations: float) -> float:
    """Peak memory of a training: weights, what is trained with its optimizer, activations, libraries."""
    return weights + trainable * TRAINED_BYTES + activations + LIBRARY_BYTES


def onnx_parameters(parameters: int, embedding: int, *, tied: bool | None) -> int:
    """Weights of an ONNX model: it has the `embedding` twice, also where the model has one matrix for both ends."""
    return parameters + (embedding if tied else 0)


def int4_bytes(parameters: int, embedding: int = 0, *, block: int = 32, scale_bits: int = 32) -> float:
    """Size of an int4 model as ModelBuilder writes it.

    Each block of weights has a scale (float32 for CPU, float16 for GPU: `scale_bits`) and a 4-bit zero point. The
    `embedding` weights are looked up, not multiplied, and stay in the width of the scales.
    """
    return (parameters - embedding) * (4 + (scale_bits + 4) / block) / 8 + embedding * scale_bits / 8


def build_memory_bytes(parameters: int) -> float:
    """Peak memory of ModelBuilder."""
    return parameters * BUILD_BYTES


def tokens(text_bytes: float) -> float:
    """Tokens in a text, roughly."""
    return text_bytes / BYTES_A_TOKEN


def sequences(
    rows: int,
    strategy: str,
    *,
    text_bytes: float = 0,
    max_seq_len: int = 1024,
    stride: int | None = None,
    max_samples: int | None = None,
) -> int | None:
    """Training sequences that rows of text become; None where it cannot be told.

    Exact for line-by-line, where a row is a sequence; an estimate for the join strategies, which cut all text into
    sequences of `max_seq_len`; the random strategies draw `max_samples`.
    """
    if strategy.endswith("-random"):
        return max_samples
    count = rows
    if strategy == "join":
        count = int(tokens(text_bytes) // max_seq_len)
    elif strategy == "join-sliding-window":
        count = max(0, int((tokens(text_bytes) - max_seq_len) // (stride or max_seq_len)) + 1)
    return min(count, max_samples) if max_samples else count


def held_out(count: int, size: float | None) -> int:
    """Sequences that `eval_dataset_size` takes from the training data: a share below 1, else a count."""
    if not size or count < 2:
        return 0
    return min(max(int(size) if size >= 1 else math.ceil(size * count), 1), count - 1)


def effective_batch(per_device: int, accumulation: int) -> int:
    """Sequences that go into one update of the weights, on one device."""
    return per_device * accumulation


def steps_per_epoch(count: int, per_device: int, accumulation: int) -> int:
    """Updates in one pass over `count` sequences, as transformers' Trainer counts them on one device."""
    return max(math.ceil(math.ceil(count / per_device) / accumulation), 1)


def total_steps(per_epoch: int, epochs: float, max_steps: int = -1) -> int:
    """Updates in the whole training; `max_steps` above zero overrules the epochs."""
    return max_steps if max_steps > 0 else math.ceil(epochs * per_epoch)
