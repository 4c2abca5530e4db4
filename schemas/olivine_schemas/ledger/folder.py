"""Where runs are kept: `.olivine/runs/<time>-<name>/` in the workspace."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from olivine_schemas.files import write_whole
from olivine_schemas.redact import redact_data
from olivine_schemas.runs import RunArguments, RunRecord, RunState, dump_record, load_record

HOME = ".olivine"
"""Folder of a workspace for what Olivine keeps there."""
LOCK_SECONDS = 5.0
"""How long to wait for another process that writes the same record."""

_RESERVE_BYTES = 8192
_NAME_BYTES = 180
"""A file system takes names of 255 bytes, some of which are for the time and what others put around the name."""
_MARKS = (HOME, ".git", ".vscode")


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def record_file(self) -> Path:
        return self.path / "run.json"

    @property
    def config(self) -> Path:
        """The config as it was started, `config.yaml` for a YAML one."""
        yaml = self.path / "config.yaml"
        return yaml if yaml.exists() else self.path / "config.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def metrics(self) -> Path:
        """The metric and evaluated events alone."""
        return self.path / "metrics.jsonl"

    @property
    def console(self) -> Path:
        return self.path / "console.log"

    @property
    def cancel_mark(self) -> Path:
        """Exists once someone asked the run to stop; its process looks for it."""
        return self.path / "cancel"

    def read(self) -> RunRecord | None:
        """The record as it stands; None where it cannot be read."""
        try:
            return load_record(self.record_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def update(self, change: Callable[[RunRecord], RunRecord], patience: float = LOCK_SECONDS) -> RunRecord | None:
        """Replace the record by what `change` makes of it, while no other process does; returns what it is then.

        Raises OSError, and filelock.Timeout after `patience` seconds; None where there is no record.
        """
        if not self.record_file.exists():  # the lock would make a deleted folder anew
            return None
        with FileLock(self.path / ".lock", timeout=patience):
            record = self.read()
            changed = change(record) if record else None
            if changed and changed != record:
                self.write(changed)
            return changed

    def write(self, record: RunRecord) -> None:
        """Write the record; on a full disk in the room that was reserved for that. Raises OSError."""
        text, reserve = dump_record(record), self.path / ".reserve"
        try:
            write_whole(self.record_file, text)
        except OSError:
            self._write_reserved(text.encode(), reserve)
        if not reserve.exists():
            with suppress(OSError):
                reserve.write_bytes(b" " * _RESERVE_BYTES)

    def _write_reserved(self, record: bytes, reserve: Path) -> None:
        """Replace the record without asking the disk for room, which others would take, nor giving any back to it.

        The file that it was in is the reserve from now on.
        """
        spare = self.path / ".spare"
        with reserve.open("r+b") as file:
            file.write(record.ljust(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):
            os.link(self.record_file, spare)
        reserve.replace(self.record_file)
        with suppress(OSError):
            spare.replace(reserve)


def root_of(config: Path) -> Path:
    """The workspace of a config: the nearest folder upwards that is marked as one, else the config's own."""
    folder = config.absolute().parent
    home = Path.home()
    for candidate in (folder, *folder.parents):
        if candidate == home or candidate == candidate.parent:
            break
        if any((candidate / mark).exists() for mark in _MARKS):
            return candidate
    return folder


def create(root: Path, config: Path, text: str, arguments: RunArguments | None = None) -> RunFolder:
    """Make the folder of a new run of `config`, whose text is `text`, in the workspace `root`.

    Raises OSError, and UnicodeEncodeError for a text that no file can hold.
    """
    runs = root / HOME / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    ignore = root / HOME / ".gitignore"
    if not ignore.exists():
        write_whole(ignore, "*\n")
    folder = RunFolder(_new_folder(runs, config))
    try:
        _fill(folder, config, text, arguments or RunArguments())
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)  # there never was a run
        raise
    return folder


def _fill(folder: RunFolder, config: Path, text: str, arguments: RunArguments) -> None:
    kind = "yaml" if config.suffix.lower() in (".yaml", ".yml") else "json"
    write_whole(folder.path / f"config.{kind}", text)
    record = RunRecord(
        id=folder.id,
        state=RunState.QUEUED,
        config=str(config.absolute()),
        config_hash=hashlib.sha256(text.encode()).hexdigest(),
        created=time.time(),
        arguments=replace(arguments, overrides=redact_data(arguments.overrides)),  # the config has them as they are
        host=socket.gethostname(),
    )
    (folder.path / ".lock").touch()  # a full disk may not have room for it later
    folder.write(record)


def _new_folder(runs: Path, config: Path) -> Path:
    generic = config.stem in ("olive-config", "olive_config", "config")
    name = re.sub(r"[^\w.-]+", "-", config.absolute().parent.name if generic else config.stem)[:60]
    name = name.encode()[:_NAME_BYTES].decode(errors="ignore").strip("-.") or "run"
    stem, number = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}", 1
    while True:
        path = runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def run_folders(root: Path) -> list[RunFolder]:
    """The runs of a workspace, newest first."""
    try:
        found = [Path(entry.path) for entry in os.scandir(root / HOME / "runs") if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    listed = (path for path in sorted(found, reverse=True) if not path.name.startswith("."))
    return [RunFolder(path) for path in listed if (path / "run.json").exists()]


def find_run(root: Path, run: str) -> RunFolder | None:
    """The run with this id, with the only id that starts or ends so, or the newest for "last"."""
    folders = run_folders(root)
    if run == "last":
        return folders[0] if folders else None
    exact = [folder for folder in folders if folder.id == run]
    near = [folder for folder in folders if run and (folder.id.startswith(run) or folder.id.endswith(run))]
    return exact[0] if exact else near[0] if len(near) == 1 else None


def delete(folder: RunFolder) -> None:
    """Remove a run that has ended; results and cache stay. Raises OSError."""
    gone = folder.path.with_name(f".{folder.id}.deleted")
    folder.path.replace(gone)  # at once out of every list
    shutil.rmtree(gone)
