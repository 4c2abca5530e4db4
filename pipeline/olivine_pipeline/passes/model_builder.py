"""ModelBuilder: an ONNX model for onnxruntime-genai, built by its own model builder in a child process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from olivine_schemas.language.passes import ModelBuilderParameters
from olivine_schemas.rules.builder_precision_device import FAILS

from ..child import Child, ChildFailed
from ..errors import RunError
from .base import Job, ModelRef, PassType, Settled, Site

PROVIDERS = {
    "CPUExecutionProvider": "cpu",
    "CUDAExecutionProvider": "cuda",
    "DmlExecutionProvider": "dml",
    "WebGpuExecutionProvider": "webgpu",
    "NvTensorRTRTXExecutionProvider": "NvTensorRtRtx",
}
"""Execution providers that the builder can build for, and its own names for them."""

_OPTIONS = {
    "int4_block_size": "block_size",
    "int4_accuracy_level": "accuracy_level",
    "int4_is_symmetric": "is_symmetric",
    "int4_op_types_to_quantize": "op_types_to_quantize",
    "int4_nodes_to_exclude": "nodes_to_exclude",
    "int4_algo_config": "algo_config",
}
"""Olive's names of the quantization options, and the builder's. The builder ignores names that it does not know."""

_CHILD = "olivine_pipeline.passes.builder_process"

BYTES_PER_PARAMETER = 7.4
"""Peak memory of a build, measured."""


def _settle(parameters: ModelBuilderParameters, site: Site, model: ModelRef) -> Settled:
    name = provider_name(site)
    if name not in PROVIDERS:
        choices = ", ".join(PROVIDERS)
        raise RunError(
            "provider-not-built-for", f"The model builder cannot build for {name}.", f"It can for {choices}."
        )
    if instead := FAILS.get((parameters.precision, name)):
        message = f"A model in {parameters.precision} builds for {name} and then does not run."
        raise RunError("builder-precision-device", message, f"Take {instead} or int4.")
    if parameters.exclude_embeds or parameters.exclude_lm_head:
        raise RunError(
            "not-a-text-model",
            "A model without embeddings or without language-model head cannot be loaded and measured as a text model.",
            "Leave exclude_embeds and exclude_lm_head out.",
        )
    if _separates_embeddings(parameters, model):
        options = {**(parameters.extra_options or {}), "shared_embeddings": False}
        note = (
            "Embeddings and output layer share a matrix here; they are kept apart, as the quantized pair does not load."
        )
        return Settled(parameters.model_copy(update={"extra_options": options}), (note,))
    return Settled(parameters)


def provider_name(site: Site) -> str:
    """The execution provider to build for: the target's, else what its device stands for."""
    return site.target.provider or ("CUDAExecutionProvider" if site.target.device == "gpu" else "CPUExecutionProvider")


def _separates_embeddings(parameters: ModelBuilderParameters, model: ModelRef) -> bool:
    """Whether the builder would tie quantized embeddings in a way that onnxruntime cannot load."""
    options = parameters.extra_options or {}
    if "shared_embeddings" in options or not _ties_embeddings(model):
        return False
    asymmetric = parameters.int4_is_symmetric is False or options.get("is_symmetric") in (False, "false")
    last_in_8_bits = "last_matmul:int8" in str(options.get("matmul_mixed_precision", ""))
    return asymmetric or last_in_8_bits


def _ties_embeddings(model: ModelRef) -> bool:
    try:
        config = json.loads(Path(model.input_model.location, "config.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(config.get("tie_word_embeddings"))


def builder_options(parameters: ModelBuilderParameters) -> dict[str, str]:
    """Parameters as the builder's own KEY=VALUE options."""
    values = parameters.model_dump(exclude={"precision", "metadata_only", "search", "extra_options"}, exclude_none=True)
    options = {_OPTIONS.get(name, name): value for name, value in values.items()}
    separators = {"op_types_to_quantize": "/", "nodes_to_exclude": ","}
    merged = {**options, **(parameters.extra_options or {}), "hf_token": "false"}
    return {name: _option_text(value, separators.get(name, ",")) for name, value in merged.items()}


def _option_text(value: Any, separator: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return separator.join(map(str, value)) if isinstance(value, list) else str(value)


def _run(job: Job) -> dict[str, Any]:
    request = {
        "model": job.model.location,
        "out": str(job.out),
        "precision": job.parameters.precision,
        "provider": PROVIDERS[provider_name(job.site)],
        "options": builder_options(job.parameters),
        "trust_remote_code": bool((job.model.input_model.settings.get("load_kwargs") or {}).get("trust_remote_code")),
        "cache": str(job.work),
    }
    job.journal.progress("loading the builder", 0, 0, "layer")
    try:
        with Child.of(_CHILD) as child:
            for message in child.messages(request, job.cancel):
                job.journal.progress(message["doing"], message["done"], message["total"], message["unit"])
    except ChildFailed as error:
        raise _build_error(error, job) from error
    _merge_search(job.out / "genai_config.json", job.parameters.search)
    return {
        "precision": job.parameters.precision,
        "provider": PROVIDERS[provider_name(job.site)],
        "options": builder_options(job.parameters),
    }


def _build_error(error: ChildFailed, job: Job) -> RunError:
    for line in error.words:
        job.journal.log("error", line)
    if error.was_killed:
        hint = f"A build takes about {BYTES_PER_PARAMETER} bytes of memory a parameter. Take a larger machine."
        return RunError(
            "out-of-memory", "The model builder was ended by the system, most likely for lack of memory.", hint
        )
    return RunError("build-failed", f"The model builder stopped: {error.words[-1] if error.words else error}")


def _merge_search(path: Path, search: dict[str, Any] | None) -> None:
    if search:
        config = json.loads(path.read_text(encoding="utf-8"))
        config["search"] = {**config.get("search", {}), **search}
        path.write_text(json.dumps(config, indent=4), encoding="utf-8")


MODEL_BUILDER = PassType(
    name="ModelBuilder",
    parameters=ModelBuilderParameters,
    accepts=frozenset({"transformers"}),
    yields="onnx",
    run=_run,
    settle=_settle,
    child=_CHILD,
    packages=("onnxruntime-genai", "onnxruntime", "onnx-ir", "torch", "transformers"),
)
