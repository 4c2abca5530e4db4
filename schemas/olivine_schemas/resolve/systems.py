"""`systems`: machines with their accelerators as objects."""

from __future__ import annotations

from olivine_schemas.dialects import IGNORED, SYSTEM_ALIASES, SYSTEM_TYPES
from olivine_schemas.problems import Problem
from olivine_schemas.tree import Array, Member, Node, Object, Scalar, text_of

from .blocks import (
    Members,
    built,
    collected,
    given,
    ignored,
    leave_out,
    made,
    merged,
    node_of,
    renamed,
    respelled,
    typed,
)

_OWN = frozenset({"type"})


def resolve_systems(node: Node, problems: list[Problem]) -> Node:
    """The canonical form of the map of systems."""
    if not isinstance(node, Object):
        return node
    systems = {name: renamed(m, name, resolve_system(m.value, problems)) for name, m in given(node).items()}
    return built(systems, node.span)


def resolve_system(node: Node, problems: list[Problem]) -> Node:
    """The canonical form of one system: `{type, config}`."""
    if not isinstance(node, Object):
        return node
    own, config = collected(node, _OWN, "config", problems)
    alias = (text_of(own["type"].value) or "").lower() if "type" in own else ""
    own = respelled(own, "type", {**SYSTEM_TYPES, **SYSTEM_ALIASES})
    if "local_docker_config" in config:
        docker = config.pop("local_docker_config")
        config = merged(config, given(docker.value), problems)
    config = leave_out(config, IGNORED["system"], problems)
    if alias in SYSTEM_ALIASES and "accelerators" not in config:
        config["accelerators"] = made("accelerators", [{"device": "gpu"}], own["type"].value.span)
    if "accelerators" in config:
        config["accelerators"] = _accelerators(config["accelerators"])
    return typed(own, "config", config, node, node.member("config"))


def _accelerators(member: Member) -> Member:
    if not isinstance(member.value, Array):
        return member
    items = [_accelerator(item) for item in member.value.items]
    return renamed(member, member.name, Array(member.value.span, items))


def _accelerator(node: Node) -> Node:
    """A device by name is an accelerator of that device; devices are written in lower case."""
    device = text_of(node)
    if device is not None:
        return node_of({"device": device.lower()}, node.span)
    settings = given(node)
    device = text_of(settings["device"].value) if "device" in settings else None
    if device is not None and device != device.lower():
        written = settings["device"]
        settings["device"] = renamed(written, "device", Scalar(written.value.span, device.lower()))
    return built(settings, node.span) if isinstance(node, Object) else node


def give_providers(system: Object, providers: Member, problems: list[Problem]) -> Object:
    """The system with the engine's execution providers on every accelerator that names none."""
    config = given(system.get("config"))
    accelerators = config["accelerators"].value if "accelerators" in config else None
    items = accelerators.items if isinstance(accelerators, Array) else []
    lacking = [item for item in items if isinstance(item, Object) and item.get("execution_providers") is None]
    if items and not lacking:
        problems.append(ignored(providers, "the accelerators of the system name their own"))
        return system
    own = renamed(providers, "execution_providers")
    if items:
        full: list[Node] = [Object(item.span, [*item.members, own]) if item in lacking else item for item in items]
    else:
        full = [Object(providers.value.span, [own])]
    at = config.get("accelerators", providers)
    config["accelerators"] = renamed(at, "accelerators", Array(at.value.span, full))
    kept: Members = {name: member for name, member in given(system).items() if name != "config"}
    return typed(kept, "config", config, system, system.member("config"))
