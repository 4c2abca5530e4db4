"""How rules read the canonical tree: passes, data configs, systems, and values of the right type.

Everything here answers None, or leaves out, where the config has the wrong type: the schema has reported that already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from olivine_schemas.dialects import TEXT_GENERATION_KEYS
from olivine_schemas.nearest import slip
from olivine_schemas.problems import Span
from olivine_schemas.tree import Array, Member, Node, Object, Scalar, child, text_of

from .rule import Context, once

ADAPTERS = frozenset({"LoRA", "QLoRA", "DoRA", "LoHa", "LoKr", "LoftQ"})
"""Passes that train an adapter."""
LOCAL_LOADERS = frozenset({"json", "csv", "parquet", "text"})
"""Loaders of `datasets` that read files of one's own."""


@dataclass(frozen=True)
class PassEntry:
    """One pass, or one of the alternatives under a name."""

    name: str
    key: Scalar
    node: Object
    config: Object

    @property
    def type(self) -> str | None:
        return text_of(self.node.get("type"))

    @property
    def training(self) -> Object:
        return object_at(self.config, "training_args")


@dataclass(frozen=True)
class DataConfig:
    """One entry of data_configs: `load` and `text` are the parameters of loading and of pre-processing."""

    node: Object
    load: Object
    text: Object

    @cached_property
    def name(self) -> str | None:
        return text_of(self.node.get("name"))

    @cached_property
    def loader(self) -> str | None:
        """Name of the loader where it reads files of one's own, else None."""
        name = text_of(self.load.get("data_name"))
        if name not in LOCAL_LOADERS:
            return None
        kind = text_of(child(self.node, "load_dataset_config", "type")) or "huggingface_dataset"
        return name if kind.lower() == "huggingface_dataset" else None

    @cached_property
    def is_text_generation(self) -> bool:
        """Whether rows become text for a causal language model: said, or seen from the settings."""
        kind = text_of(child(self.node, "pre_process_data_config", "type"))
        if kind is not None:
            return kind.lower() == "text_generation_huggingface_pre_process"
        return any(member.name in TEXT_GENERATION_KEYS for member in self.text.members)


def object_at(node: Node | None, *path: str | int) -> Object:
    """The object at a path, or an empty one."""
    found = child(node, *path)
    return found if isinstance(found, Object) else Object(Span(0, 0))


def items(node: Node | None) -> list[Node]:
    """The items of a list, else nothing."""
    return node.items if isinstance(node, Array) else []


def number(node: Node | None) -> float | None:
    """The value of a number."""
    value = node.value if isinstance(node, Scalar) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def is_true(node: Node | None) -> bool:
    """Whether the value is true."""
    return isinstance(node, Scalar) and node.value is True


def is_false(node: Node | None) -> bool:
    """Whether the value is false."""
    return isinstance(node, Scalar) and node.value is False


def is_given(node: Node | None) -> bool:
    """Whether there is a value other than null."""
    return node is not None and not (isinstance(node, Scalar) and node.value is None)


def strings(node: Node | None) -> list[Scalar]:
    """A string, or the strings of a list."""
    nodes = [node, *items(node)]
    return [n for n in nodes if isinstance(n, Scalar) and isinstance(n.value, str)]


@once
def passes(context: Context) -> list[PassEntry]:
    """Every pass entry, in the order written."""
    return [entry for step in steps(context) for entry in step]


@once
def steps(context: Context) -> list[list[PassEntry]]:
    """The passes by name, each with its alternatives."""
    return [_alternatives(member) for member in object_at(context.workflow, "passes").members]


def _alternatives(member: Member) -> list[PassEntry]:
    entries = items(member.value) or [member.value]
    return [
        PassEntry(member.name, member.key, entry, object_at(entry, "config"))
        for entry in entries
        if isinstance(entry, Object)
    ]


@once
def flows(context: Context) -> list[list[list[PassEntry]]]:
    """The sequences of steps that run: one for each list of pass_flows, else all passes in order."""
    by_name = {step[0].name: step for step in steps(context) if step}
    written = [flow for flow in items(child(context.workflow, "engine", "pass_flows")) if isinstance(flow, Array)]
    if not written:
        return [list(by_name.values())]
    return [[by_name[str(name.value)] for name in strings(flow) if name.value in by_name] for flow in written]


def has_flows(context: Context) -> bool:
    """Whether pass_flows, and not the order of the passes, says what runs when."""
    places = (child(context.tree, "pass_flows"), child(context.tree, "engine", "pass_flows"))
    return any(is_given(place) for place in places)


@once
def data_configs(context: Context) -> list[DataConfig]:
    """The data configs, in the order written."""
    return [
        DataConfig(
            node,
            object_at(node, "load_dataset_config", "params"),
            object_at(node, "pre_process_data_config", "params"),
        )
        for node in items(context.workflow.get("data_configs"))
        if isinstance(node, Object)
    ]


@once
def is_sound(context: Context, table: str) -> bool:
    """Whether the names in a table are known: where it is misspelt or of a wrong type, that is told, and only that."""
    written = context.tree.get(table)
    if written is None:
        return not any(slip(member.name, [table]) for member in context.tree.members)
    if table != "data_configs":
        return isinstance(written, Object)
    entries = context.workflow.get(table)
    return isinstance(entries, Array) and all(text_of(child(entry, "name")) for entry in entries.items)


@once
def names(context: Context, table: str) -> list[str]:
    """The names that a reference to `data_configs`, `systems`, `evaluators` or `passes` may use."""
    if table == "data_configs":
        return [config.name for config in data_configs(context) if config.name]
    return [member.name for member in object_at(context.workflow, table).members]


@once
def data_references(context: Context) -> list[Scalar]:
    """Every string that names a data config: in passes and in metrics."""
    return list(_data_references(context))


def _data_references(context: Context) -> Iterator[Scalar]:
    for entry in passes(context):
        yield from references_in(entry.config)
    for evaluator in object_at(context.workflow, "evaluators").members:
        yield from _metric_references(evaluator.value)
    yield from _metric_references(object_at(context.workflow, "engine", "evaluator"))


def _metric_references(evaluator: Node) -> Iterator[Scalar]:
    for metric in items(child(evaluator, "metrics")):
        if isinstance(metric, Object):
            yield from references_in(metric)


def references_in(node: Object) -> Iterator[Scalar]:
    """The strings of a pass or metric that name a data config."""
    for member in node.members:
        if member.name.endswith("data_config") and isinstance(member.value, Scalar) and text_of(member.value):
            yield member.value


def system(context: Context, reference: Node | None) -> Object | None:
    """The system that a host or target setting means: named, or written in place."""
    if isinstance(reference, Object):
        return reference
    name = text_of(reference)
    found = child(context.workflow, "systems", name) if name else None
    return found if isinstance(found, Object) else None


def runs_here(context: Context, entry: PassEntry) -> bool:
    """Whether a pass runs on this machine; not where its host is a name that dangles."""
    own = entry.node.get("host")
    reference = own if is_given(own) else child(context.workflow, "engine", "host")
    return not is_given(reference) or is_local(system(context, reference))


def accelerators(of: Object | None) -> list[Object]:
    """The accelerators of a system."""
    return [a for a in items(child(of, "config", "accelerators")) if isinstance(a, Object)]


def providers(of: Object | None) -> list[Scalar]:
    """The nodes that name execution providers of a system; of a provider with library path, the name."""
    found: list[Scalar] = []
    for accelerator in accelerators(of):
        for provider in items(accelerator.get("execution_providers")):
            name = provider.items[0] if isinstance(provider, Array) and provider.items else provider
            found += [name] if isinstance(name, Scalar) and isinstance(name.value, str) else []
    return found


def is_local(of: Object | None) -> bool:
    """Whether a system is this machine."""
    return of is not None and text_of(of.get("type")) == "LocalSystem"


def data_files(data: DataConfig) -> list[Scalar]:
    """The nodes that name files of the split that is loaded; nothing where that cannot be told from the config."""
    written = data.load.get("data_files")
    if isinstance(written, Object):
        written = written.get(split_names(data)[0]) if len(split_names(data)) == 1 else None
    return [node for node in strings(written) if is_plain_path(str(node.value))]


def split_names(data: DataConfig) -> list[str]:
    """The splits that `split` names, without slices; validation by default."""
    written = data.load.get("split")
    text = text_of(written) if is_given(written) else "validation"
    return [part.split("[")[0].strip() for part in text.split("+")] if text else []


def promised_splits(data: DataConfig) -> list[str]:
    """The splits that the config itself promises; empty where it does not tell."""
    if data.loader is None:
        return []
    files = data.load.get("data_files")
    if isinstance(files, Object):
        return [] if text_of(files.get("type")) else [member.name for member in files.members]
    return ["train"] if strings(files) else []


def is_plain_path(path: str) -> bool:
    """Whether a string is a path on this machine: no URL, no pattern, nothing left to fill in."""
    return bool(path) and "://" not in path and not any(mark in path for mark in "*?[]{}<>$%\n")
