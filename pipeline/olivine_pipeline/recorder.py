"""What a run writes into its folder: its record, its events, and what a person reads of it afterwards."""

from __future__ import annotations

import faulthandler
import io
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, cast

from olivine_schemas import runs
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.ledger.process import RUN_VARIABLE, identity, is_alive
from olivine_schemas.redact import redact
from olivine_schemas.runs import TRANSITIONS, RunRecord, RunState

from .cancel import Cancel
from .errors import RunError
from .journal import EventFile, Journal, open_for_append
from .terminal import PlainDisplay

POLL_SECONDS = 0.1
"""How often a run looks whether someone asked it to stop."""

PATIENCE = 60.0
"""Seconds that a run waits for whoever writes its record too, as on a slow disk: nobody else knows how it ended."""


class Recorder:
    """Keeps the record of a run, as a sink of its journal, and listens to its cancel mark.

    A run outlives its folder: what cannot be written is left out.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.console: PlainDisplay | None = None
        """Lines for `console.log`; None where the file cannot be written."""

    def take_up(self, cancel: Cancel) -> RunRecord:
        """Make this process the run's, and listen to its cancel mark. `RunError` where that may not be."""
        record = self.folder.read()
        if record is None:
            raise RunError("no-run-folder", f"{self.folder.path} is not the folder of a run.")
        own = (os.getpid(), os.getppid())  # Python in a virtual environment of Windows is the child of what was started
        if record.pid not in own and is_alive(record.pid, record.process):
            raise RunError("run-alive", f"The run {record.id} is alive already, as process {record.pid}.")
        os.environ[RUN_VARIABLE] = str(self.folder.path.resolve())
        threading.Thread(target=self._listen, args=(cancel,), daemon=True, name="cancel mark").start()
        taken = {"pid": os.getpid(), "process": identity(os.getpid()), "host": socket.gethostname()}
        started = {"started": time.time(), "ended": None, "message": "", "output": None}
        return self._update(lambda current: replace(current, state=RunState.STARTING, **taken, **started)) or record

    def open_files(self, journal: Journal) -> None:
        """Send the journal's events to the folder from now on, and what Python writes to standard error too."""
        with suppress(OSError):
            journal.add(EventFile(str(self.folder.events)))
        with suppress(OSError):
            journal.add(NumbersFile(EventFile(str(self.folder.metrics))))
        with suppress(OSError):
            log = LogFile(self.folder.console)
            self.console = PlainDisplay(cast("TextIO", log))
            journal.add(self.console)
            # Whoever started the run may have made the log its standard error already.
            same = os.path.sameopenfile(2, log.fileno())
            sys.stderr = cast("TextIO", log if same else Tee(sys.stderr, log))
            faulthandler.enable(log.fileno())
        journal.add(self)  # last: whoever reads that the run has ended finds all that it has told

    def state(self, state: RunState, **changes: Any) -> None:
        """Write a new state down, unless the run's life does not allow it."""

        def change(current: RunRecord) -> RunRecord:
            allowed = state in TRANSITIONS[current.state]
            return replace(current, state=state, **changes) if allowed else current

        self._update(change)

    def note(self, **fields: Any) -> None:
        """Write fields of the record down."""
        self._update(lambda current: replace(current, **fields))

    def write(self, event: runs.Event) -> None:
        """The states that follow from what the journal tells."""
        if isinstance(event, runs.RunStarted):
            self.state(RunState.RUNNING, device=event.device, versions=event.versions)
        elif isinstance(event, runs.RunFailed):
            self.state(RunState.FAILED, message=f"{event.message} {event.hint}".strip(), ended=event.time)
        elif isinstance(event, runs.RunFinished):
            self.state(RunState(event.state), output=event.output, ended=event.time)

    def close(self) -> None:
        """Nothing is held back."""

    def _update(self, change: Any) -> RunRecord | None:
        with suppress(OSError):  # filelock's Timeout is one
            return self.folder.update(change, PATIENCE)
        return None

    def _listen(self, cancel: Cancel) -> None:
        while not cancel.requested:
            if self.folder.cancel_mark.exists():
                cancel.request()
            time.sleep(POLL_SECONDS)


class NumbersFile:
    """A sink for metric and evaluated events alone."""

    def __init__(self, file: EventFile) -> None:
        self._file = file

    def write(self, event: runs.Event) -> None:
        if isinstance(event, (runs.Metric, runs.Evaluated)):
            self._file.write(event)

    def close(self) -> None:
        self._file.close()


class LogFile(io.TextIOBase):
    """A text file that is appended to by whole lines, without secrets; OSError where a line cannot be written."""

    encoding = "utf-8"

    def __init__(self, path: Path) -> None:
        self._descriptor = open_for_append(path)
        self._lock = threading.Lock()
        self._line = ""

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._line = (self._line + text).split("\n")
        if lines:
            whole = "".join(f"{line}\n" for line in lines)
            os.write(self._descriptor, redact(whole).encode("utf-8", "backslashreplace"))
        return len(text)

    def fileno(self) -> int:
        return self._descriptor


class Tee:
    """A stream whose text goes to a log too."""

    def __init__(self, stream: TextIO, log: LogFile) -> None:
        self._stream = stream
        self._log = log

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._log.write(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
