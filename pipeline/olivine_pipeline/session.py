"""What every command that is a run does: take requests to stop, and tell how it ended, whatever happens."""

from __future__ import annotations

import argparse
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.problems import Severity
from olivine_schemas.runs import Location, RunRecord, RunState

from . import findings
from .cancel import Cancel
from .cli import CANCELLED, DONE, FAILED, REFUSED
from .errors import Cancelled, ConfigRefused, RunError, missing_package
from .journal import Journal, keep_traceback
from .recorder import Recorder
from .terminal import Display

REFUSALS = (
    "unreadable-config",
    "unknown-pass-name",
    "override-refused",
    "no-run-folder",
    "run-alive",
    "missing-package",
)
"""Codes of `RunError` that refuse the command line before anything runs."""
Result = TypeVar("Result")


@dataclass
class Session:
    """What the steps of a run share."""

    config: Path
    args: argparse.Namespace
    display: Display
    journal: Journal
    cancel: Cancel = field(default_factory=Cancel)
    recorder: Recorder | None = None
    record: RunRecord | None = None
    started: float = field(default_factory=time.monotonic)

    def say_cancelled(self) -> None:
        """Tell that the run was stopped, unless its end is told already."""
        if not self.journal.ended:
            self.journal.finished(RunState.CANCELLED, time.monotonic() - self.started)

    def last_words(self) -> None:
        """Tell that the run was stopped, for this process is about to end."""
        self.say_cancelled()
        self.journal.close()

    def take_up(self, folder: RunFolder) -> RunRecord:
        """Be the run of this folder from now on."""
        recorder = Recorder(folder)
        self.record = recorder.take_up(self.cancel)
        self.recorder = recorder
        recorder.open_files(self.journal)
        return self.record

    @property
    def displays(self) -> list[Display]:
        """The terminal, and the log of the run."""
        return [self.display, *([self.recorder.console] if self.recorder and self.recorder.console else [])]


def told(run: Session, work: Callable[[Session], Result], show: Callable[[Result], None] = lambda _: None) -> int:
    """Do the work and show its result; every other way it can end becomes its event and exit code."""
    journal = run.journal
    try:
        result = work(run)
    except ConfigRefused as error:
        journal.failed(_refusal(error, run.displays))
        return REFUSED
    except (Cancelled, KeyboardInterrupt):
        run.say_cancelled()
        return CANCELLED
    except Exception as error:
        if not journal.ended:
            journal.failed(error if isinstance(error, RunError) else _explained(error, run))
        return REFUSED if getattr(error, "code", "") in REFUSALS else FAILED
    finally:
        run.cancel.ended()
    show(result)
    return DONE


def listen(run: Session) -> None:
    """Take signals as requests to stop, and say so when one comes."""

    def tell() -> None:
        run.display.stopping()
        if run.recorder:
            run.recorder.state(RunState.CANCELLING)
        run.journal.log("info", "asked to stop")

    # In a thread of its own: a signal handler may interrupt the very write that it would make.
    run.cancel.on_request(lambda: threading.Thread(target=tell, daemon=True).start())
    run.cancel.install()


def quiet_libraries(journal: Journal) -> None:
    """Send what libraries log to the event file, and keep their progress bars off the terminal."""
    for name, value in {
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "warning",
        "TQDM_DISABLE": "1",
    }.items():
        os.environ.setdefault(name, value)
    logging.captureWarnings(True)
    logging.getLogger().addHandler(_JournalHandler(journal))


class _JournalHandler(logging.Handler):
    """Passes warnings of libraries on as log events, which the terminal leaves out."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        self._journal.log("info", f"{record.name}: {record.getMessage()}")


def _refusal(error: ConfigRefused, displays: list[Display]) -> RunError:
    """Show what is wrong with the config, and say it in one line."""
    checked = findings.of_refusal(error)
    for display in displays:
        show_text(findings.human([checked], display.colour), [display])
    errors = sorted((p for p in error.problems if p.severity is Severity.ERROR), key=lambda problem: problem.span)
    first = Location(error.path, *checked.position(errors[0].span.start)) if errors else None
    count = f"{len(errors)} error" + ("s" if len(errors) != 1 else "")
    return RunError("config-refused", f"The config has {count}; nothing was run.", location=first)


def _explained(error: Exception, run: Session) -> RunError:
    """An exception that no pass foresaw, in a line; the traceback goes to the log."""
    log = _keep_details(run)
    details = f"The details are in {log}." if log else "The disk has no room for the details."
    if isinstance(error, ModuleNotFoundError):
        return missing_package(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's name for a GPU's
        return RunError("out-of-memory", "There is not enough memory.", f"A smaller batch or model may fit. {details}")
    first = (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
    return RunError("unexpected", f"{type(error).__name__}: {first}.", details)


def _keep_details(run: Session) -> Path | None:
    """Put the traceback of the exception at hand into the run's log, or beside the events, or into the user's log."""
    with suppress(OSError):
        if run.recorder and run.recorder.console and run.recorder.folder.console.exists():
            run.recorder.console.show_text(traceback.format_exc())
            return run.recorder.folder.console
    with suppress(OSError):
        events = run.args.events
        return keep_traceback(None if events in (None, "-") else Path(events).parent)
    return None


def show_text(text: str, displays: list[Display]) -> None:
    """Show a text on every display that can take it."""
    for display in displays:
        with suppress(OSError):  # a full disk, or a reader that has left
            display.show_text(text)
