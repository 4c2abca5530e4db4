"""The environment that Microsoft Olive runs in, apart from Olivine's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TORCH = "torch==2.13.0"
PACKAGES = [
    "olive-ai==0.13.0",
    # Olive 0.13 imports a module that genai 0.17 dropped: it crashes after training with anything newer.
    "onnxruntime-genai==0.14.1",
    "onnxruntime==1.31.1",
    "onnx==1.23.2",
    "onnx-ir==1.1.0",
    "transformers==5.23.0",
    "peft==0.21.2",
    "datasets==5.2.0",
    "accelerate==1.15.0",
    # What Olive's own "finetune" extra asks for; peft imports bitsandbytes wherever it is installed.
    "bitsandbytes==0.50.2",
    "scipy",
    "requests",  # Olive imports it and does not declare it
]


def default_venv() -> Path:
    """Where the environment is made when nobody says otherwise."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "olivine-bench" / "olive-0.13"


def peer_python(venv: Path) -> Path:
    """The environment's interpreter."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure_venv(venv: Path) -> None:
    """Make the environment unless it is there: about 2 GB, one or two minutes."""
    if peer_python(venv).exists() and _has_olive(venv):
        return
    print(f"Making an environment for Microsoft Olive in {venv}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    install = [peer_python(venv), "-m", "pip", "install", "--quiet"]
    # torch first and alone: otherwise the resolver may take another build of it for the others' sake.
    subprocess.run([*install, TORCH], check=True)
    subprocess.run([*install, *PACKAGES], check=True)


def _has_olive(venv: Path) -> bool:
    code = "import importlib.metadata as m; m.version('olive-ai'), m.version('onnxruntime-genai')"
    return subprocess.run([peer_python(venv), "-c", code], capture_output=True).returncode == 0
