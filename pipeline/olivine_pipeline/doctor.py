"""What this machine has, and whether a config can run on it. Works where no ML package is installed."""

from __future__ import annotations

import importlib
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from . import devices
from .wording import size

INSTALL = "pip install 'olivine[pipeline]'"

TESTED = {
    "accelerate": "1.15.0",
    "bitsandbytes": "0.50.2",
    "datasets": "5.2.0",
    "onnx": "1.23.2",
    "onnx-ir": "1.1.0",
    "onnxruntime": "1.31.1",
    "onnxruntime-genai": "0.18.0",
    "peft": "0.21.2",
    "torch": "2.13.0",
    "transformers": "5.23.0",
}
"""Versions that every release is tested with; constraints.txt has the whole set."""

STANDS_IN = {
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime-directml"),
    "onnxruntime-genai": ("onnxruntime-genai-cuda", "onnxruntime-genai-directml"),
}
"""Distributions that bring the same package for other devices."""

Verdict = Literal["yes", "no", "note"]


@dataclass(frozen=True)
class Finding:
    """One line of the report. A `no` means that it will not run."""

    verdict: Verdict
    about: str
    text: str


def machine(cache: Path) -> list[Finding]:
    """What the machine offers: Python, processor, memory, disk, GPU, execution providers."""
    cpu, cuda = devices.cpu(), devices.cuda()
    total, free = memory()
    there = next(folder for folder in (cache.absolute(), *cache.absolute().parents) if folder.exists())
    bf16 = "computes in bfloat16" if cpu.bf16 else "no bfloat16 in hardware, float32 is faster"
    gpu = f"{cuda.name}, {cuda.count} of them, {size(cuda.memory_bytes)} each" if cuda else "none that CUDA can use"
    return [
        Finding("note", "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Finding("note", "CPU", f"{cpu.name}, {cpu.count} cores, {bf16}"),
        Finding("note", "memory", f"{size(free)} free of {size(total)}"),
        Finding("note", "disk", f"{size(shutil.disk_usage(there).free)} free at {cache}"),
        Finding("note", "GPU", gpu),
        Finding("note", "providers", ", ".join(providers()) or "none: ONNX Runtime is not installed"),
    ]


def packages() -> list[Finding]:
    """The packages that training and conversion need: which are missing, too old, or not the tested version."""
    return [package(name, bounds) for name, bounds in sorted(required().items())]


def package(name: str, bounds: str) -> Finding:
    """How one distribution stands: installed within the bounds that Olivine declares, such as ">=5.20,<6", or not."""
    installed = installed_version(name)
    if installed is None:
        return Finding("no", name, "is not installed")
    if not within(installed, bounds):
        return Finding("no", name, f"{installed} does not fit; Olivine needs {bounds}")
    tested = TESTED.get(name)
    same = tested is None or numbers(installed) == numbers(tested)
    return Finding("yes" if same else "note", name, installed if same else f"{installed} (tested with {tested})")


def can_train() -> list[Finding]:
    """Whether a plain LoRA fine-tuning can run on this machine's processor."""
    missing = missing_packages()
    if missing:
        return [Finding("no", "LoRA on the CPU", f"{', '.join(missing)} missing or unfit: {INSTALL}")]
    return [Finding("yes", "LoRA on the CPU", "everything it needs is installed")]


def can_run(config: Path) -> list[Finding]:
    """Whether a config can run here; `ConfigRefused` or `RunError` where it is refused."""
    missing = missing_packages()
    if missing:
        return [Finding("no", "packages", f"{', '.join(missing)} missing or unfit: {INSTALL}")]
    from .estimate import estimate_passes
    from .plan import plan

    planned = plan(config)
    device = planned.site.device
    findings = [
        Finding("yes", "packages", "everything it needs is installed"),
        Finding("yes", "device", f"{device.kind}: {device.name}"),
    ]
    ahead = zip(planned.passes, estimate_passes(planned), strict=True)
    needs = {step.name: guess.memory_bytes for step, guess in ahead if step.entry is None}
    if None in needs.values():
        return [*findings, Finding("note", "memory", "cannot be told before the model and its data are on this disk")]
    return [*findings, memory_finding({name: needed or 0.0 for name, needed in needs.items()})]


def memory_finding(needs: dict[str, float]) -> Finding:
    """Whether the pass that needs the most memory, of `needs` in bytes by pass, fits this machine."""
    if not needs:
        return Finding("yes", "memory", "every pass is in the cache")
    hungriest = max(needs, key=needs.__getitem__)
    needed = needs[hungriest]
    total, free = memory()
    text = f"{hungriest} needs about {size(needed)}, {size(free)} are free"
    if needed > total:
        return Finding("no", "memory", f"{text}; a smaller model fits")
    return Finding("yes" if needed < free else "note", "memory", text)


def missing_packages() -> list[str]:
    """Names of needed distributions that are not installed, or in a version that does not fit."""
    return [finding.about for finding in packages() if finding.verdict == "no"]


def required() -> dict[str, str]:
    """The distributions of the extra `pipeline` with their version bounds."""
    found = {}
    for requirement in requires("olivine") or []:
        declared, _, marker = requirement.partition(";")
        match = re.match(r"([\w.-]+)\s*(.*)", declared.strip())
        if match and re.search(r"extra == ['\"]pipeline['\"]", marker):
            found[match[1]] = match[2].strip("() ")
    return found


def installed_version(name: str) -> str | None:
    """The version of a distribution, or of one that stands in for it."""
    for candidate in (name, *STANDS_IN.get(name, ())):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return None


def within(installed: str, bounds: str) -> bool:
    """Whether a version keeps bounds made of >= and <."""
    for bound in filter(None, bounds.split(",")):
        limit = numbers(bound.lstrip("<>= "))
        have = numbers(installed)
        width = max(len(limit), len(have))
        have, limit = (value + (0,) * (width - len(value)) for value in (have, limit))
        if (bound.startswith(">=") and have < limit) or (bound.startswith("<") and have >= limit):
            return False
    return True


def numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: 2.13.0+cpu is (2, 13, 0)."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()


def providers() -> list[str]:
    """The execution providers of the installed ONNX Runtime, by their short names."""
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError:
        return []
    return [name.removesuffix("ExecutionProvider") for name in runtime.get_available_providers()]


def memory() -> tuple[int, int]:
    """Total and free bytes of memory, within what a container allows."""
    total = devices.cpu().memory_bytes
    free = _available() or total
    limit = _read_number("/sys/fs/cgroup/memory.max")
    if limit is not None and limit < total:
        free = min(free, limit - (_read_number("/sys/fs/cgroup/memory.current") or 0))
        total = limit
    return total, max(0, free)


def _available() -> int | None:
    if sys.platform == "linux":
        match = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        return int(match[1]) << 10 if match else None
    try:
        return int(importlib.import_module("psutil").virtual_memory().available)
    except ImportError:
        return None


def _read_number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None
