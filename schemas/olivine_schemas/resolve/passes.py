"""`passes`: every name a list of `{type, host, evaluator, config}`, in the order in which they run."""

from __future__ import annotations

from olivine_schemas.dialects import (
    FINE_TUNING,
    IGNORED,
    OLD_FINE_TUNING,
    OLD_MAX_STEPS,
    OLD_TRAINING_ARGS,
    PASS_TYPES,
    RENAMED,
    RENAMED_VALUES,
)
from olivine_schemas.problems import Problem, Span
from olivine_schemas.tree import Array, Member, Node, Object, Scalar, text_of

from .blocks import (
    Members,
    built,
    collected,
    given,
    ignored,
    leave_out,
    rename,
    rename_value,
    renamed,
    respelled,
    typed,
    with_defaults,
)
from .evaluators import resolve_evaluator
from .systems import resolve_system

_OWN = frozenset({"type", "host", "evaluator", "clean_run_cache", "disable_search", *IGNORED["pass"]})
_QUIETLY_SPELLED = {name: today for name, today in PASS_TYPES.items() if name == today.lower()}


def resolve_passes(node: Node, old: bool, problems: list[Problem]) -> Node:
    """The canonical form of the map of passes."""
    if not isinstance(node, Object):
        return node
    result: Members = {}
    for name, member in given(node).items():
        written = member.value.items if isinstance(member.value, Array) else [member.value]
        entries: list[Node] = [_entry(entry, old, problems) for entry in written if isinstance(entry, Object)]
        if entries:
            result[name] = renamed(member, name, Array(member.value.span, entries))
    return built(result, node.span)


def _entry(node: Object, old: bool, problems: list[Problem]) -> Object:
    own, config = collected(node, _OWN, "config", problems)
    own = _today(respelled(own, "type", _QUIETLY_SPELLED), problems)
    own = leave_out(own, IGNORED["pass"], problems)
    own.pop("disable_search", None)  # kept Olive from searching values that nobody wrote, and Olivine never does
    kind = text_of(own["type"].value) if "type" in own else None
    if kind in FINE_TUNING:
        config = _fine_tuning(config, old, own["type"].key.span, problems)
    if kind == "LoRA":
        config = leave_out(config, IGNORED["lora"], problems)
    if kind == "ModelBuilder" and "extra_options" in config:
        config["extra_options"] = _builder_options(config["extra_options"], problems)
    for name, resolve in (("host", resolve_system), ("evaluator", resolve_evaluator)):
        if name in own:
            own[name] = renamed(own[name], name, resolve(own[name].value, problems))
    return typed(own, "config", config, node, node.member("config"))


def _today(own: Members, problems: list[Problem]) -> Members:
    """The pass type under its name of today."""
    written = text_of(own["type"].value) if "type" in own else None
    today = PASS_TYPES.get(written.lower()) if written else None
    return rename_value(own, "type", {written: today}, problems) if written and today and written != today else own


def _builder_options(member: Member, problems: list[Problem]) -> Member:
    """The builder's own options under its own names; those with `int4_` in front are the pass's."""
    if not isinstance(member.value, Object):
        return member
    options = rename(given(member.value), RENAMED["builder_options"], problems)
    return renamed(member, member.name, built(options, member.value.span))


def _fine_tuning(config: Members, old: bool, at: Span, problems: list[Problem]) -> Members:
    config = rename(config, RENAMED["fine_tuning"], problems)
    arguments = config.get("training_args")
    if arguments and isinstance(arguments.value, Object):
        settings = _training_args(arguments.value, problems)
        settings = _old_training(settings, arguments.key.span) if old else settings
        config["training_args"] = renamed(arguments, "training_args", built(settings, arguments.value.span))
    elif old and arguments is None:
        config["training_args"] = Member(Scalar(at, "training_args"), built(_old_training({}, at), at))
    return with_defaults(config, OLD_FINE_TUNING, at) if old else config


def _training_args(node: Object, problems: list[Problem]) -> Members:
    _, settings = collected(node, frozenset(), "extra_args", problems)
    settings = rename(settings, RENAMED["training_args"], problems)
    settings = rename_value(settings, "optim", RENAMED_VALUES["optim"], problems)
    return leave_out(settings, IGNORED["training_args"], problems)


def _old_training(settings: Members, at: Span) -> Members:
    bounded = "max_steps" in settings or "num_train_epochs" in settings
    length = {} if bounded else {"max_steps": OLD_MAX_STEPS}
    return with_defaults(settings, {**length, **OLD_TRAINING_ARGS}, at)


def in_flow(passes: Node, flow: Array, problems: list[Problem]) -> Node:
    """The passes that the only flow names, in its order."""
    if not isinstance(passes, Object):
        return passes
    names = [text_of(item) for item in flow.items]
    by_name = given(passes)
    for name, member in by_name.items():
        if name not in names:
            problems.append(ignored(member, "pass_flows does not name this pass, so it does not run"))
    return Object(passes.span, [by_name[name] for name in dict.fromkeys(names) if name in by_name])
