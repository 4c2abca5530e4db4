"""What a report is made of, and its form as plain data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from olivine_pipeline.evaluate import StageMetrics

from .shareable import shareable


@dataclass(frozen=True)
class Stage:
    """Measurements of the model as it was at `name`: base, tuned, merged or onnx."""

    name: str
    metrics: StageMetrics


@dataclass(frozen=True)
class PassRecord:
    """One pass that ran, or was found in the cache."""

    name: str
    type: str
    seconds: float
    cached: bool
    artifact: str


@dataclass(frozen=True)
class LossPoint:
    """The loss at a training step."""

    step: int
    loss: float


@dataclass(frozen=True)
class SampleAnswers:
    """A held-out prompt, what should follow it, and what each stage wrote."""

    prompt: str
    expected: str
    answers: dict[str, str]


@dataclass(frozen=True)
class RunReport:
    """Everything that is told about a finished run."""

    stages: list[Stage]
    config: dict[str, Any]
    """The config as used."""
    started: str
    """ISO 8601, UTC."""
    seconds: float
    passes: list[PassRecord] = field(default_factory=list)
    losses: list[LossPoint] = field(default_factory=list)
    eval_losses: list[LossPoint] = field(default_factory=list)
    samples: list[SampleAnswers] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


def to_data(report: RunReport, config_folder: Path) -> dict[str, Any]:
    """The report as plain data, in the form of report.json; free of secrets and of this machine's paths."""
    data = {
        "stages": [{"name": stage.name, **asdict(stage.metrics)} for stage in report.stages],
        "config": shareable(report.config, config_folder),
        "passes": [asdict(record) for record in report.passes],
        "losses": [asdict(point) for point in report.losses],
        "eval_losses": [asdict(point) for point in report.eval_losses],
        "samples": [asdict(sample) for sample in report.samples],
        "versions": report.versions,
        "started": report.started,
        "seconds": report.seconds,
    }
    return {key: _finite(value) for key, value in data.items()}


def _finite(value: Any) -> Any:
    """The same plain data with null for NaN and infinity, which JSON does not have: a loss may run away."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def base_model(config: dict[str, Any]) -> str:
    """Hub name or path of the model that the config starts from; empty if it does not say."""
    given = config.get("input_model", {})
    path = given.get("model_path") or given.get("config", {}).get("model_path") or ""
    if isinstance(path, dict):
        place = path.get("config", {})
        path = place.get("name") or place.get("path") or ""
    return str(path)


def short_name(config: dict[str, Any]) -> str:
    """The last part of the base model's name or path."""
    path = base_model(config)
    return PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name or "model"
