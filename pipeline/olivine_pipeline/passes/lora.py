"""LoRA and QLoRA: fine-tune low-rank adapters with PEFT and the transformers Trainer."""

from __future__ import annotations

from typing import Any

from olivine_schemas.language.passes import LoRAParameters, QLoRAParameters

from ..devices import Device
from .base import Job, ModelRef, PassType, Settled, Site

_MODULES = ("olivine_pipeline.training",)
_PACKAGES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "datasets")


def usable_dtype(dtype: str, device: Device) -> str:
    """The number format to use on a device where `dtype` is asked for: one that the hardware really computes in."""
    if dtype == "bfloat16" and not device.bf16:
        return "float16" if device.kind == "cuda" else "float32"
    return "float32" if dtype == "float16" and device.kind == "cpu" else dtype


def _settle(parameters: LoRAParameters, site: Site, model: ModelRef) -> Settled:
    changes: dict[str, Any] = {}
    notes = []
    for name in ("torch_dtype", "compute_dtype"):
        wanted = getattr(parameters, name, None)
        if wanted and (usable := usable_dtype(wanted, site.device)) != wanted:
            changes[name] = usable
            notes.append(f"{site.device.name} does not compute in {wanted}; {name} is {usable} here.")
    arguments = parameters.training_args
    if site.device.kind != "cuda" and arguments.optim and arguments.optim.startswith("paged_"):
        # The same optimizer: paging moves its state between GPU and CPU memory, and here there is one memory.
        changes["training_args"] = arguments.model_copy(update={"optim": "adamw_torch"})
    return Settled(parameters.model_copy(update=changes), tuple(notes))


def _quantization(parameters: LoRAParameters) -> dict[str, Any] | None:
    """Arguments of transformers.BitsAndBytesConfig, or None for a full-precision base."""
    if not isinstance(parameters, QLoRAParameters):
        return None
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": parameters.quant_type,
        "bnb_4bit_use_double_quant": parameters.double_quant,
        "bnb_4bit_compute_dtype": parameters.compute_dtype or parameters.torch_dtype,
    }


def _settings(parameters: LoRAParameters) -> dict[str, Any]:
    return {"dtype": parameters.torch_dtype, "quantization": _quantization(parameters)}


def _data_configs(parameters: LoRAParameters) -> list[str]:
    return [name for name in (parameters.train_data_config, parameters.eval_data_config) if name]


def _run(job: Job) -> dict[str, Any]:
    from ..training import train

    return train(job, _quantization(job.parameters))


LORA = PassType(
    name="LoRA",
    parameters=LoRAParameters,
    accepts=frozenset({"transformers"}),
    yields="adapter",
    run=_run,
    settle=_settle,
    settings=_settings,
    data_configs=_data_configs,
    modules=_MODULES,
    packages=_PACKAGES,
)

QLORA = PassType(
    name="QLoRA",
    parameters=QLoRAParameters,
    accepts=frozenset({"transformers"}),
    yields="adapter",
    run=_run,
    settle=_settle,
    settings=_settings,
    data_configs=_data_configs,
    modules=_MODULES,
    packages=(*_PACKAGES, "bitsandbytes"),
)
