"""Fixtures of tests that run configs from the editor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from desk import Desk, config
from editor import Json
from tiny_model import build_tiny_model


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model that trains in a second. Shared by all tests: do not write into it."""
    return build_tiny_model(tmp_path_factory.mktemp("small") / "model")


@pytest.fixture
def make_desk(tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Json], Desk]:
    """Makes a workspace with a config; its runs keep nothing outside, and nothing waits for the network."""
    for name, value in {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return lambda flow: Desk(tmp_path / "work", small_model, flow)


@pytest.fixture
def desk(make_desk: Callable[[Json], Desk]) -> Desk:
    """A workspace with a short training."""
    return make_desk(config())
