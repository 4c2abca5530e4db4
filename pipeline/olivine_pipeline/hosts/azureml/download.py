"""Results of a job brought here: checked against the checksums made on the compute, continued where they were cut."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.digests import digest_file, digest_of
from olivine_pipeline.errors import RunError
from olivine_pipeline.publish import publish
from olivine_pipeline.store import Entry

from .connection import FIRST_WAIT, LONGEST_WAIT, Connection, results_prefix
from .job import MANIFEST
from .refusals import is_passing, refusal, status_of

CHUNK = 4 << 20
TRIES = 8
"""Times in a row that a download may fail without a byte of progress."""


@dataclass(frozen=True)
class ResultFile:
    """A file of the results: its path, its bytes, its SHA-256."""

    name: str
    size: int
    sha256: str


class Download:
    """The results of one job, fetched into `folder`; what is there already and right is not fetched again."""

    def __init__(self, connection: Connection, datastore: str, job: str, folder: Path, cancel: Cancel) -> None:
        self._connection = connection
        self._datastore = datastore
        self._prefix = results_prefix(job)
        self._folder = folder
        self._cancel = cancel
        self._container: ContainerClient | None = None

    def fetch(self, tell: Callable[[int, int], None]) -> list[ResultFile]:
        """Fetch every file; `tell` hears bytes done and bytes in all. `RunError` where they cannot be had."""
        files = self._manifest()
        total, done = sum(file.size for file in files), 0
        for file in files:
            target = self._folder / file.name
            if not (target.is_file() and target.stat().st_size == file.size and digest_file(target) == file.sha256):
                before = done
                self._fetch(file, target, lambda here, before=before: tell(before + here, total))  # type: ignore[misc]
            done += file.size
            tell(done, total)
        return files

    def _manifest(self) -> list[ResultFile]:
        data = bytearray()
        self._persist(lambda: _replace(data, self._open().download_blob(self._prefix + MANIFEST).readall()))
        files = json.loads(bytes(data))["files"]
        return [ResultFile(name, one["size"], one["sha256"]) for name, one in sorted(files.items()) if _is_below(name)]

    def _fetch(self, file: ResultFile, target: Path, tell: Callable[[int], None]) -> None:
        """Fetch a file into place; one whose bytes turn out wrong is fetched once more from its start."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        for _ in range(2):
            self._persist(lambda: self._append(file, part, tell), lambda: _size(part))
            if digest_file(part) == file.sha256:
                part.replace(target)
                return
            part.unlink()
        raise RunError("azure-download", f"{file.name} arrives with other bytes than the job wrote.", "Start again.")

    def _append(self, file: ResultFile, part: Path, tell: Callable[[int], None]) -> None:
        """Continue a file from where it was cut."""
        have = _size(part)
        if have > file.size:
            part.unlink()
            have = 0
        with part.open("ab") as writer:
            while have < file.size:
                self._cancel.check()
                length = min(CHUNK, file.size - have)
                blob = self._open().download_blob(self._prefix + file.name, offset=have, length=length)
                data = blob.readall()
                writer.write(data)
                writer.flush()
                have += len(data)
                tell(have)

    def _open(self) -> ContainerClient:
        if self._container is None:
            storage = self._connection.storage(self._datastore)
            self._container = ContainerClient(
                storage.url, storage.container, credential=storage.secret, retry_total=0, read_timeout=60
            )
        return self._container

    def _persist(self, work: Callable[[], None], progress: Callable[[], int] = lambda: 0) -> None:
        """Do it until it goes well: a cut connection is taken up again, an expired signature replaced."""
        wait, left, reached = FIRST_WAIT, TRIES, progress()
        while True:
            self._cancel.check()
            try:
                return work()
            except ResourceNotFoundError as error:
                message = "The results of the job are not in the datastore."
                raise RunError("azure-no-results", message, "They may have been deleted.") from error
            except HttpResponseError as error:
                signature = status_of(error) in (401, 403)
                if signature:
                    self._container = None
                self._give_up_on(error, passing=(signature and left > TRIES - 2) or is_passing(error))
            except Exception as error:
                self._give_up_on(error, passing=is_passing(error))
            now = progress()
            left = TRIES if now > reached else left - 1
            reached = now
            if not left:
                raise RunError("azure-download", "The download is cut again and again.", "Start again later.")
            self._sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _give_up_on(self, error: Exception, *, passing: bool) -> None:
        if isinstance(error, RunError) or not passing:
            raise error if isinstance(error, RunError) else refusal(error, self._connection.workspace) from error

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._cancel.check()
            time.sleep(min(left, 0.1))


def place_results(files: list[ResultFile], folder: Path, output: Path) -> None:
    """Put fetched results where a run on this machine puts its own: whole folders by a rename, then single files."""
    folders: dict[str, dict[str, str]] = {}
    for file in files:
        first, _, rest = file.name.partition("/")
        if rest:
            folders.setdefault(first, {})[rest] = file.sha256
    made = time.time()
    results = {name: Entry(digest_of(held), folder / name, {}, made) for name, held in folders.items()}

    def describe() -> None:
        for file in files:
            if "/" not in file.name:
                shutil.copyfile(folder / file.name, output / file.name)

    publish(output, results, describe)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _replace(data: bytearray, by: Any) -> None:
    data[:] = by


def _is_below(name: str) -> bool:
    """Whether a name of the manifest stays in the folder."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts
