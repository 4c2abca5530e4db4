"""`evaluators`: metrics with their settings gathered."""

from __future__ import annotations

from olivine_schemas.dialects import RENAMED_VALUES
from olivine_schemas.problems import Problem
from olivine_schemas.tree import Array, Node, Object

from .blocks import built, collected, given, rename_value, renamed, typed

_EVALUATOR = frozenset({"type", "metrics"})
_METRIC = frozenset({"name", "type", "backend", "sub_types", "data_config"})


def resolve_evaluators(node: Node, problems: list[Problem]) -> Node:
    """The canonical form of the map of evaluators."""
    if not isinstance(node, Object):
        return node
    found = {name: renamed(m, name, resolve_evaluator(m.value, problems)) for name, m in given(node).items()}
    return built(found, node.span)


def resolve_evaluator(node: Node, problems: list[Problem]) -> Node:
    """The canonical form of one evaluator: `{type, metrics, type_args}`."""
    if not isinstance(node, Object):
        return node
    own, type_args = collected(node, _EVALUATOR, "type_args", problems)
    metrics = own.get("metrics")
    if metrics and isinstance(metrics.value, Array):
        items = [_metric(item, problems) for item in metrics.value.items]
        own["metrics"] = renamed(metrics, "metrics", Array(metrics.value.span, items))
    return typed(own, "type_args", type_args, node, node.member("type_args"))


def _metric(node: Node, problems: list[Problem]) -> Node:
    if not isinstance(node, Object):
        return node
    own, user_config = collected(node, _METRIC, "user_config", problems)
    sub_types = own.get("sub_types")
    if sub_types and isinstance(sub_types.value, Array):
        items = [_sub_type(item, problems) for item in sub_types.value.items]
        own["sub_types"] = renamed(sub_types, "sub_types", Array(sub_types.value.span, items))
    return typed(own, "user_config", user_config, node, node.member("user_config"))


def _sub_type(node: Node, problems: list[Problem]) -> Node:
    if not isinstance(node, Object):
        return node
    return built(rename_value(given(node), "name", RENAMED_VALUES["sub_type"], problems), node.span)
