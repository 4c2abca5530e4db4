"""Following the runs of a workspace, whoever started them, in a thread of its own.

Runs that have ended cost a look at the time of their record, once a second for all; only active ones are read.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock

from olivine_schemas.ledger.control import settled
from olivine_schemas.ledger.folder import HOME, RunFolder, root_of
from olivine_schemas.ledger.follow import Follower
from olivine_schemas.ledger.process import is_alive
from olivine_schemas.ledger.summary import Summary
from olivine_schemas.runs import ACTIVE, RunRecord, RunState

from .progress import Bar, Client, Json
from .skim import catch_up, milestones

PERIOD = 0.2
"""Seconds between two looks at an active run, and so between two reports of it."""
LOOK = 1.0
"""Seconds between two looks for runs that are new."""


@dataclass
class Run:
    """What is known of a run. One that is active is followed."""

    folder: RunFolder
    record: RunRecord
    stamp: int
    """When its record was written, in nanoseconds; tells whether it has to be read again."""
    summary: Summary = field(default_factory=Summary)
    follower: Follower | None = None
    bar: Bar | None = None
    told: Json = field(default_factory=dict)
    told_at: float = 0.0

    @property
    def active(self) -> bool:
        return self.record.state in ACTIVE


class Watcher:
    """Keeps `runs` current and tells the client of what changes. Its methods may be called from any thread."""

    def __init__(
        self,
        client: Client,
        places: Callable[[], tuple[list[Path], list[Path]]],
        on_found: Callable[[Run], None],
        on_lost: Callable[[Run], None],
    ) -> None:
        """`places` tells the folders that are open, and the open configs."""
        self.runs: dict[Path, Run] = {}
        """By folder."""
        self.strays: dict[Path, Run] = {}
        """Runs that go on although their folder is gone."""
        self._client = client
        self._places = places
        self._on_found = on_found
        self._on_lost = on_lost
        self._lock = RLock()
        self._wake = Event()
        self._adopted = False
        self._shown: Json = {}
        self._failures: set[str] = set()
        self._read: set[tuple[Path, int]] = set()

    def look(self) -> None:
        """Look for new and changed runs now."""
        with self._lock:
            self._scan()
            self._follow_active()
        self._wake.set()

    def find(self, run_id: str) -> Run | None:
        """The run with exactly this id."""
        return next((run for run in list(self.runs.values()) if run.folder.id == run_id), None)

    def stray(self, run_id: str) -> Run | None:
        """The run with exactly this id that goes on without its folder."""
        return next((run for run in list(self.strays.values()) if run.folder.id == run_id), None)

    def last(self, config: Path) -> Run | None:
        """The newest run of a config."""
        return next((run for run in self.newest_first() if run.record.config == str(config)), None)

    def newest_first(self) -> list[Run]:
        """The runs there are."""
        return sorted(list(self.runs.values()), key=lambda run: run.record.created, reverse=True)  # noqa: C414 - others add

    def add(self, folder: RunFolder) -> None:
        """Take in a run that this server has just started or resumed."""
        with self._lock:
            known = self.runs.get(folder.path)
            if known is None or not known.follower:  # else it was found in the meantime
                self._take(folder.path, _stamp(folder.path))
        self._wake.set()

    def forget(self, run: Run) -> None:
        """The run's folder is gone. Where the run goes on all the same, its bar stays, and it can be stopped."""
        with self._lock:
            if self.runs.pop(run.folder.path, None):
                if _goes_on(run) and not run.folder.record_file.exists():  # else its folder was closed in the editor
                    self.strays[run.folder.path] = run
                elif run.bar:
                    run.bar.end("deleted")
                self._tell({"runId": run.folder.id, "deleted": True})

    def work(self) -> None:
        """Follow the runs as long as this process lives."""
        looked = -LOOK
        while True:
            with self._lock, self._guarded():
                if time.monotonic() - looked >= LOOK:
                    looked = time.monotonic()
                    self._scan()
                self._follow_active()
                self._refresh_lenses()
            self._wake.wait(PERIOD + 0.01 if self._active() else LOOK)
            self._wake.clear()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """What fails must not take the next look, or other runs, with it. It is told once."""
        try:
            yield
        except Exception:
            report = traceback.format_exc()
            if report not in self._failures:
                self._failures.add(report)
                print(report, file=sys.stderr)

    def _follow_active(self) -> None:
        for run in self._active():
            with self._guarded():
                self._follow(run)

    def _active(self) -> list[Run]:
        return [run for run in list(self.runs.values()) if run.follower]

    def _scan(self) -> None:
        """Find runs that are new, changed or gone."""
        there = set()
        for root in _roots(*self._places()):
            for path in _folders(root):
                stamp = _stamp(path)
                if stamp:
                    there.add(path)
                known = self.runs.get(path)
                if stamp and (known is None or (known.stamp != stamp and not known.follower)):
                    with self._guarded():
                        self._take(path, stamp)
        for run in [run for path, run in self.runs.items() if path not in there]:
            self.forget(run)
        self._follow_strays()
        self._adopted = True

    def _follow_strays(self) -> None:
        for path, run in list(self.strays.items()):
            goes_on = _goes_on(run)
            if run.bar:
                (run.bar.show if goes_on else run.bar.end)("its folder is gone")
            if not goes_on:
                del self.strays[path]

    def _take(self, path: Path, stamp: int) -> None:
        """Read the record of a run for the first time, or again because it has changed."""
        folder = RunFolder(path)
        record = folder.read()
        if record is None:
            return
        run = Run(folder, record, stamp)
        self.runs[path] = run
        if run.active:
            self._begin(run)
        elif self._adopted:
            self._tell(change(run))

    def _begin(self, run: Run) -> None:
        run.follower = Follower(run.folder.events)
        for event in catch_up(run.follower):
            run.summary.add(event)
        if run.summary.finished or run.summary.failed:  # of the attempt before
            run.summary = Summary()
        config, token = Path(run.record.config), f"olivine-{run.folder.path}-{run.record.attempt}"
        run.bar = Bar(self._client, token, f"Olivine: {config.parent.name}/{config.name}")
        self._on_found(run)

    def _follow(self, run: Run) -> None:
        """Read what is new of an active run, and tell it."""
        record = settled(run.folder)
        if record is None or run.follower is None:
            return
        if record.attempt != run.record.attempt:  # resumed before its end was told
            if run.bar:
                run.bar.end("")
            self._take(run.folder.path, _stamp(run.folder.path))
            return
        run.record = record
        for event in run.follower.new_events():
            run.summary.add(event)
        told = change(run)
        due = time.monotonic() - run.told_at >= PERIOD
        if due and run.bar and run.active:
            run.bar.show(_line(run), run.summary.percent)
        if due and told != run.told:
            run.told, run.told_at = told, time.monotonic()
            self._tell(told)
        if not run.active and run.told == told:
            self._end(run)

    def _end(self, run: Run) -> None:
        run.follower, run.stamp = None, _stamp(run.folder.path)
        if run.bar:
            run.bar.end(_line(run))
            run.bar = None
        if run.record.state is RunState.LOST:
            self._on_lost(run)

    def _refresh_lenses(self) -> None:
        """Have the editor ask again what stands above the open configs when their last runs have changed."""
        shown: Json = {}
        for config in self._places()[1]:
            if run := self.last(config):
                if not run.active and not run.summary.stages:
                    self._read_stages(run)
                shown[str(config)] = (run.folder.id, run.record.state, run.record.attempt, len(run.summary.stages))
        if shown != self._shown and self._client.can("workspace", "codeLens", "refreshSupport"):
            self._client.request("workspace/codeLens/refresh", None)
        self._shown = shown

    def _read_stages(self, run: Run) -> None:
        if (run.folder.path, run.stamp) not in self._read:
            self._read.add((run.folder.path, run.stamp))
            for event in milestones(run.folder.metrics):
                run.summary.add(event)

    def _tell(self, params: Json) -> None:
        with suppress(OSError, ValueError):  # the client is gone
            self._client.notify("olivine/runChanged", params)


def _goes_on(run: Run) -> bool:
    return is_alive(run.record.pid, run.record.process)


def change(run: Run) -> Json:
    """What views show of a run; fields that are not known yet are null."""
    summary, record = run.summary, run.record
    numbers = summary.numbers
    return {
        "runId": run.folder.id,
        "folder": str(run.folder.path),
        "config": record.config,
        "state": record.state.value,
        "attempt": record.attempt,
        "percent": percent(run),
        "pass": summary.index or None,
        "of": summary.of or None,
        "passName": summary.name or None,
        "doing": summary.doing or None,
        "step": summary.done if summary.total else None,
        "total": summary.total or None,
        "unit": summary.unit or None,
        "loss": numbers.get("loss"),
        "eval_loss": numbers.get("eval_loss"),
        "eta": summary.eta_seconds,
        "message": _line(run),
    }


def percent(run: Run) -> int | None:
    """How much of a run is done; None for one that ended early and was not watched."""
    if run.record.state is RunState.SUCCEEDED:
        return 100
    return run.summary.percent if run.active or run.summary.passes else None


def _line(run: Run) -> str:
    state = run.record.state
    if state is RunState.QUEUED and run.record.started:
        return run.summary.doing or "waiting for its turn"
    if state is RunState.CANCELLING:
        return f"cancelling, {run.summary.line}"
    if run.active:
        return run.summary.line
    return run.record.message or state.value


def _roots(folders: list[Path], configs: list[Path]) -> set[Path]:
    """The folders whose runs are of interest: what is open, and what open configs belong to."""
    inside = [folder / "olive-config.json" for folder in folders]
    return {*folders, *(root_of(config) for config in [*inside, *configs])}


def _folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root / HOME / "runs") as entries:
            found = [e.path for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [Path(path) for path in found]


def _stamp(path: Path) -> int:
    """When the record of a run was written; 0 where there is none."""
    try:
        return (path / "run.json").stat().st_mtime_ns
    except OSError:
        return 0
