"""The second door between server and pipeline: what a run tells while it happens, and where it keeps its records.

A run appends one JSON object a line to `events.jsonl`. Readers skip event types and fields that they do not know, and
a torn last line. `run-events.schema.json` and `run.schema.json` beside this file are generated from these classes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from functools import cache
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

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
        arguments = _known(RunArguments, data.get("arguments") or {})
        record = _known(RunRecord, {**data, "state": RunState(data["state"]), "arguments": arguments})
        times = (record.created, record.started or 0.0, record.ended or 0.0)
        return record if data.get("v") == VERSION and all(0 <= time < _END_OF_TIME for time in times) else None
    except _UNREADABLE:
        return None


_END_OF_TIME = 1e11
"""Seconds since the epoch that a calendar still has."""
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)

Data = TypeVar("Data")


def _known(cls: Callable[..., Data], data: Mapping[str, Any]) -> Data:
    """An object of a dataclass without fields of later versions; TypeError where a value is not of its field's type."""
    values = {}
    for name, kind in _types(cls).items():
        if name in data:
            values[name] = data[name]
            if not _is(data[name], kind):
                raise TypeError(f"{name} is no {kind}")
    return cls(**values)


@cache
def _types(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {each.name: hints[each.name] for each in fields(cls)}


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of a type that a field here may have; a number that JSON cannot carry is of none."""
    if kind is float:
        return isinstance(value, (int, float)) and abs(value) < math.inf
    if kind is Any or (isinstance(kind, type) and not get_args(kind)):
        return kind is Any or isinstance(value, kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is list:
        return isinstance(value, list) and all(_is(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is(item, inner[1]) for item in value.values())
    return any(_is(value, each) for each in inner)


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
    """The event of one line; None for a torn line, and for an event that only a later version knows."""
    try:
        data: dict[str, Any] = json.loads(line)
        cls = EVENTS[data["type"]]
        if isinstance(data.get("location"), dict):
            data["location"] = _known(Location, data["location"])
        if "passes" in data:
            data["passes"] = [_known(PassInfo, entry) for entry in data["passes"]]
        return _known(cls, data) if data.get("v", VERSION) == VERSION else None
    except _UNREADABLE:
        return None


def load_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a file's lines that can be read."""
    return (event for event in map(load_event, lines) if event is not None)
