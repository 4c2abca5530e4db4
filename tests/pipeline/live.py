"""Runs in folders of their own, started as an editor's server starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from runs import LORA, TRAINING, todays_config, write_workspace

from olivine_schemas.ledger.control import reopen, settled
from olivine_schemas.ledger.folder import RunFolder, create, root_of
from olivine_schemas.ledger.process import RUN_VARIABLE, identity, members
from olivine_schemas.runs import RunArguments, RunRecord, RunState, load_event

Events = list[dict[str, Any]]
NEVER_ENDING = 100_000
"""Steps of a training that a test stops."""


def training(steps: int = NEVER_ENDING, **arguments: Any) -> dict[str, Any]:
    """A config that trains for so many steps and measures nothing."""
    config = todays_config(tune={**LORA, "training_args": {**TRAINING, "max_steps": steps, **arguments}})
    del config["evaluators"], config["evaluator"], config["data_configs"][1]
    return config


def converting() -> dict[str, Any]:
    """A config that makes an int4 model and no more."""
    return todays_config(build={"type": "ModelBuilder", "precision": "int4"})


class Live:
    """A run's folder and its process."""

    def __init__(self, folder: RunFolder, *options: str, **environment: str) -> None:
        self.folder = folder
        record = folder.read()
        assert record
        home = {"XDG_STATE_HOME": str(Path(record.config).parent / "state"), RUN_VARIABLE: str(folder.path)}
        command = [sys.executable, "-m", "olivine_pipeline", "run", "--run-folder", str(folder.path), *options]
        with folder.console.open("ab") as console:
            self.process = subprocess.Popen(
                [*command, "--", record.config],
                env={**os.environ, **home, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=console,
                start_new_session=True,
            )
        pid = self.process.pid
        folder.update(lambda current: replace(current, pid=pid, process=identity(pid)))
        threading.Thread(target=self.process.wait, daemon=True).start()  # so that it does not stay as a zombie

    @property
    def record(self) -> RunRecord:
        record = self.folder.read()
        assert record
        return record

    @property
    def events(self) -> Events:
        """What has been told, without lines that a crash tore."""
        lines = self.folder.events.read_text(encoding="utf-8").splitlines() if self.folder.events.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}") and load_event(line)]

    @property
    def console(self) -> str:
        return self.folder.console.read_text(encoding="utf-8") if self.folder.console.exists() else ""

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def until(self, happened: Callable[[], object]) -> None:
        """Wait until something has happened; fails where the run ends before."""
        while not happened():
            assert self.alive or happened(), f"the run ended before it happened:\n{self.console}"
            time.sleep(0.01)

    def until_doing(self, doing: str) -> None:
        """Wait until the run tells that it does this."""
        self.until(lambda: any(event.get("doing") == doing for event in self.events))

    def until_step(self, step: int) -> None:
        """Wait until training has come to a step."""
        self.until(lambda: any(event["type"] == "metric" and event["step"] >= step for event in self.events))

    def end(self) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(timeout=300)

    def end_well(self) -> None:
        """Wait for an end that must be a good one."""
        assert self.end() == 0, self.console

    def leaves_nothing(self) -> bool:
        """Whether no process of the run is alive."""
        return not list(members(self.folder.path)) and identity(self.process.pid) is None


def workspace(folder: Path, model: Path, config: dict[str, Any]) -> Path:
    """A workspace with a config, marked as one."""
    (folder / ".olivine").mkdir(parents=True)
    return write_workspace(folder, model, config)


def made(workspace: Path, **asked: Any) -> RunFolder:
    """The folder of a new run, without a process."""
    config = workspace / "olive-config.json"
    return create(root_of(config), config, config.read_text(encoding="utf-8"), RunArguments(**asked))


def start(workspace: Path, *options: str, **environment: str) -> Live:
    """A new run of a workspace's config."""
    return Live(made(workspace), *options, **environment)


def again(folder: RunFolder) -> Live:
    """An ended run, resumed."""
    assert reopen(folder)
    return Live(folder)


def olivine(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command line, in a workspace."""
    return subprocess.run(
        [sys.executable, "-m", "olivine_pipeline", *arguments],
        cwd=cwd,
        env={**os.environ, "XDG_STATE_HOME": str(cwd / "state"), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def state(folder: RunFolder) -> RunState:
    """The state that is true of a run."""
    record = settled(folder)
    assert record
    return record.state
