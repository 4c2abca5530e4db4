"""Loading models and tokenizers with transformers, peft and bitsandbytes. Importing this module imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .devices import Device, available_cpus
from .errors import RunError
from .passes.base import ModelRef


def prepare_threads() -> None:
    """Use the processors that this process may use, always as many: results depend on the number of threads."""
    torch.set_num_threads(len(available_cpus()))


def load_tokenizer(model: ModelRef) -> Any:
    """The tokenizer of a model, with a padding token."""
    source = model.input_model if model.kind == "adapter" else model
    arguments = {"trust_remote_code": True} if _load_kwargs(model).get("trust_remote_code") else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.location, **arguments)
    except (OSError, ValueError) as error:
        raise _unloadable(source, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def load_base(model: ModelRef, device: Device, dtype: str | None, quantization: dict[str, Any] | None = None) -> Any:
    """A full model on the device, in evaluation mode, in the stored number format or in `dtype`, perhaps in 4 bits."""
    arguments = _load_kwargs(model)
    arguments["dtype"] = getattr(torch, dtype) if dtype else arguments.pop("torch_dtype", "auto")
    arguments.pop("torch_dtype", None)
    method, settings = arguments.pop("quantization_method", None), arguments.pop("quantization_config", None)
    if quantization or method == "bitsandbytes":
        arguments["quantization_config"] = _bitsandbytes_config(quantization or settings or {})
    arguments.setdefault("device_map", {"": 0 if device.kind == "cuda" else "cpu"})
    try:
        loaded = AutoModelForCausalLM.from_pretrained(model.location, **arguments)
    except (OSError, ValueError) as error:
        raise _unloadable(model, error) from error
    keep_4bit_weights_exact(loaded)
    return loaded.eval()


def load_model(model: ModelRef, device: Device, dtype: str | None) -> Any:
    """A model as a pass left it: a full model, or a base with its adapter on it (a `peft.PeftModel`)."""
    if model.kind != "adapter" or model.base is None:
        return load_base(model, device, dtype)
    from peft import PeftModel

    base = load_base(model.base, device, model.settings.get("dtype") or dtype, model.settings.get("quantization"))
    return PeftModel.from_pretrained(base, model.location).eval()


def keep_4bit_weights_exact(model: Any) -> None:
    """Stop bitsandbytes from repacking 4-bit weights in place.

    On processors with AVX512-BF16 any forward pass without gradients repacks the weights of a `Linear4bit`, after which
    gradients, dequantization and merging work on garbage, without an error (seen with bitsandbytes 0.50).
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _load_kwargs(model: ModelRef) -> dict[str, Any]:
    return dict(model.input_model.settings.get("load_kwargs") or {})


def _bitsandbytes_config(settings: dict[str, Any]) -> Any:
    from transformers import BitsAndBytesConfig

    named = {name: getattr(torch, value) if name.endswith("dtype") else value for name, value in settings.items()}
    return BitsAndBytesConfig(**named)


def _unloadable(model: ModelRef, error: Exception) -> RunError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    hint = (
        "Check the folder's config.json and weights."
        if Path(model.location).is_dir()
        else "Check the name, the network and the login."
    )
    return RunError("model-not-loaded", f'The model "{model.location}" cannot be loaded: {reason}', hint)
