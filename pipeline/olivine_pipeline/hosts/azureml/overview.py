"""What submitting a config would do, in lines for a person: before anything is uploaded and any node paid for."""

from __future__ import annotations

from pathlib import Path

from olivine_pipeline.wording import size

from .host import Prepared
from .request import CloudInput, Environment, Request
from .snapshot import CONFIG, files_in

SHOWN = 20
"""Files that are listed one by one."""


def overview(prepared: Prepared) -> str:
    """The plan of a job."""
    request = prepared.request
    workspace = request.workspace
    rows = [
        ("workspace", f"{workspace.workspace_name} (resource group {workspace.resource_group})"),
        ("compute", _compute(request)),
        ("environment", _environment(request.environment)),
        ("experiment", f"{request.experiment}, as {request.display_name}"),
        ("results", _results(prepared)),
        ("checkpoints", f"datastore {request.datastore}: another node or job of the run goes on from there"),
    ]
    if request.keyvault:
        rows.append(("token", f"secret hf-token of the key vault {request.keyvault}, read by the job"))
    rows.append(("passes", _passes(prepared)))
    rows.append(("cached", "nothing: a job runs every pass; what the workspace has already is not uploaded again"))
    rows += [("input", _input(one)) for one in request.inputs]
    lines = [f"{name:<12} {text}" for name, text in rows]
    return "\n".join([*lines, *_files(prepared)])


def _files(prepared: Prepared) -> list[str]:
    snapshot = prepared.snapshot
    count = len(snapshot.files) + 1
    head = f"{'upload':<12} {count} file{'s' if count > 1 else ''}, {size(snapshot.size_bytes)}, and Olivine itself"
    files = [(CONFIG, len(snapshot.config.encode()))]
    files += [(name, path.stat().st_size) for name, path in sorted(snapshot.files.items())]
    lines = [f"{'':<12} {name} ({size(count)})" for name, count in files[:SHOWN]]
    more = len(files) - SHOWN
    return [head, *lines, *([f"{'':<12} and {more} more"] if more > 0 else [])]


def _compute(request: Request) -> str:
    nodes = f"{request.nodes} node" + ("s" if request.nodes > 1 else "")
    each = request.processes_per_node
    return f"{request.compute}, {nodes}" + (f" with {each} processes each" if each > 1 else "")


def _results(prepared: Prepared) -> str:
    datastore, output = f"datastore {prepared.request.datastore}", prepared.output
    return f"{datastore}, then {output}" if prepared.brings_models else f"{datastore}; the report, then {output}"


def _passes(prepared: Prepared) -> str:
    names = []
    for name, entries in prepared.config.workflow.passes.items():
        names.append(f"{name} ({entries[0].type})")
        if name == prepared.up_to:
            break
    return ", ".join(names) or "none: the job measures the input model only"


def _environment(environment: Environment) -> str:
    if environment.name:
        return environment.name
    if environment.build_folder:
        return f"image built from {environment.build_folder / environment.dockerfile}"
    packages = environment.conda_file.name if environment.conda_file else "the packages of this machine, pinned"
    return f"{environment.image} with {packages}"


def _input(given: CloudInput) -> str:
    if not given.is_local:
        return f"{given.uri} as {given.place}"
    files = list(files_in(Path(given.uri)))
    total = sum(path.stat().st_size for path in files)
    return f"{given.uri} ({len(files)} files, {size(total)}, uploaded unless it is there already) as {given.place}"
