"""`olivine submit` in a process of its own, signed in, at a double whose jobs may be small ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from double import Workspace
from names import TENANT

SECRET = "canary-secret-of-the-principal"
"""What the tests sign in with."""
PRINCIPAL = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": "olivine", "AZURE_CLIENT_SECRET": SECRET}


def signed_in(environment: dict[str, str], state: Path) -> dict[str, str]:
    """The variables of a person who is signed in as a service principal and whose way to Azure is `environment`."""
    own = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return {**own, **environment, **PRINCIPAL, "XDG_STATE_HOME": str(state), "HF_HUB_OFFLINE": "1"}


@dataclass
class Submitted:
    """`olivine submit`, or another command, in a workspace folder."""

    folder: Path
    environment: dict[str, str]
    arguments: tuple[str, ...] = ()
    does: str = "submit"
    seen: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._events = self.folder / "events.jsonl"
        self._events.unlink(missing_ok=True)
        command = [sys.executable, "-m", "olivine_pipeline", self.does, "--plain", "--events", str(self._events)]
        self.process = subprocess.Popen(
            [*command, *self.arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was told up to now."""
        text = self._events.read_text() if self._events.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, happened: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event that is what is waited for; fails where the process ends before."""
        while True:
            ended = self.process.poll() is not None
            for event in self.events:
                if happened(event):
                    return event
            assert not ended, f"it ended before:\n{self.end()[1]}"
            time.sleep(0.05)

    def until_it_learns(self) -> None:
        """Wait until the job tells of its training."""
        self.wait_for(lambda event: event["type"] == "metric")

    def kill(self) -> None:
        """End it and its children without a word."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.end()

    def end(self) -> tuple[int, str]:
        """Exit code and everything that was printed."""
        output, _ = self.process.communicate(timeout=300)
        return self.process.returncode, output

    def well(self) -> list[dict[str, Any]]:
        """The events of one that must succeed."""
        code, output = self.end()
        assert code == 0, output
        return self.events

    def last(self) -> dict[str, Any]:
        """The event that says how it ended."""
        self.end()
        return self.events[-1]


def with_small_jobs(workspace: Workspace, folder: Path, **variables: str) -> None:
    """Let the compute's `python` be the small job."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "python"
    program = Path(__file__).with_name("small_job.py")
    python.write_text(f'#!/bin/bash\nexec "{sys.executable}" "{program}" "$@"\n')
    python.chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    workspace.job_environment |= {"PATH": path, **variables}


def losses(events: list[dict[str, Any]]) -> list[int]:
    """The steps that a loss was told of."""
    return [event["step"] for event in events if event["type"] == "metric" and event["name"] == "loss"]
