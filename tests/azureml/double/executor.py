"""Runs the command of a job, as a compute would: unpacked code, inputs and outputs as folders, processes of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse
from contextlib import suppress
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobClient
from names import GROUP, NAME, SUBSCRIPTION

from .workspace import Workspace, now

STEP_SECONDS = 0.3
"""How long a job queues, and how long its node takes to be ready."""
_DATASTORE = re.compile(r"azureml://(?:subscriptions/.*?/workspaces/[^/]+/)?datastores/([^/]+)/(?:paths/)?(.*)")
_PLACEHOLDER = re.compile(r"\$\{\{\s*(inputs|outputs)\.(\w+)\s*\}\}")


def execute(workspace: Workspace, job: str) -> None:
    """Take a job through its states to its end."""
    try:
        if _wait_for_node(workspace, job):
            _run(workspace, job)
    except Exception as error:
        traceback.print_exc()
        _fail(workspace, job, "SystemError", repr(error))


def cancel(workspace: Workspace, job: str) -> None:
    """Ask a job to end."""
    run = workspace.runs[job]
    run.cancelled = True
    workspace.set_status(job, "CancelRequested")
    _signal(workspace, job, signal.SIGTERM)


def preempt(workspace: Workspace, job: str) -> None:
    """Take the node away from a running job, which goes back to the queue."""
    workspace.runs[job].preempted = True
    _signal(workspace, job, signal.SIGKILL)


def _signal(workspace: Workspace, job: str, number: signal.Signals) -> None:
    for process in workspace.runs[job].processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _wait_for_node(workspace: Workspace, job: str) -> bool:
    for status in ("Queued", "Preparing"):
        workspace.set_status(job, status)
        time.sleep(STEP_SECONDS)
        while not workspace.nodes_free.wait(0.05) and not workspace.runs[job].cancelled:
            pass
        if workspace.runs[job].cancelled:
            workspace.set_status(job, "Canceled")
            return False
    return True


def _run(workspace: Workspace, job: str) -> None:
    properties, run = workspace.jobs[job]["properties"], workspace.runs[job]
    root = workspace.folder / job / str(len(run.processes))
    code = root / "node"
    places = _places(workspace, job, properties, root)
    if isinstance(places, str):
        return _fail(workspace, job, "UserError", places)
    command = _PLACEHOLDER.sub(lambda found: places[found[1], found[2]], properties["command"])
    workspace.set_status(job, "Running")
    codes = _processes(workspace, job, properties, command, code, places)
    for name, output in properties["outputs"].items():
        if name != "default":
            datastore, path = _located(output["uri"])
            workspace.blobs.upload(Path(places["outputs", name]), workspace.containers[datastore], path)
    if run.cancelled:
        return workspace.set_status(job, "Canceled")
    if run.preempted:
        run.preempted = False
        workspace.set_status(job, "Queued")
        return execute(workspace, job)
    workspace.set_status(job, "Finalizing")
    failed = [code for code in codes if code]
    if failed:
        text = f"Execution failed. User process '/bin/bash' exited with status code {failed[0]}."
        return _fail(workspace, job, "UserError", f"{text} Please check log file 'user_logs/std_log.txt' for details.")
    return workspace.set_status(job, "Completed")


def _unpack(workspace: Workspace, properties: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    found = re.search(r"/codes/([^/]+)/versions/([^/]+)$", properties["codeId"])
    assert found
    address = workspace.codes[found[1], found[2]]["properties"]["codeUri"]
    container, _, prefix = urllib.parse.urlsplit(address).path.strip("/").partition("/")
    workspace.blobs.download(container, prefix, folder)


def _places(workspace: Workspace, job: str, properties: dict[str, Any], root: Path) -> dict[tuple[str, str], str] | str:
    """The folder, file or value of every input and output; a text where an input is not there."""
    places: dict[tuple[str, str], str] = {}
    for name, given in properties["inputs"].items():
        if given["jobInputType"] == "literal":
            places["inputs", name] = given["value"]
            continue
        datastore, path = _located(given["uri"])
        folder = root / "inputs" / name
        if not workspace.blobs.download(workspace.containers[datastore], path, folder):
            return f"ScriptExecution.StreamAccess.NotFound: there is no blob at {given['uri']}"
        is_file = given["jobInputType"] == "uri_file"
        places["inputs", name] = str(folder / path.rstrip("/").rpartition("/")[2] if is_file else folder)
    for name, output in properties["outputs"].items():
        # As a mount does, the folder outlives its node, and shows what was written to the same place before.
        folder = workspace.folder / "mounts" / "/".join(_located(output["uri"]))
        folder.mkdir(parents=True, exist_ok=True)
        places["outputs", name] = str(folder)
    return places


def _located(uri: str) -> tuple[str, str]:
    found = _DATASTORE.fullmatch(uri)
    assert found, uri
    return found[1], found[2]


def _processes(
    workspace: Workspace,
    job: str,
    properties: dict[str, Any],
    command: str,
    code: Path,
    places: dict[tuple[str, str], str],
) -> list[int]:
    """Run the command, once for each process of each node, with their output in log files; the exit codes."""
    nodes = int((properties.get("resources") or {}).get("instanceCount") or 1)
    distribution = properties.get("distribution") or {}
    world = nodes * int(distribution.get("processCountPerInstance") or 1) if distribution else 1
    run = workspace.runs[job]
    threads, started, port = [], [], _free_port()
    for rank in range(world):
        node = code / str(rank * nodes // world)
        if not node.exists():
            _unpack(workspace, properties, node)
        ranks = _rank_variables(rank, world, port) if distribution else {}
        process = subprocess.Popen(
            ["/bin/bash", "-c", command],
            cwd=node,
            env={**_environment(workspace, job, properties, node), **ranks},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        name = f"std_log_process_{rank}.txt" if distribution else "std_log.txt"
        log = workspace.blobs.container(workspace.logs).get_blob_client(f"ExperimentRun/dcid.{job}/user_logs/{name}")
        log.create_append_blob()
        threads.append(threading.Thread(target=_copy, args=(process, log), daemon=True))
        threads[-1].start()
        started.append(process)
        run.processes.append(process)
    if run.cancelled:
        _signal(workspace, job, signal.SIGTERM)
    while None in (codes := [process.poll() for process in started]):
        if any(codes):  # as the service does: the others may be waiting for the one that failed
            _signal(workspace, job, signal.SIGTERM)
            break
        time.sleep(0.05)
    codes = [process.wait() for process in started]
    for thread in threads:
        thread.join()
    return codes


def _copy(process: subprocess.Popen[bytes], log: BlobClient) -> None:
    assert process.stdout
    for line in process.stdout:
        log.append_block(line)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _rank_variables(rank: int, world: int, port: int) -> dict[str, str]:
    own = {"RANK": str(rank), "LOCAL_RANK": "0", "WORLD_SIZE": str(world), "NODE_RANK": str(rank)}
    return {**own, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def _environment(workspace: Workspace, job: str, properties: dict[str, Any], code: Path) -> dict[str, str]:
    """The variables of a node: nothing of the machine that submitted the job but the way to Python."""
    python = str(Path(sys.executable).parent)
    return {
        "PATH": os.pathsep.join([python, os.environ["PATH"]]),
        "HOME": str(code.parent),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "AZUREML_RUN_ID": job,
        "AZUREML_ARM_SUBSCRIPTION": SUBSCRIPTION,
        "AZUREML_ARM_RESOURCEGROUP": GROUP,
        "AZUREML_ARM_WORKSPACE_NAME": NAME,
        **workspace.job_environment,
        **(properties.get("environmentVariables") or {}),
    }


def _fail(workspace: Workspace, job: str, code: str, message: str) -> None:
    error = {"code": code, "message": message, "messageParameters": {}, "details": []}
    workspace.runs[job].error = {"error": error, "time": now()}
    workspace.set_status(job, "Failed")
