"""What a reader should take from the numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from olivine_pipeline.evaluate import StageMetrics

from .record import RunReport

NOTABLE_ACCURACY = 0.03
"""Smaller differences are within the noise of a few hundred samples."""
NOTABLE_PERPLEXITY = 1.05
"""Ratio from which a change of perplexity is told."""


@dataclass(frozen=True)
class Finding:
    """A sentence about the run; `good` tells which way it points."""

    good: bool
    text: str


def findings(report: RunReport) -> list[Finding]:
    """What fine-tuning gained and what conversion cost, where it is more than noise."""
    stages = {stage.name: stage.metrics for stage in report.stages}
    base, tuned, onnx = stages.get("base"), stages.get("merged") or stages.get("tuned"), stages.get("onnx")
    found = []
    if base and tuned:
        found.append(_tuning(base, tuned))
    before = tuned or base
    if onnx and before:
        found.append(_conversion(before, onnx, _advice(report.config)))
    return [finding for finding in found if finding]


def _tuning(base: StageMetrics, tuned: StageMetrics) -> Finding | None:
    if base.accuracy is not None and tuned.accuracy is not None:
        change = f"accuracy from {base.accuracy:.0%} to {tuned.accuracy:.0%}"
        if tuned.accuracy - base.accuracy > NOTABLE_ACCURACY:
            return Finding(True, f"Fine-tuning raised {change}.")
        return Finding(False, f"Fine-tuning moved {change}. Train longer, or with more data or a higher learning rate.")
    if base.perplexity and tuned.perplexity:
        change = f"held-out perplexity from {base.perplexity:.3g} to {tuned.perplexity:.3g}"
        if base.perplexity / tuned.perplexity > NOTABLE_PERPLEXITY:
            return Finding(True, f"Fine-tuning lowered {change}.")
        return Finding(False, f"Fine-tuning moved {change}. Train longer, or with more data or a higher learning rate.")
    return None


def _conversion(before: StageMetrics, onnx: StageMetrics, advice: str) -> Finding | None:
    if before.accuracy is not None and onnx.accuracy is not None:
        lost = before.accuracy - onnx.accuracy
        if lost > NOTABLE_ACCURACY:
            return Finding(False, f"Conversion lost {100 * lost:.0f} points of accuracy.{advice}")
        return Finding(True, f"Conversion kept accuracy{_gains(before, onnx)}.")
    if before.perplexity and onnx.perplexity:
        ratio = onnx.perplexity / before.perplexity
        if ratio > NOTABLE_PERPLEXITY:
            return Finding(False, f"Conversion raised perplexity by {ratio - 1:.0%}.{advice}")
        return Finding(True, f"Conversion kept perplexity{_gains(before, onnx)}.")
    return None


def _advice(config: dict[str, Any]) -> str:
    """What to try instead of plain int4, which costs a small model most."""
    text = json.dumps(config, default=str)
    if '"int4"' not in text or "k_quant" in text:
        return ""
    return " Precision int8, or int4 with algo_config k_quant_mixed, keeps more."


def _gains(before: StageMetrics, onnx: StageMetrics) -> str:
    gains = []
    if onnx.size_bytes and before.size_bytes > 1.1 * onnx.size_bytes:
        gains.append(f"{before.size_bytes / onnx.size_bytes:.1f} times smaller")
    if before.tokens_per_second and onnx.tokens_per_second and onnx.tokens_per_second > 1.1 * before.tokens_per_second:
        gains.append(f"{onnx.tokens_per_second / before.tokens_per_second:.1f} times as fast")
    return f" and made the model {' and '.join(gains)}" if gains else ""
