"""How a run is put into words: times, sizes, numbers and events, for every display and report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from olivine_schemas import runs

SPARKS = "▁▂▃▄▅▆▇█"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def duration(seconds: float) -> str:
    """A span of time as a person says it: 0.4 s, 12 s, 4 min 12 s, 2 h 05 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} days"


def time_left(seconds: float) -> str:
    """A remaining time, as coarse as it is sure: 40 s left, 4 min left, 1 h 20 min left."""
    if seconds < 55:
        return f"{max(1, round(seconds / 5) * 5) if seconds > 10 else max(1, round(seconds))} s left"
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min left" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min left"


def size(count: float) -> str:
    """A number of bytes in decimal units, as disks are sold: 512 B, 88 MB, 1.9 GB."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def number(value: float) -> str:
    """A number short enough to read at a glance."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def clean(text: str) -> str:
    """A text without the control codes that would move a terminal's cursor."""
    return CONTROL.sub("", text).replace("\n", " ").replace("\t", " ").strip()


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """The course of a number as one line of blocks, oldest first."""
    if len(values) < 2:
        return ""
    cells = min(width, len(values))
    edges = [round(cell * len(values) / cells) for cell in range(cells + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, spread = min(means), max(means) - min(means)
    return "".join(SPARKS[round((mean - low) / spread * (len(SPARKS) - 1)) if spread else 0] for mean in means)


def measurements(metrics: dict[str, float | None]) -> str:
    """The numbers of a stage in one line, what could not be measured left out."""
    return ", ".join(measurement(name, value) for name, value in metrics.items() if value is not None)


def measurement(name: str, value: float) -> str:
    """One number with its name and unit."""
    if name.endswith("_bytes"):
        return f"{name.removesuffix('_bytes').replace('_', ' ')} {size(value)}"
    if name.endswith("_ms"):
        return f"{name.removesuffix('_ms').replace('_', ' ')} {number(value)} ms"
    if name.endswith("_per_second"):
        return f"{number(value)} {name.removesuffix('_per_second').replace('_', ' ')}/s"
    return f"{name.replace('_', ' ')} {number(value)}"


def amount(event: runs.Progress) -> str:
    """How much is done: 17/30 layers, 1.2 GB of 5 GB, or 17 rows where the total is unknown."""
    if event.total <= 0 and event.done <= 0:
        return ""
    if event.unit in ("byte", "bytes"):
        return f"{size(event.done)} of {size(event.total)}" if event.total > 0 else size(event.done)
    total = f"/{number(event.total)}" if event.total > 0 else ""
    return f"{number(event.done)}{total} {plural(event.unit, event.total or event.done)}".rstrip()


def plural(noun: str, count: float) -> str:
    """The form of a noun that goes with a count."""
    if count == 1 or not noun or noun.endswith("s"):
        return noun
    return noun + ("es" if noun.endswith(("ch", "sh", "x")) else "s")


def told(event: runs.Event) -> str | None:
    """The plain line of an event that is told once, or None for one that is not told."""
    if isinstance(event, runs.RunStarted):
        passes = f"{len(event.passes)} {'pass' if len(event.passes) == 1 else 'passes'}"
        return f"{near(event.config)}: {passes} on {event.device}"
    if isinstance(event, runs.Warned):
        return f"warning: {event.message} [{event.code}]" + (f" at {place(event.location)}" if event.location else "")
    if isinstance(event, runs.Evaluated):
        return f"measured {event.stage}: {measurements(event.metrics) or 'nothing'}"
    if isinstance(event, runs.Artifact):
        return f"{event.name}: {near(event.path)} ({size(event.size_bytes)})"
    if isinstance(event, runs.Log):
        return f"{event.level}: {event.message}" if event.level in ("warning", "error") else None
    if isinstance(event, runs.RunFailed):
        where = f"{place(event.location)}: " if event.location else ""
        stop = "" if event.message.endswith((".", "!", "?", ":")) or not event.hint else "."
        return f"failed: {where}{event.message}{stop} {event.hint}".rstrip()
    if isinstance(event, runs.RunFinished):
        return ended(event)
    return None


def ended(event: runs.RunFinished) -> str:
    """The last line of a run that did not fail."""
    if event.state == runs.RunState.CANCELLED.value:
        return f"cancelled after {duration(event.seconds)}; the same command goes on from what is finished"
    return f"done in {duration(event.seconds)}" + (f": {near(event.output)}" if event.output else "")


def near(path: str) -> str:
    """A path as short as it can be named from here: relative where it lies below the current folder."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def place(location: runs.Location) -> str:
    """A place in a file, the file named from here."""
    return str(replace(location, file=near(location.file)))
