"""The artifact store: results of passes, found again by what they were made from.

    <cache_dir>/artifacts/<key>/            manifest.json and the files of one finished result
    <cache_dir>/work/<key>/                 checkpoints of a pass that is not finished
    <cache_dir>/locks/<key>.lock            held while a pass runs, so that two runs do not do the same work twice
    <cache_dir>/digests.json                remembered content hashes

An entry appears by a rename and is complete or absent. One whose files are not what its manifest says counts as absent.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from olivine_schemas.ledger.process import RUN_VARIABLE

from .digests import Digests, digest_file

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class StoredFile:
    """A file of an artifact: its size in bytes, its time stamp when it was committed, its SHA-256."""

    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """A finished artifact: where it is and what its manifest says of how and when it was made (seconds, UTC)."""

    key: str
    path: Path
    record: dict[str, Any]
    made: float
    run: str | None = None
    """The id of the run that made it; None for one without a folder."""

    @property
    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


class Store:
    """Content-addressed results below one cache folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artifacts = folder / "artifacts"
        self.digests = Digests(folder / "digests.json")

    def get(self, key: str) -> Entry | None:
        """The artifact with this key, or None where there is none that is whole."""
        path = self.artifacts / key
        try:
            manifest = json.loads((path / MANIFEST).read_text())
            files = {name: StoredFile(**file) for name, file in manifest["files"].items()}
            if not all(_is_intact(path / name, file) for name, file in files.items()):
                return None
            return Entry(key, path, manifest["record"], manifest["made"], manifest.get("run"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def work_folder(self, key: str) -> Path:
        """Where an unfinished pass keeps its checkpoints; survives a crash, goes when the pass is committed."""
        path = self.folder / "work" / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the right to make one artifact; `on_wait`, which may raise, is called while another run holds it."""
        from filelock import FileLock, Timeout

        folder = self.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{key}.lock")
        while True:
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                on_wait()
        for left in self.artifacts.glob(f".{key}.*"):  # by a holder that was killed; it may be gigabytes
            shutil.rmtree(left, ignore_errors=True)
        try:
            yield
        finally:
            lock.release()

    def commit(self, key: str, record: dict[str, Any], fill: Callable[[Path], None]) -> Entry:
        """Let `fill` write files into a new folder and make it the artifact `key`, whole or not at all."""
        self.artifacts.mkdir(parents=True, exist_ok=True)
        _write_marker(self.folder)
        building = self.artifacts / f".{key}.{os.getpid()}"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        try:
            fill(building)
            files = {
                str(f.relative_to(building).as_posix()): _seal(f) for f in sorted(building.rglob("*")) if f.is_file()
            }
            made = time.time()
            manifest = {"version": 1, "key": key, "made": made, "run": this_run(), "record": record}
            manifest["files"] = {name: asdict(file) for name, file in files.items()}
            _write_synced(building / MANIFEST, json.dumps(manifest, indent=1, default=str))
            shutil.rmtree(self.artifacts / key, ignore_errors=True)
            building.replace(self.artifacts / key)
            _sync_folder(self.artifacts)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(self.folder / "work" / key, ignore_errors=True)
        return Entry(key, self.artifacts / key, record, made, this_run())

    def discard(self, key: str) -> None:
        """Forget an artifact and its unfinished work."""
        shutil.rmtree(self.artifacts / key, ignore_errors=True)
        shutil.rmtree(self.folder / "work" / key, ignore_errors=True)


def this_run() -> str | None:
    """The id of the run that this process belongs to; None where it has no folder."""
    folder = os.environ.get(RUN_VARIABLE)
    return Path(folder).name if folder else None


def _is_intact(path: Path, file: StoredFile) -> bool:
    """Size and time stamp as committed, or else the same bytes: weights are not read again at every start."""
    stat = path.stat()
    if stat.st_size != file.size:
        return False
    return stat.st_mtime_ns == file.mtime_ns or digest_file(path) == file.sha256


def _seal(path: Path) -> StoredFile:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    stat = path.stat()
    return StoredFile(stat.st_size, stat.st_mtime_ns, digest_file(path))


def _write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened for syncing there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_marker(folder: Path) -> None:
    """Keep the cache out of version control without touching the project's own files."""
    marker = folder / ".gitignore"
    if not marker.exists():
        marker.write_text("*\n")
