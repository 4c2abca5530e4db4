"""Following a job: its states and the lines of its log become the events that a run on this machine tells."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from azure.core.exceptions import HttpResponseError

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.errors import Cancelled, RunError
from olivine_pipeline.journal import Journal
from olivine_schemas import runs

from .connection import ASKING_SECONDS, FIRST_WAIT, LONGEST_WAIT, Connection, wait_for
from .refusals import LOGIN, is_passing, is_signature, refusal, status_of

POLL_SECONDS = 2.0
LEAVE_SECONDS = 6.0
"""How long a cancelled run waits for the job's end: Azure ML may take minutes, and ends it all the same."""
SIGNATURES = 3
"""How many signatures for a log may be refused in a row before it counts as closed."""
TERMINAL = frozenset({"Completed", "Failed", "Canceled", "NotResponding"})
_LOG = re.compile(r"user_logs/std_log(_process_0+)?\.txt")
"""Of a job on several nodes, the log of the first process."""
_WAITING = {
    "NotStarted": "waiting for Azure ML",
    "Starting": "waiting for Azure ML",
    "Provisioning": "waiting for a node",
    "Queued": "queued, waiting for a node",
    "Preparing": "preparing the environment",
    "Finalizing": "keeping the results",
    "CancelRequested": "cancelling",
}
_WITHOUT_NODE = frozenset({"NotStarted", "Starting", "Provisioning", "Queued", "Preparing"})
_LAST_LINES = 5


@dataclass
class Job:
    """What is known of a job from its log."""

    name: str
    compute: str
    config: str
    """Path of the config on this machine."""
    status: str = ""
    artifacts: list[runs.Artifact] = field(default_factory=list)
    failed: runs.RunFailed | None = None
    finished: runs.RunFinished | None = None
    last_lines: list[str] = field(default_factory=list)
    error: str = ""
    """What Azure ML says of a job that failed."""


@dataclass
class LogFile:
    """How far a log file was read."""

    offset: int = 0
    rest: bytes = b""
    created: str = ""
    """When the file was made: one of the same name may take its place."""

    def lines(self, data: bytes) -> Iterator[str]:
        """The whole lines that end in `data`."""
        self.offset += len(data)
        *whole, self.rest = (self.rest + data).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")


class Watcher:
    """Follows one job to its end. No fault of the network or the service ends the watching: the job goes on too."""

    def __init__(
        self,
        connection: Connection,
        job: Job,
        journal: Journal,
        cancel: Cancel,
        on_state: Callable[[runs.RunState], None] = lambda state: None,
    ) -> None:
        self._connection = connection
        self._job = job
        self._journal = journal
        self._cancel = cancel
        self._on_state = on_state
        self._doing = ""
        self._logs: dict[str, LogFile] = {}
        self._asked: float | None = None
        self._not_cancelled: RunError | None = None
        self._refused = 0
        self._troubled = ""

    def follow(self) -> None:
        """Tell everything until the job has ended. Raises `Cancelled` and `RunError`."""
        # In a thread of its own: this one may be waiting for an answer.
        forget = self._cancel.on_request(lambda: threading.Thread(target=self._stop_job, daemon=True).start())
        try:
            self._follow()
        finally:
            forget()

    def _follow(self) -> None:
        wait = FIRST_WAIT
        while True:
            self._hear_cancel()
            try:
                ended = self._look()
                wait, self._troubled = FIRST_WAIT, ""
            except RunError:
                raise
            except Exception as error:
                self._excuse(error, wait)
                self._sleep(wait_for(error, wait))
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            if ended:
                return
            self._sleep(POLL_SECONDS)

    def _look(self) -> bool:
        """Read what is new; whether the job has ended, its log read to the end."""
        details = self._connection.details(self._job.name)
        status = str(details["status"])
        for name, url in sorted((details.get("logFiles") or {}).items()):
            if _LOG.fullmatch(name):
                self._try_to_read(name, url)
        before, self._job.status = self._job.status, status
        if status != before:
            self._tell_status(status)
        self._tell_waiting(details)
        if status in TERMINAL:
            self._tell_rest()
        if status == "Failed":
            self._job.error = str(((details.get("error") or {}).get("error") or {}).get("message") or "")
        return status in TERMINAL

    def _tell_status(self, status: str) -> None:
        self._journal.log("info", f"Azure ML: the job {self._job.name} is {status}")
        if status in _WITHOUT_NODE:
            self._on_state(runs.RunState.QUEUED)
        elif status == "Running":
            self._on_state(runs.RunState.STARTING)

    def _tell_waiting(self, details: dict[str, Any]) -> None:
        """What the job waits for; of one in a queue also what Azure ML says of that, such as its position."""
        doing = _WAITING.get(self._job.status, "")
        said = str((details.get("queueingInfo") or {}).get("message") or "").strip()
        if self._job.status == "Queued" and said:
            doing = f"queued: {said}"
        if doing and doing != self._doing:
            self._journal.progress(doing, 0, 0, "job")
        self._doing = doing

    def _try_to_read(self, name: str, url: str) -> None:
        """Read what is new in a log; where storage refuses every signature, the job is followed without."""
        try:
            self._read(name, url)
            self._refused = 0
        except HttpResponseError as error:
            self._refused += 1
            if not is_signature(error) or self._refused < SIGNATURES:
                raise
            if self._refused == SIGNATURES:
                text = "The storage behind the workspace does not let you read the job's log: it is followed without."
                self._journal.warn("azure-no-log", text)

    def _read(self, name: str, url: str) -> None:
        log = self._logs.setdefault(name, LogFile())
        piece = self._connection.read(url, log.offset)
        if piece.size < log.offset or log.created not in ("", piece.created):
            # The node was taken away, and the job began again on another.
            log = self._logs[name] = LogFile()
            piece = self._connection.read(url, 0)
        log.created = piece.created
        for line in log.lines(piece.data):
            self._tell(line)

    def _tell_rest(self) -> None:
        """The last lines, where nothing ended them."""
        for log in self._logs.values():
            rest, log.rest = log.rest.decode("utf-8", "replace"), b""
            self._tell(rest)

    def _tell(self, line: str) -> None:
        event = runs.load_event(line) if line.startswith("{") else None
        if event is not None:
            self._tell_event(event)
        elif line.strip():
            self._job.last_lines = [*self._job.last_lines, line][-_LAST_LINES:]
            self._journal.log("info", line)

    def _tell_event(self, event: runs.Event) -> None:
        """Pass an event on as one of this run; what ends the job does not end the run yet."""
        job = self._job
        if isinstance(event, runs.RunStarted):
            job.artifacts, job.failed, job.finished = [], None, None  # a job that began again tells anew
            device = f"{event.device} at Azure ML ({job.compute})"
            self._journal.emit(replace(event, config=job.config, pid=os.getpid(), device=device))
        elif isinstance(event, runs.RunFailed):
            job.failed = event
        elif isinstance(event, runs.RunFinished):
            job.finished = event
        elif isinstance(event, runs.Artifact):
            job.artifacts.append(event)
        elif isinstance(event, runs.Warned):
            self._journal.emit(replace(event, location=None))  # a place in the config of the snapshot
        else:
            self._journal.emit(event)

    def _stop_job(self) -> None:
        try:
            stop_job(self._connection, self._job.name)
            self._journal.log("info", f"asked Azure ML to cancel the job {self._job.name}")
            self._asked = time.monotonic()
        except RunError as error:
            self._not_cancelled = error
            time.sleep(FIRST_WAIT)
            if not self._journal.ended:  # still waiting for an answer, and may be killed before there is one
                self._journal.warn(error.code, f"{error.message} {error.hint}")

    def _hear_cancel(self) -> None:
        if self._not_cancelled:
            raise self._not_cancelled
        if self._asked is not None and time.monotonic() - self._asked > LEAVE_SECONDS:
            raise Cancelled

    def _excuse(self, error: Exception, wait: float) -> None:
        """Go on in spite of an error, and say so once; RunError where waiting does not help."""
        status = status_of(error)
        if status == 401 or type(error).__name__ in ("CredentialUnavailableError", "ClientAuthenticationError"):
            self._connection.sign_in_again()
            self._trouble("azure-sign-in", f"The sign-in to Azure has ended; the job goes on unwatched. {LOGIN}", wait)
        elif is_signature(error):
            return  # the next details bring a new one
        elif is_passing(error):
            self._trouble("azure-unreachable", "Azure does not answer; the job goes on, and is followed later.", wait)
        else:
            raise refusal(error, self._connection.workspace) from error

    def _trouble(self, code: str, message: str, wait: float) -> None:
        """One slip is not worth a word: the second in a row is."""
        if wait > FIRST_WAIT and self._troubled != code:
            self._troubled = code
            self._journal.warn(code, message)

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            if self._cancel.requested:  # the job is about to end
                end = min(end, now + FIRST_WAIT / 2)
            time.sleep(min(end - now, 0.1))


def stop_job(connection: Connection, name: str) -> None:
    """Ask for the end of a job. `RunError` where that cannot be done in seconds: the job goes on, and costs."""
    end = time.monotonic() + ASKING_SECONDS
    while True:
        try:
            return connection.cancel(name)
        except Exception as error:
            if time.monotonic() < end and (is_passing(error) or status_of(error) == 401):
                connection.sign_in_again()
                time.sleep(FIRST_WAIT / 2)
                continue
            place = connection.workspace
            message = f"The job {name} is not cancelled and goes on: {refusal(error, place).message}"
            names = f"-n {name} -g {place.resource_group} -w {place.workspace_name}"
            hint = f"Cancel it on its page in the studio, or run: az ml job cancel {names}"
            raise RunError("azure-not-cancelled", message, hint) from error


def raise_failure(job: Job) -> None:
    """Raise what a job that has ended without results comes to: `Cancelled`, or `RunError` in the person's words."""
    if job.status == "Completed" and not job.failed:
        return
    if job.failed:
        raise RunError(job.failed.code, job.failed.message, job.failed.hint)
    if job.status == "Canceled" or (job.finished and job.finished.state == runs.RunState.CANCELLED.value):
        raise Cancelled
    said = "; ".join(line.strip() for line in job.last_lines[-2:])
    message = f"The job {job.name} failed at Azure ML: {job.error or 'no reason is given'}"
    hint = f"Its last lines: {said}" if said else "Its page in the studio has the logs."
    raise RunError("azure-job-failed", message, hint)
