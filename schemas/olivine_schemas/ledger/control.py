"""What a run really is doing, and how to stop it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import psutil
from filelock import Timeout

from olivine_schemas.runs import ACTIVE, RunRecord, RunState

from .folder import RunFolder
from .process import is_alive, members

START_SECONDS = 30.0
"""A run that no process has taken up after this time never will be."""
LEAVE_SECONDS = 10.0
"""How long to wait for processes of a run that has told its end but not left yet, before its run is started again."""
RESUMABLE = frozenset({RunState.CANCELLED, RunState.FAILED, RunState.LOST})
"""States that a run can be started again from."""
_STEP = 0.05


@dataclass(frozen=True)
class Limits:
    """Seconds from asking a run to stop to the next, firmer step; the last one leaves nothing alive."""

    ask: float = 10.0
    """A checkpoint is written meanwhile."""
    insist: float = 2.0


def settled(folder: RunFolder) -> RunRecord | None:
    """The record with the state that is true: where the process is gone without a word, that is written down.

    A run whose process ended after it was asked to stop is cancelled, any other is lost. What runs on another machine
    is taken as it is written. None where there is no record.
    """
    record = folder.read()
    if record is None or not _is_here(record):
        return record
    alive = is_alive(record.pid, record.process)
    if record.state is RunState.CANCELLED and alive:
        return replace(record, state=RunState.CANCELLING)
    if record.state not in ACTIVE:
        return record
    if alive or _is_about_to_start(record):
        asked = folder.cancel_mark.exists()
        return replace(record, state=RunState.CANCELLING) if asked else record
    if _left_alive(folder, record):
        return record
    with suppress(OSError, Timeout):
        return folder.update(lambda current: _ended(current, folder) if current == record else current)
    return _ended(record, folder)


def cancel(
    folder: RunFolder,
    limits: Limits = Limits(),
    wait: Callable[[float], None] = time.sleep,
    known: RunRecord | None = None,
) -> RunState | None:
    """Stop a run, whoever started it: ask, insist, then kill. Returns its state once nothing of it is alive.

    A run that ended in the meantime, or before, keeps the state it ended in. One whose folder is gone can be stopped by
    its `known` record. Raises OSError where the folder cannot be written, for the request has to outlive this process.
    """
    record = _seen(folder, known)
    if record is None or record.state not in ACTIVE:
        return record.state if record else None
    for seconds, step in ((limits.ask, _ask), (limits.insist, _insist), (limits.insist, _kill)):
        step(folder, record)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            _wake(record)
            before, record = record, _seen(folder, record) or record
            if record.attempt > before.attempt:  # it had ended, or nobody could have resumed it
                return RunState.CANCELLED
            if record.state not in ACTIVE and not _left_alive(folder, record):
                return record.state
            wait(_STEP)
    _kill(folder, record)
    return (_seen(folder, record) or record).state


def reopen(folder: RunFolder) -> RunRecord | None:
    """Make a run that was cancelled, failed or lost ready to be started again in its folder, and return its record.

    None where there is no record, where something of the run is alive, or where it succeeded. Raises OSError.
    """
    await_leaving(folder)
    opened = False

    def change(record: RunRecord) -> RunRecord:
        nonlocal opened
        fresh = reopened(folder, record)
        opened = fresh is not None
        return fresh or record

    record = folder.update(change)
    return record if opened else None


def await_leaving(folder: RunFolder, wait: Callable[[float], None] = time.sleep) -> RunRecord | None:
    """The record with the state that is true; where the run has told its end, once its processes have left."""
    end = time.monotonic() + LEAVE_SECONDS
    while (record := settled(folder)) and record.state not in ACTIVE and time.monotonic() < end:
        if not is_alive(record.pid, record.process) and not _left_alive(folder, record):
            break
        wait(_STEP)
    return record


def reopened(folder: RunFolder, record: RunRecord) -> RunRecord | None:
    """What the record of a run becomes that is started again, without its cancel mark; None where that may not be.

    To be called while nobody else writes the record.
    """
    if record.state not in RESUMABLE or _left_alive(folder, record):
        return None
    folder.cancel_mark.unlink(missing_ok=True)
    fresh = replace(record, state=RunState.QUEUED, attempt=record.attempt + 1, pid=None, process=None)
    return replace(fresh, started=time.time(), ended=None, message="")


def _is_here(record: RunRecord) -> bool:
    return record.host in ("", socket.gethostname())


def _is_about_to_start(record: RunRecord) -> bool:
    # A moment far ahead is one from before the clock was set back.
    return record.pid is None and abs(time.time() - max(record.created, record.started or 0.0)) < START_SECONDS


def _ended(record: RunRecord, folder: RunFolder) -> RunRecord:
    state = RunState.CANCELLED if folder.cancel_mark.exists() else RunState.LOST
    return replace(record, state=state, ended=time.time())


def _left_alive(folder: RunFolder, record: RunRecord) -> list[psutil.Process]:
    """The run's living processes other than this one."""
    own = record.pid if is_alive(record.pid, record.process) else None
    return list(members(folder.path, own))


def _seen(folder: RunFolder, known: RunRecord | None) -> RunRecord | None:
    """The record with the state that is true; of a run whose folder is gone, what its processes make of a known one."""
    record = settled(folder)
    if record is not None or known is None:
        return record
    return known if _left_alive(folder, known) else replace(known, state=RunState.CANCELLED)


def _ask(folder: RunFolder, record: RunRecord) -> None:
    """The mark is the request; the run's process looks for it. One whose folder is gone hears a signal alone."""
    try:
        folder.cancel_mark.touch()
    except FileNotFoundError:
        if record.pid is not None and is_alive(record.pid, record.process):
            with suppress(psutil.Error):
                psutil.Process(record.pid).terminate()


def _wake(record: RunRecord) -> None:
    """A run that was suspended cannot look, nor save anything."""
    if record.pid is not None and is_alive(record.pid, record.process):
        with suppress(psutil.Error):
            process = psutil.Process(record.pid)
            if process.status() == psutil.STATUS_STOPPED:
                process.resume()


def _insist(folder: RunFolder, record: RunRecord) -> None:
    for process in _left_alive(folder, record):
        with suppress(psutil.Error):
            process.resume()
            process.terminate()


def _kill(folder: RunFolder, record: RunRecord) -> None:
    for process in _left_alive(folder, record):
        with suppress(psutil.Error):
            process.kill()
