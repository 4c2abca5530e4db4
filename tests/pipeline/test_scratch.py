"""Temporary folders go with the process that made them, however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from olivine_pipeline.scratch import scratch_folder

MAKE = (
    "import os, sys; from olivine_pipeline.scratch import scratch_folder\n"
    "kept = scratch_folder(); print(kept.name, flush=True); END"
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def maker(end: str) -> subprocess.Popen[str]:
    code = MAKE.replace("END", end)
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(1)"])
def test_what_a_killed_process_left_goes_when_the_next_one_is_made(end: str, tmp_path: Path) -> None:
    left = maker(end).communicate()[0].strip()
    assert Path(left).is_dir() and Path(left).parent == tmp_path
    with scratch_folder() as folder:
        assert [str(path) for path in tmp_path.iterdir()] == [folder]
    assert list(tmp_path.iterdir()) == []


def test_folders_of_the_living_and_of_other_hosts_stay(tmp_path: Path) -> None:
    living = maker("sys.stdin.read()")
    assert living.stdout
    own, dead = Path(living.stdout.readline().strip()), Path(maker("os._exit(1)").communicate()[0].strip())
    elsewhere = tmp_path / dead.name.replace("olivine-", "olivine-elsewhere", 1)
    elsewhere.mkdir()
    with scratch_folder():
        assert own.is_dir() and elsewhere.is_dir() and not dead.exists()
    living.communicate("")
    assert not own.exists()
    assert list(tmp_path.iterdir()) == [elsewhere]
