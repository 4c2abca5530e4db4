"""A double of Azure Machine Learning: real HTTP over real TLS, a real blob store, and jobs that are really executed.

The client under test is unmodified; only environment variables send it here. What is not reproduced: container images
and conda environments, mounts, quotas, roles.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import catalog, control_plane, data_plane
from .blobs import Blobs, azurite, azurite_program
from .certificates import make_certificates
from .clouds import PUBLIC, Hosts
from .executor import preempt
from .proxy import Proxy
from .service import Service
from .workspace import Workspace

__all__ = ["Double", "Workspace", "azurite", "azurite_program", "preempt", "running"]


@dataclass(frozen=True)
class Double:
    """A running double, and the environment variables that lead a client to it."""

    workspace: Workspace
    proxy: Proxy
    environment: dict[str, str]

    def requests(self, method: str, ending: str) -> int:
        """How many requests of this method went to paths that end so."""
        return sum(r.method == method and r.path.endswith(ending) for r in list(self.workspace.requests))


@contextmanager
def running(blob_port: int, folder: Path, hosts: Hosts = PUBLIC) -> Iterator[Double]:
    """A new workspace of the cloud with these hosts, its blobs in the Azurite at `blob_port`, its files in `folder`."""
    certificates = make_certificates(folder / "certificates")
    workspace = Workspace(Blobs(blob_port), folder / "nodes")
    with closing(Service(workspace, [*data_plane.ROUTES, *catalog.ROUTES, *control_plane.ROUTES], hosts)) as service:
        routes = dict.fromkeys(hosts.service, service.port) | {hosts.blobs: blob_port}
        with closing(Proxy(certificates, routes, workspace.faults)) as proxy:
            way = {
                "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
                "HTTP_PROXY": f"http://127.0.0.1:{proxy.port}",
                "NO_PROXY": "",
                "REQUESTS_CA_BUNDLE": str(certificates.authority),
                "SSL_CERT_FILE": str(certificates.authority),
            }
            workspace.job_environment |= way
            try:
                yield Double(workspace, proxy, way)
            finally:
                _end_jobs(workspace)


def _end_jobs(workspace: Workspace) -> None:
    for job in workspace.runs:
        workspace.runs[job].cancelled = True
        for process in workspace.runs[job].processes:
            if process.poll() is None:
                os.killpg(process.pid, 9)
