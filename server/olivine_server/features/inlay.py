"""Inlay hints: effective batch, steps and trainable parameters, behind the numbers they follow from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from olivine_schemas.facts import NO_FACTS, Facts
from olivine_schemas.rules.reading import ADAPTERS, PassEntry, passes
from olivine_schemas.tree import Node, Scalar

from . import targets
from .figures import Figures, figures, short
from .meaning import context_of

if TYPE_CHECKING:
    from ..workspace import Document


@dataclass(frozen=True)
class Hint:
    """A short text that an editor shows behind an offset."""

    offset: int
    label: str
    tooltip: str = ""
    """Markdown."""


def inlay_hints(document: Document, facts: Facts = NO_FACTS) -> list[Hint]:
    """The hints of a document, in the order of the text."""
    context = context_of(document, facts)
    entries = [entry for entry in passes(context) if entry.type in ADAPTERS] if context else []
    hints = [hint for entry in entries if context for hint in _hints(document.text, entry, figures(context, entry))]
    return sorted(hints, key=lambda hint: hint.offset)


def _hints(text: str, entry: PassEntry, of: Figures) -> Iterator[Hint]:
    arguments = entry.training
    sizes = [arguments.get("per_device_train_batch_size"), arguments.get("gradient_accumulation_steps")]
    yield from _after(text, sizes, f"effective batch {of.effective_batch}", targets.batch(of))
    lengths = [arguments.get("num_train_epochs"), arguments.get("max_steps")]
    if of.total_steps:
        about = "" if of.exact else "about "
        epochs = of.total_steps / of.steps_per_epoch if of.steps_per_epoch else None
        label = f"{about}{of.total_steps:,} steps" + (f", {epochs:.3g} epochs" if epochs else "")
        yield from _after(text, lengths, label, targets.length(of))
    if of.trainable:
        label = f"{short(of.trainable)} trainable parameters"
        yield from _after(text, [entry.config.get("r")], label, targets.adapter(of), entry.node.get("type"))


def _after(
    text: str, nodes: list[Node | None], label: str, tooltip: Iterator[str], otherwise: Node | None = None
) -> Iterator[Hint]:
    """A hint behind the last of the nodes, and its comma, that is written in the text, and not a default."""
    written = [node for node in nodes if node is not None and _is_written(text, node)]
    last = max(written, key=lambda node: node.span, default=otherwise)
    if last is not None:
        end = last.span.end
        yield Hint(end + text.startswith(",", end), label, "\n\n".join(tooltip))


def _is_written(text: str, node: Node) -> bool:
    try:
        return isinstance(node, Scalar) and json.loads(text[node.span.start : node.span.end]) == node.value
    except ValueError:
        return False
