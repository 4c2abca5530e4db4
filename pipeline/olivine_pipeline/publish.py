"""Results in `output_dir`: whole folders that load without Olivine, replaced by a rename."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from olivine_schemas.files import write_whole

from .store import MANIFEST, Entry

MARKER = ".olivine.json"
"""In `output_dir`: which artifact each folder holds."""
LOCK = ".olivine.lock"
"""In `output_dir`: held while a run publishes there, whatever its cache is."""
_LINKED_BYTES = 1 << 20
"""Larger files are hard links into the store where the file system allows; a person edits only small ones."""


def foreign(output: Path, names: Iterable[str]) -> list[Path]:
    """Folders of these names in `output` that Olivine did not put there, and so may not replace."""
    published = _published(output)
    return [output / name for name in names if name not in published and (output / name).exists()]


def publish(output: Path, results: dict[str, Entry], describe: Callable[[], None] = lambda: None) -> None:
    """Make `output/<name>` hold each artifact; folders that hold it already are left alone.

    `describe` writes what tells of them, before another run may publish there.
    """
    from filelock import FileLock

    output.mkdir(parents=True, exist_ok=True)
    with FileLock(output / LOCK):
        published = _published(output)
        for name, entry in results.items():
            if published.get(name) != entry.key or not _is_whole(output / name, entry):
                published[name] = ""  # ours from now on, also where this run is killed before it ends
                _mark(output, published)
                _replace(output / name, entry)
                published[name] = entry.key
        _mark(output, published)
        describe()


def _mark(output: Path, published: dict[str, str]) -> None:
    write_whole(output / MARKER, json.dumps(published, indent=1))


def _published(output: Path) -> dict[str, str]:
    try:
        published = json.loads((output / MARKER).read_text())
    except (OSError, ValueError):
        return {}
    return published if isinstance(published, dict) else {}


def _is_whole(folder: Path, entry: Entry) -> bool:
    for source in _files(entry):
        target = folder / source.relative_to(entry.path)
        if not target.is_file() or target.stat().st_size != source.stat().st_size:
            return False
    return True


def _files(entry: Entry) -> list[Path]:
    return [path for path in entry.path.rglob("*") if path.is_file() and path.name != MANIFEST]


def _replace(folder: Path, entry: Entry) -> None:
    building, old = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("new", "old"))
    for left in (building, old):  # by a run that was killed here
        shutil.rmtree(left, ignore_errors=True)
    for source in _files(entry):
        target = building / source.relative_to(entry.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(source, target)
    if folder.exists():
        folder.replace(old)
    building.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def _place(source: Path, target: Path) -> None:
    if source.stat().st_size >= _LINKED_BYTES:
        try:
            os.link(source, target)
            return
        except OSError:  # another file system, or one without hard links
            pass
    shutil.copy2(source, target)
