"""The input model, for rules that ask about its files."""

from __future__ import annotations

from olivine_schemas.facts import ModelFacts
from olivine_schemas.tree import Node, child, text_of

from .rule import Context


def model_path(context: Context) -> Node | None:
    """The node with the input model's path or hub name, also where it is written as a resource."""
    node = child(context.workflow, "input_model", "config", "model_path")
    if text_of(node) is not None:
        return node
    if text_of(child(node, "type")) in ("file", "folder", "string_name", "local_file", "local_folder"):
        return child(node, "config", "path") or child(node, "config", "name")
    return None


def input_model(context: Context) -> ModelFacts | None:
    """What is known of the input model's files."""
    path = text_of(model_path(context))
    return context.facts.model(path) if path else None
