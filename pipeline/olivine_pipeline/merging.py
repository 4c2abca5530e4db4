"""Folding an adapter into its base model. Importing this module imports torch."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel

from .loader import load_base, load_tokenizer
from .passes.base import Job


def merge(job: Job) -> dict[str, Any]:
    """Merge the adapter `job.model` into its base, in the base's stored number format, and save model and tokenizer.

    A 4-bit base is dequantized first: merging into 4-bit weights would quantize the sum again and lose most of it.
    """
    adapter = job.model
    assert adapter.base is not None
    quantization = adapter.settings.get("quantization")
    job.journal.progress("loading the model", 0, 0, "layer")
    base = load_base(
        adapter.base, job.site.device, adapter.settings.get("dtype") if quantization else None, quantization
    )
    if quantization:
        job.journal.log("info", "the base is dequantized from 4 bits before the adapter is merged")
        base = base.dequantize(dtype=torch.float32)
    job.cancel.check()
    job.journal.progress("merging", 0, 0, "layer")
    merged = PeftModel.from_pretrained(base, adapter.location).merge_and_unload(progressbar=False)
    if quantization:
        merged = merged.to(stored_dtype(adapter.base))
    job.cancel.check()
    job.journal.progress("saving", 0, 0, "byte")
    merged.config.use_cache = True
    merged.save_pretrained(str(job.out))
    load_tokenizer(adapter).save_pretrained(str(job.out))
    return {"dtype": str(merged.dtype).removeprefix("torch."), "dequantized": bool(quantization)}


def stored_dtype(model: Any) -> torch.dtype:
    """The number format that a model's config names, float32 where it names none."""
    from transformers import AutoConfig

    return getattr(AutoConfig.from_pretrained(model.location), "dtype", None) or torch.float32
