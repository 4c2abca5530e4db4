"""ModelBuilder: an ONNX model for onnxruntime-genai, built by its own model builder in a child process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from olivine_schemas.language.passes import ModelBuilderParameters

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

DOES_NOT_LOAD = {
    ("fp32", "cuda"): "builds, but onnxruntime-genai cannot load it; take fp16, bf16 or int4",
    ("fp32", "dml"): "builds, but onnxruntime-genai cannot load it; take fp16 or int4",
    ("bf16", "cpu"): "has no kernels on the CPU; take fp32, int8 or int4",
    ("bf16", "dml"): "has no kernels on DirectML; take fp16 or int4",
    ("fp16", "cpu"): "fails at the first token on the CPU; take fp32, int8 or int4",
}
"""Combinations of precision and provider that are known to build and then not to run."""

_OPTIONS = {
    "int4_block_size": "block_size",
    "int4_accuracy_level": "accuracy_level",
    "int4_is_symmetric": "is_symmetric",
    "int4_op_types_to_quantize": "op_types_to_quantize",
    "int4_nodes_to_exclude": "nodes_to_exclude",
    "int4_algo_config": "algo_config",
}
"""Olive's names of the quantization options, and the builder's. The builder ignores names that it does not know."""

KNOWN_OPTIONS = frozenset(
    [
        *_OPTIONS.values(),
        *"""use_qdq use_8bits_moe use_webgpu_fp32 use_cuda_bf16 include_hidden_states exclude_embeds exclude_lm_head
        enable_cuda_graph enable_dml_graph enable_webgpu_graph shared_embeddings hf_remote fuse_qkv disable_qkv_fusion
        fuse_qk_norm_gqa prune_lm_head use_paged_attention windowed_kv_cache use_device_allocator_for_initializers
        enable_cuda_fpa_intb_gemm fuse_mlp_gate_up exclude_mtp state_window state_update_capacity max_draft_tokens
        paged_block_size paged_chunk_size max_batch_size max_scheduled_tokens num_blocks gpu_utilization_factor
        qmoe_block_size qmoe_weights_prepacked matmulnbits_weights_prepacked matmul_mixed_precision num_hidden_layers
        filename moe_quant_type kv_cache_quant_scheme kv_cache_rotation kv_cache_scale_file aux_hidden_state_layers""".split(),
    ]
)
"""Options that the builder of onnxruntime-genai 0.18 knows."""

_NO_REPOSITORY = {"GIT_DIR": os.devnull}
"""The builder writes the commit of the repository around it into the model, so the same build would give another file."""

BYTES_PER_PARAMETER = 7.4
"""Peak memory of a build, measured."""


def _settle(parameters: ModelBuilderParameters, site: Site, model: ModelRef) -> Settled:
    provider = _provider(site)
    if reason := DOES_NOT_LOAD.get((parameters.precision, provider)):
        raise RunError("precision-not-for-device", f"{parameters.precision} {reason}.")
    unknown = sorted(set(parameters.extra_options or {}) - KNOWN_OPTIONS)
    if unknown:
        raise RunError("unknown-builder-option", f'The model builder has no option "{unknown[0]}".')
    if parameters.exclude_embeds or parameters.exclude_lm_head:
        raise RunError(
            "not-a-text-model",
            "A model without embeddings or without language-model head cannot be loaded and measured as a text model.",
            "Leave exclude_embeds and exclude_lm_head out.",
        )
    if _separates_embeddings(parameters, model):
        options = {**(parameters.extra_options or {}), "shared_embeddings": False}
        note = "This model shares its embeddings with the output layer; they are kept apart, for the quantized pair does not load."
        return Settled(parameters.model_copy(update={"extra_options": options}), (note,))
    return Settled(parameters)


def _provider(site: Site) -> str:
    name = site.target.provider
    if name is None:
        name = "CUDAExecutionProvider" if site.target.device == "gpu" else "CPUExecutionProvider"
    if name not in PROVIDERS:
        raise RunError("provider-not-built-for", f"The model builder cannot build for {name}.", f"It can for {', '.join(PROVIDERS)}.")
    return PROVIDERS[name]


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
        "provider": _provider(job.site),
        "options": builder_options(job.parameters),
        "trust_remote_code": bool((job.model.input_model.settings.get("load_kwargs") or {}).get("trust_remote_code")),
        "cache": str(job.work),
    }
    job.journal.progress("loading the builder", 0, 0, "layer")
    try:
        with Child("olivine_pipeline.passes.builder_process", _NO_REPOSITORY) as child:
            for message in child.messages(request, job.cancel):
                job.journal.progress(message["doing"], message["done"], message["total"], message["unit"])
    except ChildFailed as error:
        raise _build_error(error, job) from error
    _merge_search(job.out / "genai_config.json", job.parameters.search)
    return {"precision": job.parameters.precision, "provider": _provider(job.site), "options": builder_options(job.parameters)}


def _build_error(error: ChildFailed, job: Job) -> RunError:
    for line in error.words:
        job.journal.log("error", line)
    if error.was_killed:
        hint = f"A build takes about {BYTES_PER_PARAMETER} bytes a parameter of memory. Close other programs or use a larger machine."
        return RunError("out-of-memory", "The model builder was ended by the system, most likely for lack of memory.", hint)
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
    packages=("onnxruntime-genai", "onnxruntime", "onnx-ir", "torch", "transformers"),
)
