"""What this machine can compute with, found out without loading an ML library."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Device:
    """A device to train on: `kind` is cpu or cuda, memory in bytes; `bf16` says whether bfloat16 runs in hardware."""

    kind: str
    name: str
    count: int
    bf16: bool
    memory_bytes: int


def training_device(config_device: str) -> Device | None:
    """The device that a system's `device` means on this machine, or None where there is no such device."""
    if config_device in ("cpu", "cpu_spr"):
        return cpu()
    if config_device == "gpu":
        return cuda()
    return (cuda() or cpu()) if config_device == "any" else None


@functools.cache
def cpu() -> Device:
    """This machine's processor."""
    return Device("cpu", _cpu_name(), len(available_cpus()), _cpu_has_bf16(), _memory_bytes())


def available_cpus() -> list[int]:
    """Processors that this process may use; containers and job schedulers often allow fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@functools.cache
def cuda() -> Device | None:
    """The NVIDIA devices that the driver reports, as one; None without a driver or where all are hidden."""
    program = shutil.which("nvidia-smi")
    if program is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    query = [program, "--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
        rows = [[cell.strip() for cell in line.split(",")] for line in output.splitlines() if line.strip()]
        name, capability, mebibytes = rows[0]
        return Device("cuda", name, len(rows), float(capability) >= 8.0, int(mebibytes) << 20)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    line = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return set(line.partition(":")[2].split())


def _cpu_has_bf16() -> bool:
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return bool(_cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"})


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    line = next((line for line in lines if line.startswith("model name")), "")
    return line.partition(":")[2].strip() or platform.processor() or platform.machine()


def _memory_bytes() -> int:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.virtual_memory().total)
