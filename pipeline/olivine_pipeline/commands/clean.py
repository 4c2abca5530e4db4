"""`olivine clean`: free the disk space of cached results, oldest first."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from olivine_pipeline.cli import DONE, REFUSED
from olivine_pipeline.wording import duration, size

DAY = 86_400.0
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True)
class Cached:
    """A folder of the cache: a finished result, or the checkpoints of an unfinished pass."""

    path: Path
    size_bytes: int
    used: float
    """Time of the last change, in seconds since the epoch."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--cache", type=Path, default=Path(".olive-cache"), metavar="DIR", help="cache to clean (default: .olive-cache)"
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--all", action="store_true", help="remove everything")
    which.add_argument("--older-than", type=days, metavar="AGE", help="remove what is older, such as 30d or 12h")
    which.add_argument(
        "--max-size", type=byte_count, metavar="SIZE", help="remove the oldest until the rest fits, such as 10GB"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def execute(args: argparse.Namespace) -> int:
    """Remove what was asked for, and say how much it was."""
    if not (args.cache / "artifacts").is_dir():
        print(f"olivine: {args.cache} is no cache of Olivine: it has no folder 'artifacts'", file=sys.stderr)
        return REFUSED
    entries = contents(args.cache)
    doomed = entries if args.all else outdated(entries, args.older_than, args.max_size, time.time())
    busy = locked(args.cache)
    spared = [entry for entry in doomed if entry.path.name in busy]
    doomed = [entry for entry in doomed if entry not in spared]
    for entry in doomed:
        if not args.dry_run:
            remove(entry.path)
        age = duration(time.time() - entry.used)
        print(f"{'would remove' if args.dry_run else 'removed'} {label(entry)}  {size(entry.size_bytes)}, {age} old")
    for entry in spared:
        print(f"kept {label(entry)}: a run is working on it")
    freed, left = sum(entry.size_bytes for entry in doomed), sum(entry.size_bytes for entry in entries)
    print(f"{'Would free' if args.dry_run else 'Freed'} {size(freed)}; {size(left - freed)} stay.")
    return DONE


def contents(cache: Path) -> list[Cached]:
    """Everything a cache holds, oldest first."""
    folders = [folder for part in ("artifacts", "work") for folder in (cache / part).glob("*") if folder.is_dir()]
    return sorted(map(measured, folders), key=lambda entry: entry.used)


def label(entry: Cached) -> str:
    """A short name of an entry: its kind and the beginning of its key."""
    return f"{entry.path.parent.name}/{entry.path.name[:12]}"


def measured(folder: Path) -> Cached:
    """A folder with its size and age."""
    stats = [file.stat() for file in folder.rglob("*") if file.is_file()]
    used = max((stat.st_mtime for stat in stats), default=folder.stat().st_mtime)
    return Cached(folder, sum(stat.st_size for stat in stats), used)


def outdated(entries: list[Cached], age: float | None, limit: int | None, now: float) -> list[Cached]:
    """Of entries from the oldest on, those older than `age` seconds, or those that exceed `limit` bytes in all."""
    if age is not None:
        return [entry for entry in entries if now - entry.used > age]
    doomed = []
    total = sum(entry.size_bytes for entry in entries)
    for entry in entries:
        if total <= (limit or 0):
            break
        doomed.append(entry)
        total -= entry.size_bytes
    return doomed


def locked(cache: Path) -> set[str]:
    """Keys of results that a run is making now."""
    try:
        from filelock import FileLock, Timeout
    except ModuleNotFoundError:  # then nothing can run here either
        return set()
    keys = set()
    for path in (cache / "locks").glob("*.lock"):
        try:
            with FileLock(path, timeout=0):
                pass
        except Timeout:
            keys.add(path.stem)
    return keys


def remove(folder: Path) -> None:
    """Remove a folder; it stops being a result at once, by a rename, before its files go."""
    doomed = folder.with_name(f".removed.{folder.name}")
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def days(text: str) -> float:
    """Seconds of an age such as 30d, 12h or 2w."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([hdw])", text.strip().lower())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no age; write 30d, 12h or 2w")
    return float(match[1]) * {"h": DAY / 24, "d": DAY, "w": 7 * DAY}[match[2]]


def byte_count(text: str) -> int:
    """Bytes of a size such as 10GB or 500 MB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?b)", text.strip().lower())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 10GB or 500MB")
    return int(float(match[1]) * UNITS[match[2].upper()])
