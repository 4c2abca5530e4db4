"""What follows from the numbers of a training pass: the formulas of `estimates`, fed from config, data and model."""

from __future__ import annotations

from dataclasses import dataclass

from olivine_schemas import estimates
from olivine_schemas.facts import ModelFacts
from olivine_schemas.rules import Context
from olivine_schemas.rules.columns import column_settings, dataset, template_settings
from olivine_schemas.rules.model import input_model
from olivine_schemas.rules.reading import (
    DataConfig,
    PassEntry,
    data_configs,
    is_false,
    is_given,
    is_true,
    number,
    strings,
)
from olivine_schemas.rules.templates import placeholders
from olivine_schemas.tree import Node, Object, text_of


@dataclass(frozen=True)
class Figures:
    """The figures of one training pass; None where config or files do not tell."""

    batch: int
    accumulation: int
    effective_batch: int
    rows: int | None = None
    sequences: int | None = None
    """Sequences to train on, without what is held out."""
    exact: bool = True
    """Whether `sequences`, and what follows from it, is counted and not estimated."""
    steps_per_epoch: int | None = None
    total_steps: int | None = None
    trainable: int | None = None
    adapted: int = 0
    """Layers that get an adapter."""
    parameters: int | None = None
    memory: float | None = None
    """Peak of the training, in bytes."""


TRAINING_DEFAULTS = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "num_train_epochs": 3.0}
"""Of transformers.TrainingArguments."""


def figures(context: Context, entry: PassEntry) -> Figures:
    """The figures of a pass that trains an adapter."""
    arguments = entry.training
    batch = max(int(_number(arguments, "per_device_train_batch_size")), 1)
    accumulation = max(int(_number(arguments, "gradient_accumulation_steps")), 1)
    epochs = _number(arguments, "num_train_epochs")
    data = training_data(context, entry)
    rows, count, exact = _sequences(context, data) if data else (None, None, True)
    if count and not is_given(entry.config.get("eval_data_config")):
        count -= estimates.held_out(count, number(entry.config.get("eval_dataset_size")))
    per_epoch = estimates.steps_per_epoch(count, batch, accumulation) if count else None
    most = int(number(arguments.get("max_steps")) or -1)
    total = most if most > 0 else estimates.total_steps(per_epoch, epochs) if per_epoch else None
    model = input_model(context)
    trainable, adapted = _trainable(entry, model) if model else (None, 0)
    return Figures(
        batch,
        accumulation,
        estimates.effective_batch(batch, accumulation),
        rows,
        count,
        exact or most > 0,
        per_epoch,
        total,
        trainable,
        adapted,
        model.parameters if model else None,
        _memory(entry, data, model, trainable, batch) if model and trainable else None,
    )


def training_data(context: Context, entry: PassEntry) -> DataConfig | None:
    """The data config that a pass trains on."""
    name = text_of(entry.config.get("train_data_config"))
    return next((data for data in data_configs(context) if name and data.name == name), None)


def _number(arguments: Object, name: str) -> float:
    written = number(arguments.get(name))
    return written if written is not None else TRAINING_DEFAULTS[name]


def _sequences(context: Context, data: DataConfig) -> tuple[int | None, int | None, bool]:
    """Rows of the data on disk, sequences they become, and whether that is exact."""
    facts = dataset(context, data)
    if facts is None or facts.unreadable or not facts.rows or not facts.complete:
        return None, None, True
    if data.load.get("col_filters") is not None or "[" in (text_of(data.load.get("split")) or ""):
        return facts.rows, None, True
    strategy = text_of(data.text.get("strategy")) or "join"
    pair = text_of(data.text.get("dataset_type")) == "pair"
    template = template_settings(data)
    named = [str(node.value) for node in column_settings(data)]
    columns = (placeholders(str(template[0].value)) or [] if template else named) or list(facts.text_bytes)
    around = len(str(template[0].value).encode()) if template else 1
    size = sum(facts.text_bytes.get(column, 0) for column in columns) + around * facts.rows
    count = estimates.sequences(
        facts.rows,
        "line-by-line" if pair else strategy,
        text_bytes=size,
        max_seq_len=_length(data),
        stride=_whole(data.text.get("stride")),
        max_samples=_whole(data.text.get("max_samples")),
    )
    return facts.rows, count, pair or not strategy.startswith("join")


def _length(data: DataConfig | None) -> int:
    return (_whole(data.text.get("max_seq_len")) if data else None) or 1024


def _whole(node: Node | None) -> int | None:
    value = number(node)
    return int(value) if value is not None and value > 0 else None


def _trainable(entry: PassEntry, model: ModelFacts) -> tuple[int | None, int]:
    """Weights that are trained and layers that are adapted; None where it depends on what the files do not tell."""
    written = entry.config.get("target_modules")
    modules = [str(node.value) for node in strings(written)]
    if not is_given(written):
        modules = list(estimates.default_modules(model.model_type, qlora=entry.type == "QLoRA"))
    saved = [str(node.value) for node in strings(entry.config.get("modules_to_save"))]
    layers = estimates.adapted_layers(model.shapes, modules)
    r = _whole(entry.config.get("r")) if is_given(entry.config.get("r")) else 64
    if not layers or r is None:  # a search tries several
        return None, 0
    return estimates.trainable_parameters(model.shapes, r, modules, saved), len(layers)


def _memory(entry: PassEntry, data: DataConfig | None, model: ModelFacts, trainable: int, batch: int) -> float | None:
    if not (model.parameters and model.hidden_size and model.blocks and model.vocabulary):
        return None
    dtype = text_of(entry.config.get("torch_dtype")) or "bfloat16"
    weights = estimates.weight_bytes(
        model.parameters, dtype, nf4=entry.type == "QLoRA", double_quant=is_true(entry.config.get("double_quant"))
    )
    activations = estimates.activation_bytes(
        batch,
        _length(data),
        model.hidden_size,
        model.blocks,
        model.vocabulary,
        dtype,
        checkpointing=not is_false(entry.training.get("gradient_checkpointing")),
    )
    return estimates.training_memory_bytes(weights, trainable, activations)


def size(count: float) -> str:
    """Bytes in words: `1.5 GB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} bytes"


def short(count: float) -> str:
    """A count in words: `1.5 M`."""
    for unit, factor in (("B", 1e9), ("M", 1e6), ("k", 1e4)):
        if count >= factor:
            return f"{count / (1e3 if unit == 'k' else factor):.3g} {unit}"
    return f"{count:,.0f}"
