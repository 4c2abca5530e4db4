"""Results of a job brought here, checked against the checksums that were made on the compute."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from azure.storage.blob import ContainerClient

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.digests import digest_of
from olivine_pipeline.errors import RunError
from olivine_pipeline.publish import publish
from olivine_pipeline.store import Entry

from .connection import Connection, results_prefix
from .host import PUBLISHED
from .job import MANIFEST
from .transfer import RemoteFile, Transfer, is_below

REPORTS = ("report.html", "report.json")
"""Files beside the folders of results."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_AGAIN = "Submit the config again."


class Download:
    """The results of one job, fetched into `folder`; what is there already and right is not fetched again."""

    def __init__(self, connection: Connection, datastore: str, job: str, folder: Path, cancel: Cancel) -> None:
        missing = RunError(
            "azure-no-results", "The results of the job are not in the datastore.", "They may have been deleted."
        )

        def connect() -> ContainerClient:
            return connection.storage(datastore).client()

        self._transfer = Transfer(connect, connection.workspace, cancel, missing, connection.warn)
        self._prefix = results_prefix(job)
        self._folder = folder

    def fetch(self, tell: Callable[[int, int], None], *, models: bool = True) -> list[RemoteFile]:
        """Fetch every file, or the report alone; `tell` hears bytes done and bytes in all. `RunError`."""
        files = [file for file in self._manifest() if models or file.name in REPORTS]
        self._transfer.fetch(files, self._folder, tell)
        return files

    def _manifest(self) -> list[RemoteFile]:
        text = self._transfer.ask(lambda container: container.download_blob(self._prefix + MANIFEST).readall())
        return files_of(text, self._prefix)


def files_of(manifest: bytes, prefix: str) -> list[RemoteFile]:
    """The files that a manifest lists. `RunError` where it is damaged, or names what no run makes.

    Whoever may write to the datastore may have written it: nothing but results may appear in `output_dir`.
    """
    try:
        listed = sorted(json.loads(manifest)["files"].items())
        files = [RemoteFile(name, prefix + name, int(one["size"]), str(one["sha256"])) for name, one in listed]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError("azure-results", f"The list of the job's results is damaged: {MANIFEST}.", _AGAIN) from error
    for file in files:
        first, _, rest = file.name.partition("/")
        expected = first in PUBLISHED if rest else first in REPORTS
        if not (expected and is_below(file.name) and file.size >= 0 and _SHA256.fullmatch(file.sha256)):
            message = f"The list of the job's results names what no run makes: {file.name!r}."
            raise RunError("azure-results", message, _AGAIN)
    return files


def place_results(files: list[RemoteFile], folder: Path, output: Path) -> None:
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
