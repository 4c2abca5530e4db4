"""The doctor knows this machine, and says yes only to what can run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from olivine_pipeline import doctor

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {"input_model": {"type": "HfModel", "model_path": "model"}, "passes": {}}
BUILD = {"b": {"type": "ModelBuilder", "precision": "int4"}}


def olivine(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "olivine_pipeline", "doctor", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


def test_a_machine_with_every_package_can_fine_tune(tmp_path: Path) -> None:
    done = olivine(cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("Python", "CPU", "memory", "disk", "GPU", "providers", "transformers", "yes LoRA on the CPU"):
        assert word in done.stdout


def without(packages: list[str], folder: Path) -> str:
    """A PYTHONPATH with which these packages look as if they were not installed."""
    (folder / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata, sys\n"
        f"gone = {packages!r}\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0].replace('_', '-') in gone: raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "real = metadata.version\n"
        "def version(name):\n"
        "    if name in gone: raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.version = version\n"
    )
    return str(folder)


@pytest.mark.parametrize("arguments", [[], ["olive-config.json"]])
def test_without_ml_packages_it_names_them_and_how_to_get_them(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "olive-config.json").write_text(json.dumps(CONFIG))
    gone = ["torch", "transformers", "pydantic", "onnxruntime", "peft", "psutil", "filelock", "numpy", "datasets"]
    done = olivine(*arguments, cwd=tmp_path, PYTHONPATH=without(gone, tmp_path))
    assert (done.returncode, done.stderr) == (2, "")
    assert re.search(r"no +torch +is not installed", done.stdout)
    assert "pip install 'olivine[pipeline]'" in done.stdout
    assert "none: ONNX Runtime is not installed" in done.stdout


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"passes": BUILD}, 0, "b needs about"),
        ({"passes": {"ft": {"type": "LoRAA"}}}, 2, "LoRAA"),
        ({"passes": BUILD, "host": {"type": "LocalSystem", "accelerators": [{"device": "npu"}]}}, 2, "npu"),
    ],
)
def test_a_config_is_judged_by_what_it_needs(
    changes: dict[str, object], code: int, text: str, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "model").symlink_to(tiny_model)
    (tmp_path / "olive-config.json").write_text(json.dumps({**CONFIG, **changes}))
    done = olivine("olive-config.json", cwd=tmp_path)
    assert done.returncode == code, done.stdout
    assert text in done.stdout


def test_a_model_that_cannot_fit_is_a_no() -> None:
    assert doctor.memory_finding({"tune": 1e9, "build": 7e16}).verdict == "no"
    assert doctor.memory_finding({"tune": 1e6, "build": 1000}).verdict == "yes"


@pytest.mark.parametrize(
    ("installed", "bounds", "fits"),
    [
        ("5.23.0", ">=5.20,<6", True),
        ("5.20", ">=5.20.0,<6", True),
        ("4.57.1", ">=5.20,<6", False),
        ("6.0.0", ">=5.20,<6", False),
        ("2.13.0+cpu", ">=2.7", True),
        ("2.10", ">=2.7", True),
        ("1.0", "", True),
    ],
)
def test_versions_are_compared_as_numbers(installed: str, bounds: str, fits: bool) -> None:
    assert doctor.within(installed, bounds) is fits


def test_every_package_of_the_pipeline_is_asked_for() -> None:
    assert {"torch", "transformers", "peft", "onnxruntime-genai", "pydantic"} <= set(doctor.required())
    assert "azure-ai-ml" not in doctor.required() and "pytest" not in doctor.required()


def test_the_tested_versions_are_those_of_the_constraints() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert {name: pins[name] for name in doctor.TESTED} == doctor.TESTED
    assert set(doctor.required()) <= {name.lower().replace("_", "-") for name in pins}
