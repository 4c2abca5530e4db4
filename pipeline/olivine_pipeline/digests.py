"""Content hashes of files, remembered by what the file system says of them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20
_RACY_SECONDS = 2.0
"""A file younger than this may change again within one tick of its time stamp, so its hash is not remembered."""


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        sha = hashlib.sha256()
        while block := file.read(_BLOCK):
            sha.update(block)
    return sha.hexdigest()


class Digests:
    """Hashes of files, kept in one JSON file so that gigabytes of weights are read once and not at every start."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._known: dict[str, list[Any]] = _load(memory)
        self._changed = False

    def file(self, path: Path) -> str:
        """SHA-256 of a file; OSError where it cannot be read."""
        path = path.resolve()
        stat = path.stat()
        # The time of the last change of any kind counts too: tools that copy may set the other one back.
        stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        known = self._known.get(str(path))
        if known and known[:-1] == stamp:
            return str(known[-1])
        digest = digest_file(path)
        if time.time() - max(stat.st_mtime, stat.st_ctime) > _RACY_SECONDS:
            self._known[str(path)] = [*stamp, digest]
            self._changed = True
        return digest

    def files(self, paths: Iterable[Path], base: Path) -> dict[str, str]:
        """Hashes by path relative to `base` where the file lies below it, else by name."""
        return {_label(path, base): self.file(path) for path in sorted(paths)}

    def folder(self, folder: Path) -> dict[str, str]:
        """Hashes of every file below a folder, hidden ones left out."""
        files = (
            p
            for p in folder.rglob("*")
            if p.is_file() and not any(part.startswith(".") for part in p.relative_to(folder).parts)
        )
        return self.files(files, folder)

    def save(self) -> None:
        """Write what was learnt; a lost write costs a hash, never a result."""
        if not self._changed:
            return
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._memory.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(self._known))
        temporary.replace(self._memory)
        self._changed = False


def _load(memory: Path) -> dict[str, list[Any]]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _label(path: Path, base: Path) -> str:
    try:
        return path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return path.name
