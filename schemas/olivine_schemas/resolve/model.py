"""`input_model`: a PyTorchModel with `hf_config` is an HfModel today."""

from __future__ import annotations

from olivine_schemas.dialects import HF_CONFIG_TYPES, IGNORED, MODEL_TYPES, RENAMED, RESOURCE_TYPES
from olivine_schemas.problems import Problem
from olivine_schemas.tree import Member, Node, Object, Scalar, text_of, to_data

from .blocks import (
    Members,
    built,
    collected,
    given,
    ignored,
    leave_out,
    merged,
    old_form,
    rename,
    renamed,
    respelled,
    typed,
)

_OWN = frozenset({"type"})


def resolve_model(node: Node, problems: list[Problem]) -> Node:
    """The canonical form of an input model: `{type, config}`."""
    if not isinstance(node, Object):
        return node
    own, config = collected(node, _OWN, "config", problems)
    own = respelled(own, "type", MODEL_TYPES)
    kind = text_of(own["type"].value) if "type" in own else "PyTorchModel"
    hf = config.get("hf_config")
    # A model with a loader of its own never was a plain Hugging Face model, whatever else it says.
    if hf and kind in HF_CONFIG_TYPES and "model_loader" not in config and isinstance(hf.value, Object):
        problems.append(old_form(hf, "an HfModel with model_path, task and load_kwargs"))
        written = own.get("type")
        at = written.value.span if written else hf.key.span
        own = {"type": renamed(written or hf, "type", Scalar(at, "HfModel"))}
        kind = "HfModel"
        config = _unfolded(config, hf.value, problems)
    if kind == "HfModel":
        config = rename(config, RENAMED["model"], problems)
    for name in ("model_path", "adapter_path"):
        if name in config:
            config[name] = renamed(config[name], name, resolve_path(config[name].value, problems))
    if "load_kwargs" in config:
        config["load_kwargs"] = _load_kwargs(config["load_kwargs"], problems)
    return typed(own, "config", config, node, node.member("config"))


def resolve_path(node: Node, problems: list[Problem]) -> Node:
    """The canonical form of a path: a string as it is, `{type, config}` for one whose kind is said."""
    kind = text_of(node.get("type")) if isinstance(node, Object) else None
    if not isinstance(node, Object) or kind is None or kind.lower() not in RESOURCE_TYPES:
        return node
    own, config = collected(node, _OWN, "config", problems)
    own = respelled(own, "type", {name: name for name in RESOURCE_TYPES})
    return typed(own, "config", config, node, node.member("config"))


def _unfolded(config: Members, hf: Object, problems: list[Problem]) -> Members:
    """`hf_config` and what stood beside it, as the settings of an HfModel."""
    inside = leave_out(given(hf), IGNORED["hf_config"], problems)
    today = {"model_name": "model_path", "feature": "task", **RENAMED["model"]}
    settings: Members = {}
    for name, member in inside.items():
        settings.setdefault(today.get(name, name), renamed(member, today.get(name, name)))
    beside = leave_out({n: m for n, m in config.items() if n != "hf_config"}, IGNORED["hf_model"], problems)
    if "model_path" in beside and "model_name" in inside:
        if to_data(beside["model_path"].value) != to_data(inside["model_name"].value):
            problems.append(ignored(inside["model_name"], "weights, configuration and tokenizer come from model_path"))
        del settings["model_path"]
    return merged(settings, beside, problems)


def _load_kwargs(member: Member, problems: list[Problem]) -> Member:
    if not isinstance(member.value, Object):
        return member
    _, settings = collected(member.value, frozenset(), "extra_args", problems)
    return renamed(member, member.name, built(settings, member.value.span))
