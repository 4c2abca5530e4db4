"""The one workspace of the double: its names, and everything that it holds."""

from __future__ import annotations

import subprocess
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from names import GROUP, NAME, REGION, SUBSCRIPTION

from .blobs import ACCOUNT, Blobs
from .faults import Faults

API = f"https://{REGION}.api.azureml.ms"
PROVIDERS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
PATH = f"{PROVIDERS}/Microsoft.MachineLearningServices/workspaces/{NAME}"
DATA, ARTIFACTS = "workspaceblobstore", "workspaceartifactstore"
"""The datastores that every workspace has."""
COMPUTES = ("gpu-cluster", "cpu-cluster")
TERMINAL = frozenset({"Completed", "Failed", "Canceled"})


@dataclass
class Run:
    """What becomes of a job: its state, its processes, and what a test may do to it."""

    status: str = "NotStarted"
    error: dict[str, Any] | None = None
    started: str | None = None
    ended: str | None = None
    cancelled: bool = False
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    preempted: bool = False


@dataclass
class Request:
    """A request that the service answered, for tests to look at."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int


@dataclass
class Workspace:
    """Jobs, code, environments and datastores, and the blobs behind them."""

    blobs: Blobs
    folder: Path
    faults: Faults = field(default_factory=Faults)
    containers: dict[str, str] = field(default_factory=lambda: {name: new_id() for name in (DATA, ARTIFACTS)})
    """Container of each datastore."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    environments: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    models: dict[tuple[str, str], str] = field(default_factory=dict)
    """Datastore and path, as `NAME/paths/PATH`, of each model by name and version."""
    registry_models: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)
    """Container and prefix of each model by registry, name and version."""
    runs: dict[str, Run] = field(default_factory=dict)
    operations: dict[str, str] = field(default_factory=dict)
    """Job of each cancel operation."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Content of the key vault."""
    requests: list[Request] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    """Bearer tokens that were shown."""
    token_seconds: float = 3600
    """How long tokens are good for that are given from now on."""
    token_ends: dict[str, float] = field(default_factory=dict)
    """When tokens end that were given here."""
    job_environment: dict[str, str] = field(default_factory=dict)
    """Variables of the compute, which every job finds."""
    nodes_free: threading.Event = field(default_factory=threading.Event)
    """Cleared, jobs wait in the queue."""
    queueing: str = ""
    """What the service says of the queue to jobs that wait in it."""
    stale_signatures: int = 0
    """How many of the next shared access signatures have expired when they are given."""
    complaints: list[str] = field(default_factory=list)
    """What the published types say against request bodies."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.nodes_free.set()
        for container in self.containers.values():
            self.blobs.make(container)

    def signature_hours(self) -> float:
        """How long the next shared access signature is good for."""
        with self.lock:
            stale, self.stale_signatures = self.stale_signatures > 0, max(0, self.stale_signatures - 1)
        return -1.0 if stale else 1.0

    @property
    def logs(self) -> str:
        """Container of the log files."""
        return self.containers[ARTIFACTS]

    def resource(self, tail: str, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
        """A resource of the workspace as Azure Resource Manager shows it."""
        return {
            "id": f"{PATH}{tail}",
            "name": tail.rpartition("/")[2],
            "type": f"Microsoft.MachineLearningServices/workspaces{kind}",
            "properties": properties,
            "systemData": {"createdAt": now(), "createdBy": "Double", "createdByType": "User"},
        }

    def set_status(self, job: str, status: str) -> None:
        """Move a job on; a terminal state stays."""
        with self.lock:
            run = self.runs[job]
            if run.status in TERMINAL:
                return
            run.status = self.jobs[job]["properties"]["status"] = status
            run.started = now() if status == "Running" else run.started
            run.ended = now() if status in TERMINAL else None


STORAGE = f"{PROVIDERS}/Microsoft.Storage/storageAccounts/{ACCOUNT}"


def now() -> str:
    """The time as the service writes it."""
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "0+00:00")


def new_id() -> str:
    """A new GUID."""
    return str(uuid.uuid4())
