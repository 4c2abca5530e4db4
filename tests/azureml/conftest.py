"""Fixtures for tests against the double of Azure Machine Learning."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "pipeline"))  # the tiny model and its config
from configs import small_workspace

if TYPE_CHECKING:
    from double import Double
    from workspaces import Submitted

os.environ.setdefault("HF_HUB_OFFLINE", "1")
NEEDED = ("azure.ai.ml", "azure.identity", "azure.storage.blob")


def _is_missing(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except ModuleNotFoundError:
        return True


MISSING = next((name for name in NEEDED if _is_missing(name)), None)
ALONE = ("test_prepare.py", "test_job.py", "test_inputs_without.py", "test_mixed_plan.py")
"""Tests of what is done before anyone is contacted."""
collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if MISSING and path.name not in ALONE]


def pytest_report_header() -> list[str]:
    """Say why nothing is collected where that is so, and what request bodies are held against."""
    if MISSING:
        return [f"Azure ML tests left out: {MISSING} is not installed (pip install 'olivine[azure]')"]
    from double import spec

    checked = spec.available()
    return [f"Azure ML: request bodies are {'' if checked else 'not '}checked ({spec.FOLDER_VARIABLE})"]


@pytest.fixture(scope="session")
def blob_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of an Azurite that all tests share."""
    from double import azurite, azurite_program

    program = azurite_program()
    if program is None:
        pytest.skip("Azurite is not there: Node.js is missing, or npm cannot install it")
    with azurite(program, tmp_path_factory.mktemp("azurite")) as port:
        yield port


@pytest.fixture
def double(blob_port: int, tmp_path: Path) -> Iterator[Double]:
    """A double of its own for each test."""
    from double import running

    with running(blob_port, tmp_path / "double") as made:
        made.workspace.job_environment["HF_HUB_OFFLINE"] = "1"
        yield made


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a two-layer random Phi-3 with its tokenizer. Shared by all tests: do not write into it."""
    from tiny_model import build_tiny_model

    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def submit(double: Double, tmp_path: Path) -> Callable[..., Submitted]:
    """Submits the small workspace, whose jobs are small ones; ends what is still alive after the test."""
    from workspaces import Submitted, signed_in, with_small_jobs

    with_small_jobs(double.workspace, tmp_path / "bin")
    folder = small_workspace(tmp_path / "project")
    environment = signed_in(double.environment, tmp_path / "state")
    return lambda *arguments, does="submit", **more: Submitted(folder, {**environment, **more}, arguments, does)
