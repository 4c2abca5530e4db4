"""Fixtures that every pipeline test may use."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from live import training, workspace
from tiny_model import PHRASES, build_tiny_model

# Nothing here may wait for the network, and two busy test processes must not fight over the cores.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a two-layer random Phi-3 with its tokenizer. Shared by all tests: do not write into it."""
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def phrases(tmp_path: Path) -> Path:
    """Folder with `train.json`: 24 JSON lines of `phrase` and `tone`, six a tone."""
    folder = tmp_path / "data"
    folder.mkdir()
    lines = [json.dumps(row) for row in PHRASES]
    (folder / "train.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def short(tiny_model: Path, tmp_path: Path) -> Path:
    """A workspace whose run ends soon."""
    return workspace(tmp_path / "short", tiny_model, training(3))


@pytest.fixture
def long(tiny_model: Path, tmp_path: Path) -> Path:
    """A workspace whose run does not end by itself."""
    return workspace(tmp_path / "long", tiny_model, training())
