"""The second door between server and pipeline: what a run tells while it happens, and where it keeps its records.

A run appends one JSON object a line to `events.jsonl`. Readers skip event types and fields that they do not know, and
a torn last line. `run-events.schema.json` and `run.schema.json` beside this file are generated from these classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any, ClassVar, Union

VERSION = 1
"""Version of the event format; raised when a field changes its meaning, not when one is added."""


class RunState(str, Enum):
    """The life of a run; `TRANSITIONS` says what may follow what."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    LOST = "lost"


ACTIVE = frozenset({RunState.QUEUED, RunState.STARTING, RunState.RUNNING, RunState.CANCELLING})
"""States in which a process of the run should be alive."""
TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset(RunState) - {RunState.QUEUED},
    RunState.STARTING: frozenset(RunState) - {RunState.STARTING},
    # A job whose node was taken away waits for another.
    RunState.RUNNING: frozenset(RunState) - {RunState.STARTING, RunState.RUNNING},
    RunState.CANCELLING: frozenset({RunState.CANCELLED, RunState.FAILED, RunState.SUCCEEDED, RunState.LOST}),
    # Resuming starts an ended run again.
    **{end: frozenset({RunState.QUEUED, RunState.STARTING}) for end in frozenset(RunState) - ACTIVE},
}
"""What may follow what."""


@dataclass(frozen=True)
class RunArguments:
    """How a run was asked for; `overrides` are values by dotted path, already in the config that runs."""

    up_to: str | None = None
    fresh: bool = False
    force: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """`run.json`: what is known of a run without reading its events. Times are seconds since the epoch, UTC."""

    id: str
    state: RunState
    config: str
    """Absolute path of the config that was started; its text as it ran is beside the record."""
    config_hash: str
    created: float
    arguments: RunArguments = RunArguments()
    attempt: int = 1
    """Raised each time the run is resumed."""
    host: str = ""
    pid: int | None = None
    process: str | None = None
    """Tells the process from a later one with the same pid: when it started."""
    started: float | None = None
    ended: float | None = None
    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    output: str | None = None
    message: str = ""
    """Why it failed, in the person's words."""
    url: str | None = None
    """The page of the job that does the work elsewhere."""


def dump_record(record: RunRecord) -> str:
    """The text of run.json."""
    return json.dumps({"v": VERSION, **asdict(record)}, ensure_ascii=False, indent=1) + "\n"


def load_record(text: str) -> RunRecord | None:
    """The record of a run.json; None where it is none, or of a version that means something else."""
    try:
        data: dict[str, Any] = json.loads(text)
        known = {f.name: data[f.name] for f in fields(RunRecord) if f.name in data}
        arguments = known.get("arguments") or {}
        named = {f.name: arguments[f.name] for f in fields(RunArguments) if f.name in arguments}
        record = RunRecord(**{**known, "state": RunState(known["state"]), "arguments": RunArguments(**named)})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return record if data.get("v") == VERSION else None


@dataclass(frozen=True)
class Location:
    """A place in a config file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class PassInfo:
    """A pass of the plan."""

    name: str
    type: str


@dataclass(frozen=True)
class Event:
    """What every event carries: seconds since the epoch, UTC."""

    TYPE: ClassVar[str] = ""
    time: float


@dataclass(frozen=True)
class RunStarted(Event):
    """The config is accepted and work begins."""

    TYPE: ClassVar[str] = "run-started"
    config: str
    passes: list[PassInfo]
    device: str
    pid: int
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PassStarted(Event):
    """Pass `index` of `of` (from 1) begins."""

    TYPE: ClassVar[str] = "pass-started"
    name: str
    pass_type: str
    index: int
    of: int


@dataclass(frozen=True)
class PassSkipped(Event):
    """The result of this pass is in the cache already."""

    TYPE: ClassVar[str] = "pass-skipped"
    name: str
    pass_type: str
    index: int
    of: int
    artifact: str


@dataclass(frozen=True)
class PassFinished(Event):
    """The result of this pass is committed to the cache under `artifact`."""

    TYPE: ClassVar[str] = "pass-finished"
    name: str
    pass_type: str
    index: int
    of: int
    seconds: float
    artifact: str


@dataclass(frozen=True)
class Progress(Event):
    """How far the current piece of work is: `done` of `total` in `unit`; total 0 when unknown."""

    TYPE: ClassVar[str] = "progress"
    doing: str
    done: float
    total: float
    unit: str
    eta_seconds: float | None = None


@dataclass(frozen=True)
class Metric(Event):
    """A number that changes over the run: loss, eval_loss, learning_rate, tokens_per_second, memory_bytes, …"""

    TYPE: ClassVar[str] = "metric"
    name: str
    value: float
    step: int


@dataclass(frozen=True)
class Evaluated(Event):
    """Measurements of one stage: accuracy, perplexity, first_token_ms, tokens_per_second, size_bytes."""

    TYPE: ClassVar[str] = "evaluated"
    stage: str
    metrics: dict[str, float | None]


@dataclass(frozen=True)
class Log(Event):
    """A line for the log."""

    TYPE: ClassVar[str] = "log"
    level: str
    message: str


@dataclass(frozen=True)
class Warned(Event):
    """Something that a person should know; the run goes on."""

    TYPE: ClassVar[str] = "warning"
    code: str
    message: str
    location: Location | None = None


@dataclass(frozen=True)
class Artifact(Event):
    """A finished result appeared at `path`."""

    TYPE: ClassVar[str] = "artifact"
    name: str
    kind: str
    path: str
    size_bytes: int


@dataclass(frozen=True)
class RunFailed(Event):
    """The run ended without its result: what is wrong, where, what to do. The traceback is in the log only."""

    TYPE: ClassVar[str] = "run-failed"
    code: str
    message: str
    hint: str = ""
    location: Location | None = None


@dataclass(frozen=True)
class RunFinished(Event):
    """The run ended in `state`: succeeded or cancelled."""

    TYPE: ClassVar[str] = "run-finished"
    state: str
    seconds: float
    output: str | None = None


AnyEvent = Union[  # noqa: UP007 - an expression, and Python 3.10 runs it
    RunStarted,
    PassStarted,
    PassSkipped,
    PassFinished,
    Progress,
    Metric,
    Evaluated,
    Log,
    Warned,
    Artifact,
    RunFailed,
    RunFinished,
]
EVENTS: dict[str, type[Event]] = {cls.TYPE: cls for cls in AnyEvent.__args__}  # type: ignore[attr-defined]


def dump_event(event: Event) -> str:
    """One line of events.jsonl, without the newline."""
    return json.dumps({"v": VERSION, "type": event.TYPE, **asdict(event)}, ensure_ascii=False, allow_nan=False)


def load_event(line: str) -> Event | None:
    """The event of one line, or None for a torn line or an event type of a later version."""
    try:
        data: dict[str, Any] = json.loads(line)
        cls = EVENTS[data["type"]]
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        if isinstance(known.get("location"), dict):
            known["location"] = Location(**known["location"])
        if "passes" in known:
            known["passes"] = [PassInfo(**entry) for entry in known["passes"]]
        return cls(**known)
    except (ValueError, KeyError, TypeError):
        return None


def load_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a file's lines that can be read."""
    return (event for event in map(load_event, lines) if event is not None)
