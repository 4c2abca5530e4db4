"""What `builder-without-merge` and `qlora-then-builder` share: a ModelBuilder that gets an unmerged adapter."""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Fix
from olivine_schemas.tree import Node

from .order import Turn, insert_merge, move_before, turns
from .rule import Context


def unmerged(context: Context) -> Iterator[tuple[Turn, Node, Fix | None]]:
    """Each ModelBuilder that gets an adapter not merged, with its type node and the repair."""
    for turn in turns(context):
        node = turn.entry.node.get("type")
        if turn.entry.type != "ModelBuilder" or turn.adapter is None or turn.onnx or node is None:
            continue
        told = any(entry.type == "MergeAdapterWeights" for entry in turn.earlier)  # by merge-without-adapter
        if told or any(entry.type == "ExtractAdapters" for entry in turn.later):
            continue
        merge = next((entry for entry in turn.later if entry.type == "MergeAdapterWeights"), None)
        fix = move_before(context, merge, turn.entry) if merge else insert_merge(context, turn.entry)
        yield turn, node, fix
