"""What a config names in Azure, brought to this machine for the passes that run here.

    <cache_dir>/downloads/<digest of an address>.json   what was there the last time: state and key
    <cache_dir>/artifacts/<key>/files/                  the files, under the digest of their bytes
    <cache_dir>/work/<digest of a state>/               a download that was cut, to be continued

So the key of a pass sees what the files hold, wherever they came from, and what has not changed is not fetched again.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.digests import digest_file, digest_of
from olivine_pipeline.errors import RunError
from olivine_pipeline.journal import Journal
from olivine_pipeline.plan import Config
from olivine_pipeline.store import Entry, Store
from olivine_schemas.files import write_whole

from .access import connect, is_installed, missing
from .job import gather
from .request import CloudInput, Workspace, inputs_of, workspace_of

if TYPE_CHECKING:
    from .connection import Connection

FILES = "files"
"""Folder of the files in an artifact."""
_REGISTRIES = "azureml://registries/"


@dataclass(frozen=True)
class Fetched:
    """What was at an address the last time: `state` changes with any of its files, `key` with their bytes."""

    address: str
    state: str
    key: str


def in_the_cloud(config: Config) -> tuple[CloudInput, ...]:
    """What a config names in Azure. `ConfigRefused` where that is incomplete."""
    return tuple(one for one in inputs_of(config) if not one.is_local)


def with_local_paths(config: Config, store: Store, inputs: tuple[CloudInput, ...]) -> Config:
    """The config with the paths of what was fetched before in place of addresses."""
    workflow = config.workflow.model_copy(deep=True)
    for one in inputs:
        if (entry := _entry(store, one.address)) is not None:
            _put(workflow, one.place, _paths(entry, one, config.folder))
    return replace(config, workflow=workflow)


def is_here(store: Store, one: CloudInput) -> bool:
    """Whether an input is here and cannot have changed since."""
    return _is_pinned(one.address) and _entry(store, one.address) is not None


def require_packages(config: Config, store: Store, inputs: tuple[CloudInput, ...]) -> None:
    """Refuse what cannot be fetched before anything is loaded: no packages for it, or no workspace."""
    waiting = next((one for one in inputs if not is_here(store, one)), None)
    if waiting is None:
        return
    workspace_for(config, inputs)
    if not is_installed():
        place = (int(step) if step.isdecimal() else step for step in waiting.place.split("."))
        raise missing(config.location(*place))


def workspace_for(config: Config, inputs: tuple[CloudInput, ...]) -> Workspace:
    """The workspace that inputs are looked up in. `ConfigRefused` where one needs it and the config names none."""
    if config.workflow.azureml_client is None and not any(_needs_workspace(one.address) for one in inputs):
        return Workspace("", "", "")
    return workspace_of(config)


def fetch(config: Config, store: Store, inputs: tuple[CloudInput, ...], journal: Journal, cancel: Cancel) -> bool:
    """Bring every input here that is not here as it is now; whether there was one. `RunError` and `Cancelled`.

    Without a network, what was brought before has to do.
    """
    waiting = [one for one in inputs if not is_here(store, one)]
    if not waiting:
        return False
    journal.progress("connecting to Azure ML", 0, 0, "file")
    here = all(_entry(store, one.address) for one in waiting)
    try:
        connection = connect(workspace_for(config, inputs), cancel, journal, patiently=not here)
        changed = [_fetch(one, store, connection, journal, cancel) for one in waiting]
    except RunError as error:
        if error.code != "azure-unreachable" or not here:
            raise
        journal.warn(error.code, f"{error.message} What was downloaded before is used.")
        return False
    return any(changed)


def _fetch(one: CloudInput, store: Store, connection: Connection, journal: Journal, cancel: Cancel) -> bool:
    from .places import find_place, list_files, transfer

    doing = f"downloading {_label(one.address)}"
    journal.progress(doing, 0, 0, "byte")
    place = find_place(connection, one.address)
    source = transfer(connection, place, one.address, cancel)
    files = list_files(source, place, one.address)
    state = digest_of([one.address, [[file.name, file.size, file.etag] for file in files]])
    known = _read(store, one.address)
    if known and known.state == state and store.get(known.key):
        return False
    with store.lock(state, cancel.check):
        work = store.work_folder(state)
        source.fetch(files, work, lambda done, total: journal.progress(doing, done, total, "byte"))
        key = digest_of({"files": {file.name: digest_file(work / file.name) for file in files}})
        with cancel.saving():
            if store.get(key) is None:
                store.commit(key, {"address": one.address}, lambda folder: _take(work, folder / FILES))
            shutil.rmtree(work, ignore_errors=True)
    record = _record(store, one.address)
    record.parent.mkdir(exist_ok=True)
    write_whole(record, json.dumps(asdict(Fetched(one.address, state, key)), indent=1))
    return True


def _take(work: Path, folder: Path) -> None:
    """Move what was fetched to where it stays; of an MLflow model, the files of transformers."""
    if (work / "MLmodel").is_file():
        gather(work, folder, os.replace)
    else:
        shutil.copytree(work, folder, copy_function=os.replace)


def _entry(store: Store, address: str) -> Entry | None:
    known = _read(store, address)
    return store.get(known.key) if known else None


def _read(store: Store, address: str) -> Fetched | None:
    try:
        return Fetched(**json.loads(_record(store, address).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _record(store: Store, address: str) -> Path:
    return store.folder / "downloads" / f"{digest_of(address)}.json"


def _paths(entry: Entry, one: CloudInput, base: Path) -> str | list[str]:
    """What a setting names: a model's folder, or the files of data; relative to `base` where they are below it."""
    folder = entry.path / FILES
    if one.place.startswith("input_model"):
        return str(folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path) for path in files]
    return names[0] if len(names) == 1 else names


def _put(workflow: Any, place: str, value: Any) -> None:
    *steps, last = place.split(".")
    for step in steps:
        workflow = workflow[int(step)] if isinstance(workflow, list) else _member(workflow, step)
    workflow[last] = value


def _member(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) else getattr(value, name)


def _label(address: str) -> str:
    """The end of an address, which tells the most."""
    steps = address.rstrip("/").split("/")
    return f"{steps[-3]} version {steps[-1]}" if address.startswith(_REGISTRIES) else steps[-1]


def _is_pinned(address: str) -> bool:
    """Whether what is at an address never changes: a version of a model."""
    return address.startswith(_REGISTRIES) or (address.startswith("azureml:") and "//" not in address)


def _needs_workspace(address: str) -> bool:
    return address.startswith("azureml:") and not address.startswith(_REGISTRIES)
