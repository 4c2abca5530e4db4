"""`olivine run`: do what a config says."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from olivine_pipeline import findings
from olivine_pipeline.cancel import Cancel
from olivine_pipeline.cli import CANCELLED, DONE, FAILED, REFUSED
from olivine_pipeline.documents import read_config
from olivine_pipeline.errors import Cancelled, ConfigRefused, RunError
from olivine_pipeline.journal import EventFile, Journal, keep_traceback
from olivine_pipeline.terminal import Display, open_display

if TYPE_CHECKING:
    from olivine_pipeline.report import RunReport
from olivine_schemas.problems import Severity
from olivine_schemas.runs import Location, RunState

DEFAULT_CONFIG = Path("olive-config.json")
REFUSALS = ("unreadable-config", "unknown-pass-name")
"""Codes of `RunError` that refuse the command line before anything runs."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config", nargs="?", type=Path, metavar="CONFIG", help=f"config to run (default: {DEFAULT_CONFIG})"
    )
    parser.add_argument(
        "--config", dest="named", type=Path, metavar="CONFIG", help="the same, as Microsoft Olive spells it"
    )
    parser.add_argument("--events", metavar="FILE", help="append events as JSON lines to FILE; - is standard output")
    parser.add_argument("--up-to", metavar="PASS", help="stop after this pass")
    parser.add_argument("--force", action="store_true", help="run every pass again, whatever is cached")
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")


def execute(args: argparse.Namespace) -> int:
    """Run the config and tell how it goes; the exit code says how it ended."""
    config = args.named or args.config or DEFAULT_CONFIG
    display = open_display(sys.stderr if args.events == "-" else sys.stdout, args.plain)
    journal = Journal([display, *([EventFile(args.events)] if args.events else [])])
    logs = None if args.events in (None, "-") else Path(args.events).parent
    with closing(journal):
        return supervise(config, args, journal, display, logs)


def supervise(config: Path, args: argparse.Namespace, journal: Journal, display: Display, logs: Path | None) -> int:
    """Run, and turn every way a run can end into its event and exit code."""
    started = time.monotonic()
    try:
        read_config(config)
        cancel = cancelled_by_signals(journal, display)
        quiet_libraries(journal)
        from olivine_pipeline import workflow

        report = workflow.run(config, journal, cancel=cancel, up_to=args.up_to, force=args.force)
    except ConfigRefused as error:
        journal.failed(refusal(error, display))
        return REFUSED
    except (Cancelled, KeyboardInterrupt):
        if not journal.ended:
            journal.finished(RunState.CANCELLED, time.monotonic() - started)
        return CANCELLED
    except Exception as error:
        if not journal.ended:
            journal.failed(error if isinstance(error, RunError) else explained(error, logs))
        return REFUSED if getattr(error, "code", "") in REFUSALS else FAILED
    show_stages(report, display)
    return DONE


def cancelled_by_signals(journal: Journal, display: Display) -> Cancel:
    """A `Cancel` that listens to signals and says so when one comes."""

    def tell() -> None:
        display.stopping()
        journal.log("info", "asked to stop")

    cancel = Cancel()
    # In a thread of its own: a signal handler may interrupt the very write that it would make.
    cancel.on_request(lambda: threading.Thread(target=tell, daemon=True).start())
    cancel.install()
    return cancel


def quiet_libraries(journal: Journal) -> None:
    """Send what libraries log to the event file, and keep their progress bars off the terminal."""
    for name, value in {
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "warning",
        "TQDM_DISABLE": "1",
    }.items():
        os.environ.setdefault(name, value)
    logging.captureWarnings(True)
    logging.getLogger().addHandler(JournalHandler(journal))


class JournalHandler(logging.Handler):
    """Passes warnings of libraries on as log events, which the terminal leaves out."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        self._journal.log("info", f"{record.name}: {record.getMessage()}")


def refusal(error: ConfigRefused, display: Display) -> RunError:
    """Show what is wrong with the config, and say it in one line."""
    checked = findings.of_refusal(error)
    display.show_text(findings.human([checked], display.colour))
    errors = sorted((p for p in error.problems if p.severity is Severity.ERROR), key=lambda problem: problem.span)
    first = Location(error.path, *checked.position(errors[0].span.start)) if errors else None
    count = f"{len(errors)} error" + ("s" if len(errors) != 1 else "")
    return RunError("config-refused", f"The config has {count}; nothing was run.", location=first)


def explained(error: Exception, logs: Path | None) -> RunError:
    """An exception that no pass foresaw, in a line; the traceback goes to the log."""
    log = keep_traceback(logs)
    details = f"The details are in {log}."
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        return RunError(
            "missing-package", f"The package {package!r} is not installed.", "Run: pip install 'olivine[pipeline]'"
        )
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's name for a GPU's
        return RunError("out-of-memory", "There is not enough memory.", f"A smaller batch or model may fit. {details}")
    first = (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
    return RunError("unexpected", f"{type(error).__name__}: {first}.", details)


def show_stages(report: RunReport, display: Display) -> None:
    """Show the table of what was measured at every stage."""
    from olivine_pipeline.report import stage_table

    display.show(stage_table(report))
