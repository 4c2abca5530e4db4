"""`evaluators`: ways to measure a model."""

from __future__ import annotations

from typing import Any

from .base import DataConfigName, Model


class SubType(Model):
    """One number of a metric."""

    name: str
    """accuracy_score, perplexity, avg, p90, bytes, …"""
    priority: int | None = None
    """Rank among the sub types that a search compares; 1 matters most."""
    higher_is_better: bool | None = None
    """Direction of the number."""
    goal: dict[str, Any] | None = None
    """What the search must reach."""
    metric_config: dict[str, Any] | None = None
    """Settings of the measurement."""


class Metric(Model):
    """One measurement."""

    name: str
    """Name in the report."""
    type: str
    """accuracy, latency, throughput, size_on_disk or custom."""
    backend: str | None = None
    """Library that computes it."""
    sub_types: list[SubType] = []
    """Numbers to take."""
    data_config: DataConfigName | None = None
    """Data to measure on."""
    user_config: dict[str, Any] = {}
    """Further settings."""


class Evaluator(Model):
    """A named set of metrics."""

    type: str | None = None
    """Evaluator type; null picks by model."""
    metrics: list[Metric] = []
    """What to measure."""
    type_args: dict[str, Any] = {}
    """Settings of the evaluator type."""
