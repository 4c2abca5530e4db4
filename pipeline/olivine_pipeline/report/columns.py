"""The measurements as people read them: title, direction and form of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .record import Stage

TITLES = {"base": "Base", "tuned": "Fine-tuned", "merged": "Merged", "onnx": "ONNX"}
"""Names of the stages."""


def stage_title(name: str) -> str:
    """The name of a stage for people."""
    return TITLES.get(name, name)


def size(count: float) -> str:
    """Bytes in decimal units, to three digits."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= 0.9995 * scale:  # 999.9 MB is shown as 1 GB
            return f"{count / scale:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Column:
    """One measurement of a stage."""

    name: str
    title: str
    higher_is_better: bool
    show: Callable[[float], str]

    def value(self, stage: Stage) -> float | None:
        """The measurement of `stage`; None if there is none, or none that is a number."""
        value: float | None = getattr(stage.metrics, self.name)
        return value if value is not None and math.isfinite(value) else None

    def text(self, stage: Stage) -> str:
        """The measurement of `stage` for people; a dash if there is none."""
        value = self.value(stage)
        return "–" if value is None else self.show(value)

    def best(self, stages: Sequence[Stage]) -> set[str]:
        """Names of the stages that no other beats as shown; empty if all show the same."""
        measured = {stage.name: value for stage in stages if (value := self.value(stage)) is not None}
        if len({self.show(value) for value in measured.values()}) < 2:
            return set()
        top = self.show((max if self.higher_is_better else min)(measured.values()))
        return {name for name, value in measured.items() if self.show(value) == top}


COLUMNS = (
    Column("accuracy", "Accuracy", True, lambda value: f"{value:.1%}"),
    Column("perplexity", "Perplexity", False, _number),
    Column("first_token_ms", "First token", False, lambda value: f"{_number(value)} ms"),
    Column("tokens_per_second", "Tokens/s", True, _number),
    Column("size_bytes", "Size", False, size),
)
BY_NAME = {column.name: column for column in COLUMNS}
