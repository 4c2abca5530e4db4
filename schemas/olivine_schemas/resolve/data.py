"""`data_configs`: a list of sources, each with up to four components `{type, params}`."""

from __future__ import annotations

from dataclasses import dataclass

from olivine_schemas.dialects import (
    COMPONENTS,
    CONTAINERS,
    IGNORED,
    OLD_TEXT_GENERATION,
    POOLED,
    RENAMED,
    TEXT_GENERATION_KEYS,
)
from olivine_schemas.edits import rename_key, replace_value
from olivine_schemas.problems import Fix, Problem, Span
from olivine_schemas.tree import Array, Member, Missing, Node, Object, Scalar, child, text_of, to_data

from .blocks import (
    Members,
    built,
    collected,
    given,
    ignored,
    leave_out,
    merged,
    old_form,
    old_name,
    rename,
    renamed,
    respelled,
    typed,
    with_defaults,
)
from .model import resolve_path

_OWN = frozenset({"type"})
_TODAY = "load_dataset_config, pre_process_data_config, post_process_data_config and dataloader_config"


@dataclass(frozen=True)
class Source:
    """What a data config takes from the rest of the document."""

    old: bool
    model: Node | None
    """Canonical input model."""


def resolve_data_configs(member: Member, source: Source, problems: list[Problem]) -> Node:
    """The canonical form of the data configs: a list; before 0.6 it was a map whose keys are the names."""
    node = member.value
    if isinstance(node, Object):
        if node.members:
            problems.append(old_form(member, "a list of data configs, each with its name"))
        items = [_data_config(_with_name(m, problems), source, problems) for m in given(node).values()]
        return Array(node.span, items)
    if isinstance(node, Array):
        return Array(node.span, [_data_config(item, source, problems) for item in node.items])
    return node


def _with_name(member: Member, problems: list[Problem]) -> Node:
    """The entry of a map with its key as its name, because that is what passes refer to."""
    if not isinstance(member.value, Object):
        return member.value
    inner = member.value.member("name")
    if inner and to_data(inner.value) != member.name:
        problems.append(ignored(inner, f'passes refer to "{member.name}"'))
    rest = [m for m in member.value.members if m.name != "name"]
    return Object(member.value.span, [Member(Scalar(member.key.span, "name"), member.key), *rest])


def _data_config(node: Node, source: Source, problems: list[Problem]) -> Node:
    if not isinstance(node, Object):
        return node
    written = respelled(given(node), "type", CONTAINERS)
    old_blocks = [written[key] for key in ("params_config", "components") if key in written]
    if old_blocks:
        problems.append(old_form(old_blocks[0], _TODAY))
    components = _unlabelled(written["components"].value) if "components" in written else {}
    pool = given(written["params_config"].value) if "params_config" in written else {}
    kwargs = given(pool.pop("component_kwargs").value) if "component_kwargs" in pool else {}
    pools = _poured(pool, text_of(written["type"].value) if "type" in written else None)

    result: Members = {}
    for name, member in written.items():
        if name not in ("params_config", "components") and name.removesuffix("_config") not in COMPONENTS:
            result[name] = member
    for slot in COMPONENTS:
        today = f"{slot}_config"
        layers = [components.get(slot), pools.get(slot), kwargs.get(slot), written.get(today)]
        present = [layer for layer in layers if layer is not None]
        if present:
            result[today] = _component(slot, present, "user_script" in written, source, problems)
    return built(result, node.span)


def _unlabelled(components: Node) -> Members:
    """The old components without their `name`, which was a label that nothing referred to."""
    result = given(components)
    for slot, member in result.items():
        if isinstance(member.value, Object):
            rest = [part for part in member.value.members if part.name != "name"]
            result[slot] = renamed(member, slot, Object(member.value.span, rest))
    return result


def _poured(pool: Members, container: str | None) -> dict[str, Member]:
    """The parameters of the old pool as one member for each component that they are for."""
    own_loader = container is not None and ("Dummy" in container or container == "RawDataContainer")
    slots: dict[str, Members] = {}
    for name, member in pool.items():
        slot = POOLED.get(name, "load_dataset" if own_loader else "pre_process_data")
        slots.setdefault(slot, {})[name] = member
    result = {}
    for slot, members in slots.items():
        spans = [member.value.span for member in members.values()]
        first = next(iter(members.values()))
        params = built(members, Span(first.key.span.start, max(span.end for span in spans)))
        # Nested, so that a parameter called "type" is not taken for the component's type.
        value = Object(params.span, [Member(Scalar(first.key.span, "params"), params)])
        result[slot] = Member(Scalar(first.key.span, slot), value)
    return result


def _component(slot: str, layers: list[Member], scripted: bool, source: Source, problems: list[Problem]) -> Member:
    """One component out of its layers, of which the later ones count more."""
    last = layers[-1]
    if not isinstance(last.value, Object):
        return renamed(last, f"{slot}_config")
    own: Members = {}
    params: Members = {}
    for layer in layers:
        if isinstance(layer.value, Object):
            mine, flat = collected(layer.value, _OWN, "params", problems)
            own, params = merged(own, mine, problems), merged(params, flat, problems)
    if slot == "load_dataset" and "data_files" in params:
        files = params["data_files"]
        params["data_files"] = renamed(files, "data_files", resolve_path(files.value, problems))
    if slot == "pre_process_data" and not (scripted and "type" in own):
        params = _pre_process(params, own, source, last.key.span, problems)
    component = typed(own, "params", params, last.value, last.value.member("params"))
    return renamed(last, f"{slot}_config", component)


def _pre_process(params: Members, own: Members, source: Source, at: Span, problems: list[Problem]) -> Members:
    """Parameters of Olive's own pre-processing in today's names, with the old defaults where the document is old."""
    params = rename(_one_label(params, problems), RENAMED["pre_process_data"], problems)
    kind = (text_of(own["type"].value) or "").lower() if "type" in own else ""
    if kind != "text_generation_huggingface_pre_process" and (kind or not TEXT_GENERATION_KEYS & params.keys()):
        return params
    params = _without_model(params, source, problems)
    dataset_type = text_of(params["dataset_type"].value) if "dataset_type" in params else None
    if dataset_type == "corpus":
        del params["dataset_type"]  # the only kind that Microsoft Olive has left, so no word for it
    return with_defaults(params, OLD_TEXT_GENERATION, at) if source.old and dataset_type != "pair" else params


def _without_model(params: Members, source: Source, problems: list[Problem]) -> Members:
    """Without what the input model says of the model; saying the same again is no loss."""
    said = {
        "model_name": child(source.model, "config", "model_path"),
        "task": child(source.model, "config", "task"),
        "trust_remote_code": child(source.model, "config", "load_kwargs", "trust_remote_code"),
    }
    same = {name for name, node in said.items() if name in params and to_data(params[name].value) == to_data(node)}
    params = {name: member for name, member in params.items() if name not in same}
    return leave_out(params, IGNORED["text_generation"], problems)


def _one_label(params: Members, problems: list[Problem]) -> Members:
    """`label_cols`, a list that only ever had one use, is `label_col`."""
    cols = params.get("label_cols")
    if cols is None or "label_col" in params or not isinstance(cols.value, Array) or not cols.value.items:
        return params
    first, *others = cols.value.items
    if isinstance(first, Missing):
        return params
    if others:
        problems.append(ignored(cols, "one label column is used, the first"))
    else:
        edits = rename_key(cols, "label_col") + replace_value(cols.value, to_data(first))
        message = '"label_cols": [column] is written "label_col": column today'
        problems.append(old_name(cols.key.span, message, Fix('Change to "label_col"', edits)))
    return {**{n: m for n, m in params.items() if n != "label_cols"}, "label_col": renamed(cols, "label_col", first)}
