"""The journal of a run: every event goes through here, to the event file and to the terminal."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from olivine_schemas import runs
from olivine_schemas.redact import redact

from .errors import RunError

PROGRESS_INTERVAL = 0.1
"""Seconds between two progress lines of the event file."""


LOG_BYTES = 1_000_000
"""Size at which olivine.log starts anew."""


class Sink(Protocol):
    """Where events go."""

    def write(self, event: runs.Event) -> None:
        """Take one event; OSError where it cannot be taken."""

    def close(self) -> None:
        """No more events come."""


class Journal:
    """What a run tells: stamped, cleaned of secrets, and passed to every sink. Any thread may tell something."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = list(sinks)
        self._lock = threading.RLock()  # a signal handler may tell something while this thread is telling
        self._rates: dict[str, Rate] = {}
        self._not_finite: set[str] = set()
        self.ended = False
        """Whether the end of the run has been told."""

    def add(self, sink: Sink) -> None:
        """Pass the events from now on to this sink too."""
        with self._lock:
            self._sinks.append(sink)

    def emit(self, event: runs.Event) -> None:
        """Pass an event to every sink. A run outlives a sink that fails; the next event is tried again."""
        event = without_secrets(event)
        with self._lock:
            if isinstance(event, (runs.PassStarted, runs.PassFinished)):
                self._rates.clear()
            self.ended = self.ended or isinstance(event, (runs.RunFailed, runs.RunFinished))
            for sink in self._sinks:
                with suppress(OSError):  # a full disk or a closed pipe
                    sink.write(event)

    def close(self) -> None:
        """Write what is held back and let the sinks go."""
        with self._lock:
            for sink in self._sinks:
                with suppress(OSError):
                    sink.close()
            self._sinks = []

    def run_started(self, config: str, passes: list[runs.PassInfo], device: str, versions: dict[str, str]) -> None:
        """The config is accepted and this process begins to work on it."""
        self.emit(runs.RunStarted(time.time(), config, passes, device, os.getpid(), versions))

    def pass_started(self, name: str, type: str, index: int, of: int) -> None:
        """Pass `index` of `of`, from 1, begins."""
        self.emit(runs.PassStarted(time.time(), name, type, index, of))

    def pass_skipped(self, name: str, type: str, index: int, of: int, artifact: str) -> None:
        """The cache has this pass's result under the key `artifact`."""
        self.emit(runs.PassSkipped(time.time(), name, type, index, of, artifact))

    def pass_finished(self, name: str, type: str, index: int, of: int, seconds: float, artifact: str) -> None:
        """The pass's result is in the cache under the key `artifact`."""
        self.emit(runs.PassFinished(time.time(), name, type, index, of, seconds, artifact))

    def progress(self, doing: str, done: float, total: float, unit: str) -> None:
        """`done` of `total` `unit` of what the pass is `doing`; total 0 when unknown. The time left is estimated."""
        with self._lock:
            eta = self._rates.setdefault(doing, Rate()).eta(done, total)
        self.emit(runs.Progress(time.time(), doing, done, total, unit, eta))

    def metric(self, name: str, value: float, step: int) -> None:
        """A number of step `step`. One that is not finite becomes a warning, once, for JSON cannot carry it."""
        if math.isfinite(value):
            self.emit(runs.Metric(time.time(), name, float(value), step))
        elif name not in self._not_finite:
            self._not_finite.add(name)
            self.warn(
                "not-finite",
                f"{name} is {value} since step {step}: training has diverged; a lower learning rate may help",
            )

    def evaluated(self, stage: str, metrics: dict[str, float | None]) -> None:
        """Measurements of one stage; what could not be measured is None."""
        finite = {
            name: value if value is not None and math.isfinite(value) else None for name, value in metrics.items()
        }
        self.emit(runs.Evaluated(time.time(), stage, finite))

    def log(self, level: str, message: str) -> None:
        """A line for the log: debug, info, warning or error."""
        self.emit(runs.Log(time.time(), level, message))

    def warn(self, code: str, message: str, location: runs.Location | None = None) -> None:
        """Something that a person should know; the run goes on."""
        self.emit(runs.Warned(time.time(), code, message, location))

    def artifact(self, name: str, kind: str, path: Path, size_bytes: int) -> None:
        """A finished result appeared at `path`."""
        self.emit(runs.Artifact(time.time(), name, kind, str(path), size_bytes))

    def failed(self, error: RunError) -> None:
        """The run ended without its result."""
        self.emit(runs.RunFailed(time.time(), error.code, error.message, error.hint, error.location))

    def finished(self, state: runs.RunState, seconds: float, output: str | None = None) -> None:
        """The run ended: succeeded, with its result at `output`, or cancelled."""
        self.emit(runs.RunFinished(time.time(), state.value, seconds, output))


class Rate:
    """How long one unit of work takes, as lately seen; a suspended laptop or one slow step does not upset it."""

    WINDOW = 30

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: tuple[float, float] | None = None
        self._units: deque[tuple[float, float]] = deque(maxlen=self.WINDOW)

    def eta(self, done: float, total: float) -> float | None:
        """Seconds left at `done` of `total`, or None while that cannot be told."""
        now = self._clock()
        if self._seen is None or done < self._seen[0]:
            self._units.clear()
            self._seen = (done, now)
        elif done > self._seen[0]:
            amount = done - self._seen[0]
            self._units.append((amount, (now - self._seen[1]) / amount))
            self._seen = (done, now)
        if total <= 0 or not self._units:
            return None
        typical = median(seconds for _, seconds in self._units)
        # A slow unit counts, as evaluation between steps comes again, but no more than five usual ones.
        spent = sum(amount * min(seconds, 5 * typical) for amount, seconds in self._units)
        return max(0.0, (total - done) * spent / sum(amount for amount, _ in self._units))


class EventFile:
    """Appends events to a file, or to standard output for "-": one JSON line, one write each."""

    def __init__(self, target: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._descriptor = _take_standard_output() if target == "-" else open_for_append(Path(target))
        self._torn = target != "-" and _ends_torn(Path(target))
        self._clock = clock
        self._written = -math.inf
        self._held: runs.Progress | None = None

    def write(self, event: runs.Event) -> None:
        """Append an event. Of progress that comes faster than ten a second only some is written, the last always."""
        if isinstance(event, runs.Progress):
            self._progress(event)
            return
        if not isinstance(event, (runs.Metric, runs.Log)):
            self._release()
        self._line(event)

    def close(self) -> None:
        """Write the progress held back, and close the file."""
        with suppress(OSError):
            self._release()
        os.close(self._descriptor)

    def _progress(self, event: runs.Progress) -> None:
        if self._held and self._held.doing != event.doing:
            self._release()
        self._held = event
        if self._clock() - self._written >= PROGRESS_INTERVAL or 0 < event.total <= event.done:
            self._release()

    def _release(self) -> None:
        if self._held:
            self._line(self._held)
            self._held = None
            self._written = self._clock()

    def _line(self, event: runs.Event) -> None:
        line = (runs.dump_event(event) + "\n").encode("utf-8", "backslashreplace")
        if self._torn:
            line = b"\n" + line
        self._torn = True
        self._torn = os.write(self._descriptor, line) < len(line)


def open_for_append(path: Path) -> int:
    """A descriptor that appends to a file, which is made where it is missing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)


def _ends_torn(path: Path) -> bool:
    """Whether a writer that was killed left half a line."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) not in (b"", b"\n")


def _take_standard_output() -> int:
    """Keep standard output for events: what libraries print there goes to standard error from now on."""
    sys.stdout.flush()
    events = os.dup(1)
    os.dup2(2, 1)
    return events


def without_secrets(event: runs.Event) -> runs.Event:
    """The event with the secrets in its texts hidden."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    hidden: dict[str, Any] = {name: redact(value) for name, value in values.items() if isinstance(value, str)}
    return replace(event, **hidden)


def keep_traceback(folder: Path | None = None) -> Path:
    """Append the traceback of the exception at hand to olivine.log in `folder`, by default the user's log folder."""
    if folder is None:
        from platformdirs import user_log_path

        folder = user_log_path("olivine", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "olivine.log"
    full = path.exists() and path.stat().st_size > LOG_BYTES
    with path.open("w" if full else "a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(
            f"{time.strftime('%Y-%m-%d %H:%M:%S')} {redact(' '.join(sys.argv))}\n{redact(traceback.format_exc())}\n"
        )
    return path
