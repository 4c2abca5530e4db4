"""Which GPU and ONNX Runtime this machine has, without importing torch or onnxruntime."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from olivine_schemas.facts import DeviceFacts

SECONDS = 3
"""How long nvidia-smi may take."""
_CPU = frozenset({"CPUExecutionProvider"})
_PACKAGES = {
    "onnxruntime": _CPU,
    "onnxruntime-gpu": _CPU | {"CUDAExecutionProvider", "TensorrtExecutionProvider"},
    "onnxruntime-directml": _CPU | {"DmlExecutionProvider"},
    "onnxruntime-openvino": _CPU | {"OpenVINOExecutionProvider"},
    "onnxruntime-qnn": _CPU | {"QNNExecutionProvider"},
}


@lru_cache(maxsize=1)
def find_devices() -> DeviceFacts | None:
    """What this machine computes on; looked up once a process. None where it cannot be told (macOS)."""
    if sys.platform == "darwin":
        return None
    capabilities = _compute_capabilities() if _has_driver() else []
    if capabilities is None:
        return None
    bf16 = min(capabilities) >= 8.0 if capabilities else None
    return DeviceFacts(has_cuda=bool(capabilities), bf16=bf16, providers=_providers())


def _has_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _compute_capabilities() -> list[float] | None:
    """The compute capability of each NVIDIA GPU; None where there is a driver that does not answer."""
    try:
        command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
        return [float(line) for line in answer.stdout.split()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _providers() -> frozenset[str] | None:
    found = [providers for name, providers in _PACKAGES.items() if _is_installed(name)]
    return frozenset().union(*found) if found else None


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
