"""Which processes belong to a run, and whether they live. A pid alone proves nothing: pids are used again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil

RUN_VARIABLE = "OLIVINE_RUN"
"""Environment variable with the folder of the run, which every process of the run inherits."""


def identity(pid: int) -> str | None:
    """When a living process started, as a word that no other process with its pid has; None if it does not live."""
    if sys.platform == "linux":
        return _linux_identity(pid)
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.Error:
        return None


def _linux_identity(pid: int) -> str | None:
    """Clock ticks since boot: seconds since the epoch, which psutil tells, move when the clock is set."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else f"{_boot()}:{fields[18]}"


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(pid: int | None, process: str | None) -> bool:
    """Whether the very process lives that `identity` once told of."""
    return pid is not None and process is not None and identity(pid) == process


def members(folder: Path, pid: int | None = None) -> Iterator[psutil.Process]:
    """The living processes that carry the run's mark or descend from `pid`, which must be known to be the run's."""
    marks, own = (str(folder), str(folder.resolve())), os.getpid()
    found: set[int] = {own}
    if pid is not None:
        try:
            leader = psutil.Process(pid)
            family = [leader, *leader.children(recursive=True)]
        except psutil.Error:
            family = []
        for process in family:
            if process.pid not in found and _lives(process):
                found.add(process.pid)
                yield process
    for process in psutil.process_iter():
        if process.pid in found:
            continue
        try:
            marked = process.environ().get(RUN_VARIABLE) in marks
        except (psutil.Error, OSError):  # another person's, or gone
            continue
        if marked and _lives(process):
            yield process


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
