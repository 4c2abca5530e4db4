"""What a run's events come to: how far it is, what it does, and the latest numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from olivine_schemas import runs

WEIGHTS = {"LoRA": 8.0, "QLoRA": 8.0}
"""How much of a run's time a pass takes beside one of any other type, roughly: for the percentage of the whole."""
ON_THE_SIDE = frozenset({"row", "batch", "byte", "library", "run"})
"""Units of work beside what a pass is for: preparing, evaluating, saving. The percentage waits meanwhile."""


@dataclass
class Summary:
    """The state of a run as far as its events were read; `add` takes the next one."""

    passes: list[runs.PassInfo] = field(default_factory=list)
    index: int = 0
    """Number of the current pass, from 1; 0 before the first."""
    of: int = 0
    """Number of passes."""
    name: str = ""
    """Of the current pass."""
    doing: str = ""
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    eta_seconds: float | None = None
    """Of the current piece of work."""
    numbers: dict[str, float] = field(default_factory=dict)
    """The latest value of each metric of the current pass."""
    stages: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """Measurements by stage."""
    artifacts: list[runs.Artifact] = field(default_factory=list)
    warnings: list[runs.Warned] = field(default_factory=list)
    failed: runs.RunFailed | None = None
    finished: runs.RunFinished | None = None
    share: float = 0.0
    """How much of the current pass is done, 0 to 1."""
    percent: int = 0
    """How much of the whole run is done, 0 to 100; it never goes back, nor says 100 before the end."""

    def add(self, event: runs.Event) -> None:
        """Take an event in; one that a later version knows and this one does not changes nothing."""
        if isinstance(event, runs.RunStarted):
            self.__init__(passes=event.passes, of=len(event.passes))  # type: ignore[misc]  # a resumed run tells anew
        elif isinstance(event, (runs.PassStarted, runs.PassSkipped)):
            self.index, self.of, self.name, self.numbers = event.index, event.of, event.name, {}
            self.share = 1.0 if isinstance(event, runs.PassSkipped) else 0.0
            self._work("", 0.0, 0.0, "")
        elif isinstance(event, runs.PassFinished):
            self.share = 1.0
            self._work("", 0.0, 0.0, "")
        elif isinstance(event, runs.Progress):
            self._work(event.doing, event.done, event.total, event.unit, event.eta_seconds)
        elif isinstance(event, runs.Metric):
            self.numbers[event.name] = event.value
        else:
            self._keep(event)
        self.percent = max(self.percent, self._percent())

    def _work(self, doing: str, done: float, total: float, unit: str, eta: float | None = None) -> None:
        self.doing, self.done, self.total, self.unit, self.eta_seconds = doing, done, total, unit, eta
        if total and unit not in ON_THE_SIDE:
            self.share = min(1.0, max(self.share, done / total))

    def _keep(self, event: runs.Event) -> None:
        if isinstance(event, runs.Evaluated):
            self.stages[event.stage] = event.metrics
        elif isinstance(event, runs.Artifact):
            self.artifacts.append(event)
        elif isinstance(event, runs.Warned):
            self.warnings.append(event)
        elif isinstance(event, runs.RunFailed):
            self.failed = event
        elif isinstance(event, runs.RunFinished):
            self.finished = event

    def _percent(self) -> int:
        if self.finished and self.finished.state == runs.RunState.SUCCEEDED:
            return 100
        weights = [WEIGHTS.get(one.type, 1.0) for one in self.passes]
        if not self.index or not weights:
            return 0
        before = sum(weights[: self.index - 1])
        return min(99, int(100 * (before + self.share * weights[min(self.index, len(weights)) - 1]) / sum(weights)))

    @property
    def line(self) -> str:
        """The current work in a line: `[1/3] tune: training 42/120 steps, loss 1.83, 50 s left`."""
        parts = []
        if self.total > 1 and self.unit == "byte":
            parts.append(f"{self.doing} {self.done / 1e6:.1f}/{self.total / 1e6:.1f} MB")
        elif self.total > 1 and self.unit:
            parts.append(f"{self.doing} {self.done:.0f}/{self.total:.0f} {_plural(self.unit)}".strip())
        elif self.doing:
            parts.append(self.doing)
        if "loss" in self.numbers:
            parts.append(f"loss {self.numbers['loss']:.4g}")
        if self.eta_seconds is not None:
            parts.append(_left(self.eta_seconds))
        where = f"[{self.index}/{self.of}] {self.name}" if self.index else "starting"
        return f"{where}: {', '.join(parts)}" if parts else where


def _plural(unit: str) -> str:
    return unit + ("es" if unit.endswith(("ch", "sh", "x")) else "s")


def _left(seconds: float) -> str:
    return f"{seconds / 60:.0f} min left" if seconds >= 100 else f"{seconds:.0f} s left"
