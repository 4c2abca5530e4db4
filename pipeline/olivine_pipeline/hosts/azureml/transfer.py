"""Files from a blob store: continued where they were cut, checked when they are whole, given up only for a reason."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.errors import Cancelled, RunError

from .connection import FIRST_WAIT, LONGEST_WAIT, PATIENCE_SECONDS, Warn, sleep
from .refusals import is_passing, refusal, status_of
from .request import Workspace

CHUNK = 4 << 20
NEW_SIGNATURES = 2
"""How often in a row an access that is refused is tried with a new signature."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
T = TypeVar("T")


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch: its path in the folder, its blob, its bytes, and what is known of them.

    `sha256` is hexadecimal; `md5` is as the store keeps it, which does so for most files; with `etag` a blob that
    changes meanwhile is refused.
    """

    name: str
    blob: str
    size: int
    sha256: str = ""
    md5: bytes = b""
    etag: str = ""


class Transfer:
    """Brings blobs of one container into `folder`; what is there already and right is not fetched again.

    `connect` makes a client of the container, again where a signature has ended; `missing` is the error for blobs that
    are not there; `warn` hears, once, that nothing comes any more.
    """

    def __init__(
        self,
        connect: Callable[[], ContainerClient],
        workspace: Workspace,
        cancel: Cancel,
        missing: RunError,
        warn: Warn = lambda code, message: None,
    ) -> None:
        self._connect = connect
        self._workspace = workspace
        self._cancel = cancel
        self._missing = missing
        self._warn = warn
        self._container: ContainerClient | None = None

    def fetch(self, files: Sequence[RemoteFile], folder: Path, tell: Callable[[int, int], None]) -> None:
        """Fetch every file; `tell` hears bytes done and bytes in all. `RunError` where they cannot be had."""
        total, done = sum(file.size for file in files), 0
        for file in files:
            target = folder / file.name
            if not (target.is_file() and target.stat().st_size == file.size and _is_right(target, file)):
                before = done
                try:
                    self._fetch(file, target, lambda here, before=before: tell(before + here, total))  # type: ignore[misc]
                except OSError as error:
                    if error.errno not in _FULL:
                        raise
                    message = f"The disk that holds {folder} is full."
                    raise RunError("disk-full", message, "Free space, and start again.") from error
            done += file.size
            tell(done, total)

    def ask(self, question: Callable[[ContainerClient], T]) -> T:
        """The store's answer to a question about the container."""
        answers: list[T] = []
        self._persist(lambda: answers.append(question(self._open())))
        return answers[0]

    def _fetch(self, file: RemoteFile, target: Path, tell: Callable[[int], None]) -> None:
        """Fetch a file into place; one whose bytes turn out wrong is fetched once more from its start."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        for _ in range(2):
            self._persist(lambda: self._append(file, part, tell), lambda: _size(part))
            if _is_right(part, file):
                part.replace(target)
                return
            part.unlink()
        raise RunError("azure-download", f"{file.name} arrives with other bytes than were stored.", "Start again.")

    def _append(self, file: RemoteFile, part: Path, tell: Callable[[int], None]) -> None:
        """Continue a file from where it was cut."""
        have = _size(part)
        if have > file.size:
            part.unlink()
            have = 0
        only = {"etag": file.etag, "match_condition": MatchConditions.IfNotModified} if file.etag else {}
        with part.open("ab") as writer:
            while have < file.size:
                self._cancel.check()
                length = min(CHUNK, file.size - have)
                data = self._open().download_blob(file.blob, offset=have, length=length, **only).readall()
                writer.write(data)
                writer.flush()
                have += len(data)
                tell(have)

    def _open(self) -> ContainerClient:
        if self._container is None:
            self._container = self._connect()
        return self._container

    def _persist(self, work: Callable[[], None], progress: Callable[[], int] = lambda: 0) -> None:
        """Do it until it goes well: a cut connection is taken up again, an expired signature replaced."""
        tries, since, reached = 0, 0.0, progress()
        while True:
            self._cancel.check()
            try:
                return work()
            except ResourceNotFoundError as error:
                raise self._missing from error
            except Exception as error:
                self._give_up_on(error, tries)
            if progress() > reached or not since:
                tries, since, reached = 0, time.monotonic(), progress()
            if time.monotonic() - since > PATIENCE_SECONDS:
                raise RunError("azure-download", "The download is cut again and again.", "Start again later.")
            tries += 1
            if tries == 2:  # one slip is not worth a word
                self._tell_silence()
            sleep(min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT), self._cancel)

    def _tell_silence(self) -> None:
        minutes = round(PATIENCE_SECONDS / 60)
        self._warn("azure-unreachable", f"Nothing comes from Azure. This is tried again for {minutes} minutes.")
        self._warn = lambda code, message: None

    def _give_up_on(self, error: Exception, tries: int) -> None:
        """Raise where trying again does not help."""
        if isinstance(error, (RunError, Cancelled)) or _is_of_this_machine(error):
            raise error
        status = status_of(error)
        if status == 412:
            message = "A file changed in the cloud while it was downloaded."
            raise RunError("azure-changed", message, "Start again.") from error
        if status in (401, 403) and tries < NEW_SIGNATURES:
            self._container = None
        elif not is_passing(error):
            raise refusal(error, self._workspace) from error


def _is_of_this_machine(error: Exception) -> bool:
    """Whether a file here cannot be written, such as on a full disk."""
    return isinstance(error, OSError) and (error.filename is not None or error.errno in _FULL)


def is_below(name: str) -> bool:
    """Whether a file of this name stays in the folder that it is fetched into, on every system."""
    path = PureWindowsPath(name)  # takes more for a separator or a root than others
    return bool(path.parts) and not path.anchor and ".." not in path.parts


def _is_right(path: Path, file: RemoteFile) -> bool:
    """Whether a file has the bytes that are known of it; where nothing is known, as many as there are to be."""
    if not (file.sha256 or file.md5):
        return _size(path) == file.size
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as reader:
        while block := reader.read(CHUNK):
            (sha256 if file.sha256 else md5).update(block)
    return sha256.hexdigest() == file.sha256 if file.sha256 else md5.digest() == bytes(file.md5)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
