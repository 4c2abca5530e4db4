"""What commands tell of runs."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from olivine_schemas.ledger.follow import Follower
from olivine_schemas.ledger.summary import Summary
from olivine_schemas.redact import redact
from olivine_schemas.runs import Event, Metric, PassFinished, PassSkipped, PassStarted, RunStarted

from .progress import Json
from .skim import milestones
from .watch import Run, change, percent

POINTS = 1000
"""How many points of a metric are told at most; of more, evenly spread ones."""
LOG_BYTES = 16_384
"""How much of the end of the log is told."""

Point = tuple[int, float]


def row(run: Run) -> Json:
    """A run in a list. Times are seconds since the epoch."""
    record = run.record
    return {
        "runId": run.folder.id,
        "folder": str(run.folder.path),
        "state": record.state.value,
        "config": record.config,
        "created": record.created,
        "started": record.started,
        "ended": record.ended,
        "attempt": record.attempt,
        "percent": percent(run),
        "device": record.device,
        "output": record.output,
        "url": record.url,
        "message": record.message,
    }


def details(run: Run, since: int = 0) -> Json:
    """All that is known of a run, in an amount that a view can show.

    With `since`, the "metricsEnd" of an earlier answer, "metrics" are only those measured after it.
    """
    summary, timeline = Summary(), Timeline()
    for event in milestones(run.folder.events):
        summary.add(event)
        timeline.add(event)
    follower = Follower(run.folder.metrics)
    follower.skip_to(since)
    metrics_start = follower.offset
    return {
        **row(run),
        "progress": change(run) if run.active else None,
        "upTo": run.record.arguments.up_to,
        "overrides": run.record.arguments.overrides,
        "host": run.record.host,
        "pid": run.record.pid,
        "versions": run.record.versions,
        "passes": [asdict(each) for each in summary.passes],
        "timeline": timeline.passes,
        "stages": summary.stages,
        "metrics": _measured(follower),
        "metricsStart": metrics_start,
        "metricsEnd": follower.end_of_lines,
        "artifacts": [asdict(each) for each in summary.artifacts],
        "warnings": [asdict(each) for each in summary.warnings],
        "failure": asdict(summary.failed) if summary.failed else None,
        "log": log_tail(run.folder.console),
        "logFile": str(run.folder.console),
    }


class Timeline:
    """When the passes of a run began and what they took; those of its last attempt."""

    def __init__(self) -> None:
        self.passes: list[Json] = []

    def add(self, event: Event) -> None:
        """Take an event in."""
        if isinstance(event, RunStarted):
            self.passes = []
        elif isinstance(event, PassStarted | PassSkipped):
            cached = isinstance(event, PassSkipped)
            begun = {"name": event.name, "type": event.pass_type, "started": event.time, "cached": cached}
            self.passes.append({**begun, "seconds": 0.0 if cached else None})
        elif isinstance(event, PassFinished) and self.passes:
            self.passes[-1]["seconds"] = event.seconds


def series(path: Path) -> dict[str, list[Point]]:
    """The course of each metric as pairs of step and value, thinned out evenly."""
    return _measured(Follower(path))


def _measured(follower: Follower) -> dict[str, list[Point]]:
    found: dict[str, _Series] = defaultdict(_Series)
    for event in follower.new_events():
        if isinstance(event, Metric):
            found[event.name].add((event.step, event.value))
    return {name: each.points for name, each in found.items()}


class _Series:
    """Points of which every second is dropped whenever they become too many."""

    def __init__(self) -> None:
        self._kept: list[Point] = []
        self._every = 1
        self._seen = 0
        self._last: Point | None = None

    def add(self, point: Point) -> None:
        if self._seen % self._every == 0:
            self._kept.append(point)
        self._seen, self._last = self._seen + 1, point
        if len(self._kept) >= POINTS:
            self._kept = self._kept[::2]
            self._every *= 2

    @property
    def points(self) -> list[Point]:
        return self._kept if self._last is None or self._kept[-1] == self._last else [*self._kept, self._last]


def log_tail(path: Path) -> str:
    """The last lines of a log, without secrets."""
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LOG_BYTES))
        text = file.read().decode("utf-8", "replace")
        return redact(text if size <= LOG_BYTES else text.partition("\n")[2])
    return ""
