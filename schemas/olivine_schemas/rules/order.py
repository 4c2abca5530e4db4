"""What each pass of a flow gets to work on: full weights, an adapter not yet merged, or an ONNX model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from olivine_schemas.dialects import PASS_TYPES
from olivine_schemas.problems import Edit, Fix, Span
from olivine_schemas.tree import child

from .reading import ADAPTERS, PassEntry, flows, has_flows, is_given, object_at, steps
from .rule import Context, once

TO_ONNX = frozenset({"ModelBuilder", "MobiusBuilder", "OnnxConversion", "OptimumConversion"})
"""Passes whose result is an ONNX model."""
KNOWN = frozenset(PASS_TYPES.values())
"""Passes that come with Olive; of others, and of those without a type, nobody knows what they make."""


@dataclass(frozen=True)
class Turn:
    """One pass at its place in a flow, with the passes before that decide what it works on."""

    entry: PassEntry
    adapter: PassEntry | None
    """The pass whose adapter is not merged yet."""
    onnx: PassEntry | None
    """The pass that made an ONNX model of it."""
    starts_with_adapter: bool
    """Whether the input model comes with an adapter."""
    flow: tuple[PassEntry, ...]
    """All passes of the flow."""
    alternatives: slice
    """The part of the flow that stands at this place: the pass and its alternatives."""

    @property
    def earlier(self) -> tuple[PassEntry, ...]:
        """The passes before."""
        return self.flow[: self.alternatives.start]

    @property
    def later(self) -> tuple[PassEntry, ...]:
        """The passes that follow."""
        return self.flow[self.alternatives.stop :]


@once
def turns(context: Context) -> list[Turn]:
    """Every pass of every flow in order; a pass that several flows share comes once."""
    return list(_turns(context))


def _turns(context: Context) -> Iterator[Turn]:
    if not all(steps(context)):
        return  # a pass that is no object is told already
    seen: set[Span] = set()
    given = is_given(child(context.workflow, "input_model", "config", "adapter_path"))
    for flow in flows(context):
        adapter: PassEntry | None = None
        onnx: PassEntry | None = None
        everything = tuple(entry for step in flow for entry in step)
        end = 0
        for step in flow:
            start, end = end, end + len(step)
            if any(entry.type not in KNOWN for entry in step):
                adapter, onnx, given = None, None, True  # nobody knows what such a pass makes
            for entry in step:
                if entry.node.span not in seen:
                    seen.add(entry.node.span)
                    yield Turn(entry, adapter, onnx, given, everything, slice(start, end))
            for entry in step:
                if entry.type in ADAPTERS:
                    adapter = entry
                elif entry.type == "MergeAdapterWeights" and onnx is None:
                    adapter = None
                elif entry.type in TO_ONNX:
                    onnx = entry


def move_after(context: Context, moved: PassEntry, anchor: PassEntry) -> Fix | None:
    """Move one pass behind another that is written further down."""
    slots = _slots(context)
    known = [name for name, _ in slots]
    if moved.name not in known or anchor.name not in known:
        return None
    first, last = known.index(moved.name), known.index(anchor.name)
    order = [*range(first + 1, last + 1), first]
    return _reorder(context, f'Move "{moved.name}" behind "{anchor.name}"', slots, first, order)


def move_before(context: Context, moved: PassEntry, anchor: PassEntry) -> Fix | None:
    """Move one pass in front of another that is written further up."""
    slots = _slots(context)
    known = [name for name, _ in slots]
    if moved.name not in known or anchor.name not in known:
        return None
    first, last = known.index(anchor.name), known.index(moved.name)
    order = [last, *range(first, last)]
    return _reorder(context, f'Move "{moved.name}" in front of "{anchor.name}"', slots, first, order)


def insert_merge(context: Context, before: PassEntry) -> Fix | None:
    """Write a MergeAdapterWeights pass in front of another pass."""
    if has_flows(context):
        return None
    start = before.key.span.start
    line = context.text.rfind("\n", 0, start) + 1
    margin = context.text[line:start]
    gap = f"\n{margin}" if not margin.strip() else " "
    names = {name for name, _ in _slots(context)}
    name = next(
        n for n in ("merge", "merge_adapter_weights", "merge_adapter") if n not in names or n == "merge_adapter"
    )
    text = f'"{name}": {{ "type": "MergeAdapterWeights" }},{gap}'
    return Fix(f'Merge in front of "{before.name}"', (Edit(Span(start, start), text),))


@once
def _slots(context: Context) -> list[tuple[str, Span]]:
    written = object_at(context.tree, "passes")
    return [(member.name, Span(member.key.span.start, member.value.span.end)) for member in written.members]


def _reorder(context: Context, title: str, slots: list[tuple[str, Span]], first: int, order: list[int]) -> Fix | None:
    """Put what stands at the positions of `order` into the slots from `first` on; commas and margins stay."""
    if has_flows(context) or not order:
        return None
    spans = [span for _, span in slots]
    edits = [
        Edit(spans[first + offset], context.text[spans[source].start : spans[source].end])
        for offset, source in enumerate(order)
    ]
    return Fix(title, tuple(edits))
