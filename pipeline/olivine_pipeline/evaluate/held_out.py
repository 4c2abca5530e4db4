"""What every stage is measured on: texts it has not learned and, where the data allows, questions with an answer."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, TypeVar

MOST_LABELS = 20
"""A column with more distinct values than this is text, not a label."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Sample:
    """A prompt and the label that should follow it."""

    prompt: str
    label: str


@dataclass(frozen=True)
class HeldOut:
    """Held-out data of a run. `samples` and `labels` are empty where the text does not end in a label."""

    texts: list[str]
    samples: list[Sample] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def held_out(
    rows: Sequence[Mapping[str, Any]], text_template: str, training_rows: Sequence[Mapping[str, Any]] = ()
) -> HeldOut:
    """Format `rows` with `text_template`, and split off the label if the template's last placeholder is one.

    A column is a label if it has 2 to 20 distinct values over `rows` and `training_rows`, fewer than half as many as
    rows, and text with another column comes before it.
    """
    texts = [text_template.format(**row) for row in rows]
    column = _last_column(text_template)
    if column is None:
        return HeldOut(texts)
    labels = sorted({str(row[column]) for row in (*rows, *training_rows) if row.get(column) not in (None, "")})
    if not 2 <= len(labels) <= min(MOST_LABELS, (len(rows) + len(training_rows) - 1) // 2):
        return HeldOut(texts)
    ending = text_template.rpartition("}")[2]
    samples = [
        Sample(_without(text, str(row[column]) + ending), str(row[column]))
        for text, row in zip(texts, rows, strict=True)
        if str(row[column]) in labels
    ]
    return HeldOut(texts, samples, labels)


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of `items`, in order, the same ones every time."""
    if len(items) <= most:
        return list(items)
    return [items[index] for index in sorted(random.Random(0).sample(range(len(items)), most))]


def _last_column(template: str) -> str | None:
    """The column of the last placeholder, if it is a plain one and follows another column."""
    fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(template) if name is not None]
    columns = [name for name, _, _ in fields]
    if len(fields) < 2 or fields[-1][1:] != ("", None) or columns[-1] in columns[:-1]:
        return None
    return columns[-1]


def _without(text: str, ending: str) -> str:
    return text[: len(text) - len(ending)]
