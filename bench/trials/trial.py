"""A workspace in which one fault strikes, and what is counted there afterwards."""

from __future__ import annotations

import queue
import random
import shutil
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from desk import BARS, Desk, command, variable
from editor import Editor, ServerGone

from olivine_schemas.ledger import control
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.ledger.process import identity, members
from olivine_schemas.runs import ACTIVE, RunRecord, RunState, load_events

from .undisturbed import Baseline, files, flow, made

PATIENCE = 400
"""Seconds after which a run that does not come to its end is counted as a wrong state."""
LEAVING = 10
"""Seconds that a run which tells its own end may take to leave; a cancelled or lost one has left when that is told."""
ENDS = {state.value for state in RunState} - {state.value for state in ACTIVE}


class Wrong(Exception):
    """Something that is not as it should be; counts as a wrong state."""


class Impossible(Exception):
    """A fault that cannot be made here."""


FAILURES = (Wrong, AssertionError, ServerGone, queue.Empty, OSError, subprocess.SubprocessError)
"""What a trial raises that did not go as it should."""


@dataclass
class Outcome:
    """What a fault left behind."""

    orphans: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    impossible: str = ""

    @property
    def faults(self) -> int:
        return sum(map(len, (self.orphans, self.states, self.lost, self.different)))


class Trial:
    """A workspace in which one fault strikes."""

    def __init__(self, scratch: Path, baseline: Baseline, number: int, chance: random.Random, after: ExitStack) -> None:
        self.number, self.chance, self.baseline, self.after = number, chance, baseline, after
        self.scratch = scratch
        self.place = scratch / "work"
        self.outcome = Outcome()
        self.family: dict[int, str | None] = {}
        self.finished: dict[str, float] = {}
        self.expected = [baseline.files]

    # The workspace

    def prepare(self, config: dict[str, Any] | None = None, cached: tuple[str, ...] = ()) -> None:
        """Fill the workspace, and put the results of some passes into its cache."""
        self.desk = Desk(self.place, self.baseline.model, config or flow())
        for name in cached:
            entry = f"cache/artifacts/{self.baseline.entries[name]}"
            shutil.copytree(self.baseline.folder / entry, self.place / entry)

    def sit_down(self, **runs: Any) -> Editor:
        """A new editor with a server of its own, which dies with the trial at the latest."""
        self.editor = self.after.enter_context(self.desk.sit_down(BARS, runs=runs))
        return self.editor

    def start(self, **arguments: Any) -> RunFolder:
        """Have the server start a run, the one that is looked at from now on."""
        started = command(self.editor, "run", uri=self.desk.uri, **arguments)
        self.folder = RunFolder(Path(started["folder"]))
        return self.folder

    def kill_server(self) -> None:
        self.editor.process.kill()
        self.editor.process.wait()

    # Looking

    @property
    def record(self) -> RunRecord:
        record = self.folder.read()
        if record is None:
            raise Wrong("the run has no record")
        return record

    def events(self) -> list[dict[str, Any]]:
        """What the run has told; lines that are cut are left out."""
        with suppress(OSError):
            text = self.folder.events.read_text(encoding="utf-8", errors="replace")
            return [{"type": event.TYPE, **vars(event)} for event in load_events(text.splitlines())]
        return []

    def look(self) -> None:
        """Remember the processes and the finished results there are."""
        record = self.folder.read()
        own = record.pid if record else None
        self.family |= {process.pid: identity(process.pid) for process in members(self.folder.path, own)}
        self.finished |= made(self.place / "cache")

    def told(self, *states: str) -> str:
        """Wait for the end that the server tells; it must be one of `states`, true, and leave nothing alive."""
        end = time.monotonic() + PATIENCE
        while (state := self._row()) not in ENDS:
            if time.monotonic() > end:
                raise Wrong(f"{state} for ever instead of {' or '.join(states)}")
            time.sleep(0.05)
        self.count_orphans(leaving=LEAVING if state in ("succeeded", "failed") else 0)
        record = control.settled(self.folder)
        if state not in states or record is None or record.state != state:
            written = record.state.value if record else "nothing"
            self.outcome.states.append(
                f"told {state}, written {written}, not {' or '.join(states)}: {self._last_words()}"
            )
        return state

    def _row(self) -> str:
        rows = command(self.editor, "listRuns")
        return str(next((row["state"] for row in rows if row["runId"] == self.folder.id), "not listed"))

    def _last_words(self) -> str:
        with suppress(OSError):
            return self.folder.console.read_text(errors="replace")[-1500:]
        return ""

    def count_orphans(self, leaving: float = 0) -> None:
        """Count the processes of the trial's runs that are alive, whether or not they carry the mark of one."""
        end = time.monotonic() + leaving
        while (alive := self._alive()) and time.monotonic() < end:
            time.sleep(0.05)
        for pid in alive:
            with suppress(psutil.Error):
                self.outcome.orphans.append(" ".join(psutil.Process(pid).cmdline())[-200:])
        self.family.clear()

    def _alive(self) -> set[int]:
        marked = [process.pid for process in psutil.process_iter() if str(self.scratch) in (variable(process) or "")]
        born = [pid for pid, born in self.family.items() if born and identity(pid) == born and has_memory(pid)]
        return {*marked, *born}

    # Afterwards

    def resume(self) -> None:
        """Have a new server resume the run, which must succeed with the files of one that nobody disturbed."""
        self.kill_server()
        self.finished |= made(self.place / "cache")
        self.sit_down()
        command(self.editor, "resume", runId=self.folder.id)
        self.told("succeeded")
        self.compare()

    def compare(self) -> None:
        """Count finished results that were made again or are gone, and published files that are not as they should."""
        now = made(self.place / "cache")
        self.outcome.lost += [key[:12] for key, when in self.finished.items() if now.get(key) != when]
        found = files(self.place / "models")
        if found not in self.expected:
            wanted = self.expected[0]
            names = {name for name in {*found, *wanted} if found.get(name) != wanted.get(name)}
            self.outcome.different += sorted(names)

    def end_all(self) -> None:
        """End what is left alive; it was counted before."""
        for process in psutil.process_iter():
            if str(self.scratch) in (variable(process) or ""):
                with suppress(psutil.Error):
                    process.kill()


def has_memory(pid: int) -> bool:
    """Whether a process can still do anything: one that was killed loses its memory first, its number last."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False
