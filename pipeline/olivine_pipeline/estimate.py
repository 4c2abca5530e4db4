"""What the passes of a plan will take: seconds, memory, disk. docs/estimates.md explains the formulas."""

from __future__ import annotations

from dataclasses import dataclass

from olivine_schemas import estimates
from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.facts import ModelFacts
from olivine_schemas.language.passes import LoRAParameters, ModelBuilderParameters, QLoRAParameters

from . import data
from .devices import Device
from .errors import RunError
from .passes.model_builder import provider_name
from .plan import Plan, PlannedPass

FLOPS = {"cpu": 1.7e11, "cuda": 6e13}
"""Training speed in operations a second: of one processor core with bfloat16, measured with a model of 135 million
weights; of a CUDA device, a cautious guess."""
FLOAT32_SPEED = 0.5
"""Speed of float32 on a processor that computes in bfloat16."""
BUILD_SECONDS = 30e-9
"""Of the model builder, for each weight; measured."""
K_QUANT_SECONDS = 180e-9
"""The same with one of the k_quant algorithms, which search for the best scale of each block; measured."""
MERGE_SECONDS = 25e-9
"""Of a merge, for each weight; measured."""


@dataclass(frozen=True)
class Estimate:
    """What a pass will take; None where the config or the disk does not tell."""

    seconds: float | None = None
    memory_bytes: float | None = None
    disk_bytes: float | None = None


def estimate_passes(plan: Plan) -> list[Estimate]:
    """An estimate for every pass of the plan, all unknown where the model is not on this disk."""
    facts = DiskFacts(plan.config.folder).model(plan.model.location)
    if facts is None or facts.parameters is None:
        return [Estimate() for _ in plan.passes]
    return [_estimate(plan, step, facts, facts.parameters) for step in plan.passes]


def _estimate(plan: Plan, step: PlannedPass, facts: ModelFacts, parameters: int) -> Estimate:
    settings = step.settled.parameters
    stored = estimates.weight_bytes(parameters, facts.dtype or "float32")
    if isinstance(settings, LoRAParameters):
        return _training(plan, settings, step.site.device, facts, parameters)
    if isinstance(settings, ModelBuilderParameters):
        memory = estimates.build_memory_bytes(parameters)
        searches = (settings.int4_algo_config or "").startswith("k_quant")
        seconds = parameters * (K_QUANT_SECONDS if searches else BUILD_SECONDS)
        scale_bits = 32 if provider_name(step.site) == "CPUExecutionProvider" else 16
        return Estimate(seconds, memory, _onnx_bytes(settings, facts, parameters, scale_bits))
    if step.type.name == "MergeAdapterWeights":
        return Estimate(parameters * MERGE_SECONDS, 2 * stored + estimates.LIBRARY_BYTES, stored)
    return Estimate()


def _onnx_bytes(settings: ModelBuilderParameters, facts: ModelFacts, parameters: int, scale_bits: int) -> float:
    embedding = (facts.vocabulary or 0) * (facts.hidden_size or 0)
    weights = estimates.onnx_parameters(parameters, embedding, tied=facts.tied_embeddings)
    if settings.precision != "int4":
        return estimates.weight_bytes(weights, settings.precision)
    return estimates.int4_bytes(weights, embedding, block=settings.int4_block_size or 32, scale_bits=scale_bits)


def _training(plan: Plan, settings: LoRAParameters, device: Device, facts: ModelFacts, parameters: int) -> Estimate:
    arguments, extra = settings.training_args, settings.training_args.model_extra or {}
    batch = int(extra.get("per_device_train_batch_size") or 8)
    accumulation = int(extra.get("gradient_accumulation_steps") or 1)
    text = data.text_settings(plan.workflow.data_config(settings.train_data_config))
    quantized = isinstance(settings, QLoRAParameters)
    targets = settings.target_modules or estimates.default_modules(facts.model_type, qlora=quantized)
    trainable = estimates.trainable_parameters(facts.shapes, settings.r, targets, settings.modules_to_save or ())
    double_quant = isinstance(settings, QLoRAParameters) and settings.double_quant
    weights = estimates.weight_bytes(parameters, settings.torch_dtype, nf4=quantized, double_quant=double_quant)
    activations = estimates.activation_bytes(
        batch,
        text.max_seq_len,
        facts.hidden_size or 0,
        facts.blocks or 0,
        facts.vocabulary or 0,
        settings.torch_dtype,
        checkpointing=arguments.gradient_checkpointing,
    )
    memory = estimates.training_memory_bytes(weights, trainable, activations)
    tokens = _training_tokens(plan, settings, batch, accumulation)
    seconds = tokens * 6 * parameters / _speed(device, settings.torch_dtype) if tokens else None
    return Estimate(seconds, memory, estimates.adapter_bytes(trainable))


def _training_tokens(plan: Plan, settings: LoRAParameters, batch: int, accumulation: int) -> float | None:
    """Tokens that the training will see, from the rows on disk."""
    config = plan.workflow.data_config(settings.train_data_config)
    try:
        files = data.fingerprint_files(config, plan.config.folder)
    except RunError:
        return None
    loader = str(config.load_dataset_config.params.get("data_name") or "")
    rows = DiskFacts(plan.config.folder).dataset(tuple(map(str, files)), loader) if files else None
    if rows is None or not rows.complete:
        return None
    text = data.text_settings(config)
    total = sum(rows.text_bytes.values())
    each = {"strategy": text.strategy, "text_bytes": total, "max_seq_len": text.max_seq_len, "stride": text.stride}
    count = estimates.sequences(rows.rows, **each, max_samples=text.max_samples) or 1  # type: ignore[arg-type]
    if not settings.eval_data_config:
        count -= estimates.held_out(count, settings.eval_dataset_size)
    extra = settings.training_args.model_extra or {}
    per_epoch = estimates.steps_per_epoch(count, batch, accumulation)
    steps = estimates.total_steps(
        per_epoch, float(extra.get("num_train_epochs") or 3), int(extra.get("max_steps") or -1)
    )
    lengthy = text.strategy.startswith("join") or text.pad_to_max_len
    length = text.max_seq_len if lengthy else min(text.max_seq_len, estimates.tokens(total / max(rows.rows, 1)) + 10)
    return steps * estimates.effective_batch(batch, accumulation) * length


def _speed(device: Device, dtype: str) -> float:
    cores = device.count if device.kind == "cpu" else 1
    slower = FLOAT32_SPEED if device.kind == "cpu" and dtype == "float32" else 1.0
    return FLOPS[device.kind] * cores * slower
