"""What names and numbers of a config stand for, in words: hover shows it, inlay hints in short."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from olivine_schemas import estimates
from olivine_schemas.rules import Context
from olivine_schemas.rules.columns import dataset
from olivine_schemas.rules.model import input_model
from olivine_schemas.rules.reading import (
    ADAPTERS,
    DataConfig,
    PassEntry,
    accelerators,
    data_configs,
    data_files,
    items,
    passes,
    providers,
)
from olivine_schemas.tree import Object, child, text_of

from .figures import Figures, figures, short, size

COLUMNS = 12
"""Columns that are named."""


def summary(context: Context, table: str, name: str) -> Iterator[str]:
    """The data config, system, evaluator or pass of a name."""
    if table == "data_configs":
        for data in data_configs(context):
            if data.name == name:
                yield from _data(context, data)
    elif table == "passes":
        yield from _pass(context, [entry for entry in passes(context) if entry.name == name])
    else:
        found = child(context.workflow, table, name)
        if isinstance(found, Object):
            yield _system(found) if table == "systems" else _evaluator(found)


def _data(context: Context, data: DataConfig) -> Iterator[str]:
    files = [f"`{node.value}`" for node in data_files(data)]
    name = text_of(data.load.get("data_name"))
    source = ", ".join(files) or (f"`{name}`" if name else "no files named")
    strategy = text_of(data.text.get("strategy"))
    yield f"Data config **{data.name}**: {source}" + (f", {strategy}" if strategy else "")
    yield from rows(context, data)


def rows(context: Context, data: DataConfig) -> Iterator[str]:
    """Rows and columns of the data on disk."""
    facts = dataset(context, data)
    if facts is None:
        return
    if facts.unreadable:
        yield f"It cannot be read: {facts.unreadable}"
        return
    more = "" if facts.complete else "more than "
    columns = ", ".join(f"`{name}`" for name in facts.columns[:COLUMNS])
    rest = f" and {len(facts.columns) - COLUMNS} more" if len(facts.columns) > COLUMNS else ""
    yield f"{more}{facts.rows:,} rows with columns {columns}{rest}"


def _system(system: Object) -> str:
    devices = [text_of(one.get("device")) for one in accelerators(system)]
    drivers = [str(node.value) for node in providers(system)]
    compute = text_of(child(system, "config", "aml_compute"))
    parts = [text_of(system.get("type")) or "System", *(f"`{device}`" for device in devices if device)]
    parts += [f"`{name}`" for name in drivers] + ([f"compute `{compute}`"] if compute else [])
    return " · ".join(parts)


def _evaluator(evaluator: Object) -> str:
    metrics = [
        text_of(child(metric, "name")) or text_of(child(metric, "type")) for metric in items(evaluator.get("metrics"))
    ]
    return "Measures " + (", ".join(f"`{name}`" for name in metrics if name) or "nothing yet")


def _pass(context: Context, entries: list[PassEntry]) -> Iterator[str]:
    kinds = [f"`{entry.type}`" for entry in entries if entry.type]
    if kinds:
        yield f"Pass **{entries[0].name}**: {' or '.join(kinds)}"
    for entry in entries:
        if entry.type in ADAPTERS:
            of = figures(context, entry)
            yield from (*length(of), *adapter(of))


def model(context: Context) -> Iterator[str]:
    """The input model's files, and what becomes of it."""
    facts = input_model(context)
    if facts is None:
        return
    parts = [facts.model_type or "model"]
    parts += [f"{short(facts.parameters)} parameters"] if facts.parameters else []
    parts += [facts.dtype] if facts.dtype else []
    parts += [f"up to {facts.max_positions:,} tokens"] if facts.max_positions else []
    yield " · ".join(parts)
    yield from built(context)


def built(context: Context) -> Iterator[str]:
    """Size of the int4 model, and the memory that building it takes."""
    facts = input_model(context)
    if facts is not None and facts.parameters:
        embedding = (facts.vocabulary or 0) * (facts.hidden_size or 0)
        parameters = estimates.onnx_parameters(facts.parameters, embedding, tied=facts.tied_embeddings)
        yield (
            f"As int4 about {size(estimates.int4_bytes(parameters, embedding))} for a CPU; "
            f"building takes about {size(estimates.build_memory_bytes(facts.parameters))} of memory."
        )


def batch(of: Figures) -> Iterator[str]:
    """The effective batch."""
    yield (
        f"Effective batch: {of.batch} × {of.accumulation} = **{of.effective_batch}** sequences a step"
        " (`per_device_train_batch_size` × `gradient_accumulation_steps`)"
    )
    yield from length(of)


def length(of: Figures) -> Iterator[str]:
    """How long the training is."""
    about = "" if of.exact else "about "
    if of.steps_per_epoch and of.sequences:
        yield (f"An epoch: {of.sequences:,} sequences / {of.effective_batch} = {about}**{of.steps_per_epoch:,}** steps")
    if of.total_steps:
        epochs = f" = {of.total_steps / of.steps_per_epoch:.3g} epochs" if of.steps_per_epoch else ""
        yield f"Training: {about}**{of.total_steps:,}** steps{epochs}"


def adapter(of: Figures) -> Iterator[str]:
    """What is trained, how large it is, and what memory the training takes."""
    if of.trainable:
        share = f" ({of.trainable / of.parameters:.2%} of {short(of.parameters)})" if of.parameters else ""
        yield (
            f"Trainable: **{short(of.trainable)}** parameters{share} in {of.adapted} layers, "
            f"adapter {size(estimates.adapter_bytes(of.trainable))}"
        )
    yield from memory(of)


def memory(of: Figures) -> Iterator[str]:
    """What memory the training takes."""
    if of.memory:
        yield f"Training takes about {size(of.memory)} of memory."


def batch_and_memory(of: Figures) -> Iterator[str]:
    """The effective batch, and what memory the training takes."""
    yield from batch(of)
    yield from memory(of)


FIGURES: dict[str, Callable[[Figures], Iterator[str]]] = {
    "per_device_train_batch_size": batch_and_memory,
    "gradient_accumulation_steps": batch,
    "num_train_epochs": length,
    "max_steps": length,
    **dict.fromkeys(("r", "lora_r", "target_modules", "modules_to_save"), adapter),
    **dict.fromkeys(("torch_dtype", "gradient_checkpointing", "double_quant", "quant_type"), memory),
}
"""What is told beside a setting of a training pass, by its key."""
