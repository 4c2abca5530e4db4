"""The folder that is uploaded for a job: the config, the local files that it names, and Olivine itself. Nothing else.

work/olive-config.json      the config in canonical form, its Azure ML systems turned into the machine it will be on
work/…                      data files and scripts, where the config has them; those from elsewhere in work/outside/
program/…                   the packages of this Olivine, so that the compute runs what was checked here
"""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import olivine_pipeline
import olivine_schemas
from olivine_pipeline.data.files import LOADERS, find_script, find_source, load_settings
from olivine_pipeline.plan import Config
from olivine_schemas.language.data import DataConfig
from olivine_schemas.tree import to_data

from .request import AZUREML

CONFIG = "olive-config.json"
CACHE, OUTPUT = ".olive-cache", "models"
"""Where the job keeps its cache and results, beside the config."""
CODE, CONDA, CONTEXT = "snapshot", "conda.yaml", "context"
"""What a submission consists of: the snapshot, and what its environment is made of."""
_CACHES = frozenset({"__pycache__", "node_modules"})
_SOURCES = frozenset({".py", ".json", ".j2", ".typed", ".yaml"})
"""What a package of Olivine consists of."""


@dataclass
class Snapshot:
    """The files of a snapshot by their path in it, and the text of the config."""

    config: str = ""
    files: dict[str, Path] = field(default_factory=dict)
    """Data files and scripts, by their path below `work`."""

    @property
    def size_bytes(self) -> int:
        """Of what is the person's own."""
        return len(self.config.encode()) + sum(path.stat().st_size for path in self.files.values())


def plan_snapshot(config: Config) -> Snapshot:
    """Which files a job of this config needs. `RunError` where one is missing."""
    stage = Stage(config.folder)
    data = to_data(config.checked.workflow)
    assert isinstance(data, dict)
    _turn_hosts(data)
    data.pop("azureml_client", None)
    engine = data.setdefault("engine", {})
    for key in ("cache_config", "packaging_config"):
        engine.pop(key, None)
    engine |= {"cache_dir": CACHE, "output_dir": OUTPUT}
    _keep_training(data)
    for settings, entry in zip(config.workflow.data_configs, data.get("data_configs") or [], strict=True):
        _stage_data(stage, settings, entry)
    return Snapshot(json.dumps(data, indent=1, ensure_ascii=False), stage.files)


def write_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Make the snapshot in an empty folder. Files are copied, so that a link never leads out of it."""
    work, program = folder / "work", folder / "program"
    work.mkdir(parents=True)
    (work / CONFIG).write_text(snapshot.config, encoding="utf-8")
    for name, source in snapshot.files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, work / name)
    for package in (olivine_pipeline, olivine_schemas):
        root = Path(str(package.__file__)).parent
        for source in _program_files(root):
            target = program / root.name / source.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    _describe_program(program)


def write_context(source: Path, folder: Path) -> None:
    """Copy the folder of a Dockerfile, without hidden files, caches and links, which no image should hold."""

    def left_out(here: str, names: list[str]) -> list[str]:
        return [name for name in names if name.startswith(".") or name in _CACHES or Path(here, name).is_symlink()]

    shutil.copytree(source, folder, ignore=left_out)


def files_in(*folders: Path) -> Iterator[Path]:
    """Every file of some folders."""
    return (path for folder in folders for path in folder.rglob("*") if path.is_file())


def _program_files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if Path(name).suffix in _SOURCES)


def _describe_program(program: Path) -> None:
    """What makes the copied packages an installed distribution: its version, and the passes that it offers."""
    installed = distribution("olivine")
    info = program / f"olivine-{installed.version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: olivine\nVersion: {installed.version}\n")
    (info / "entry_points.txt").write_text(installed.read_text("entry_points.txt") or "")


def _turn_hosts(data: dict[str, Any]) -> None:
    """Where the job runs, its Azure ML system is the local machine."""
    engine = data.get("engine") or {}
    systems = [*(data.get("systems") or {}).values(), engine.get("host"), engine.get("target")]
    systems += [entry.get("host") for entries in (data.get("passes") or {}).values() for entry in entries]
    for system in systems:
        if isinstance(system, dict) and system.get("type") == AZUREML:
            accelerators = (system.get("config") or {}).get("accelerators")
            system["type"] = "LocalSystem"
            system["config"] = {"accelerators": accelerators} if accelerators else {}


def _keep_training(data: dict[str, Any]) -> None:
    """What a job finds in its cache is of its own run, and its checkpoints are kept from there: see `keeping`."""
    data["engine"].pop("clean_cache", None)
    for entries in (data.get("passes") or {}).values():
        for entry in entries:
            entry.pop("clean_run_cache", None)
            ((entry.get("config") or {}).get("training_args") or {}).pop("output_dir", None)


class Stage:
    """Gives every local file a place in the snapshot: its own where it lies below the config, else one outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._outside: dict[Path, str] = {}
        self.files: dict[str, Path] = {}

    def inside(self, path: Path) -> bool:
        """Whether a file or folder lies below the config's folder."""
        return path.absolute().is_relative_to(self.folder) and ".." not in path.parts

    def folder_of(self, folder: Path) -> str:
        """The place of a folder."""
        if self.inside(folder):
            return folder.absolute().relative_to(self.folder).as_posix()
        return self._outside.setdefault(folder.absolute(), f"outside/{len(self._outside)}/{folder.name}")

    def add(self, path: Path, root: Path | None = None) -> str:
        """Take a file in and return its place; `root` is a folder above it that keeps its shape."""
        if self.inside(path):
            name = path.absolute().relative_to(self.folder).as_posix()
        elif root and path.absolute().is_relative_to(root.absolute()):
            name = f"{self.folder_of(root)}/{path.absolute().relative_to(root.absolute()).as_posix()}"
        else:
            name = f"{self.folder_of(path.parent)}/{path.name}"
        self.files[name] = path.resolve()
        return name


def _stage_data(stage: Stage, settings: DataConfig, entry: dict[str, Any]) -> None:
    """Take the files of a data config in, and let the entry name their new places."""
    params = (entry.get("load_dataset_config") or {}).get("params") or {}
    files = params.get("data_files")
    if not (isinstance(files, dict) and files.get("type") == "azureml_datastore"):
        _stage_files(stage, settings, params)
    script, folder = find_script(settings, stage.folder)
    own = (entry.get("pre_process_data_config") or {}).get("params") or {}
    where = own if own.get("user_script") or own.get("script_dir") else entry
    if folder:
        for path in sorted(folder.rglob("*.py")):
            if not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts):
                stage.add(path, folder)
        where["script_dir"] = stage.folder_of(folder)
    if script:
        where["user_script"] = stage.add(script, folder)


def _stage_files(stage: Stage, settings: DataConfig, params: dict[str, Any]) -> None:
    source = find_source(load_settings(settings), stage.folder)
    if source.name not in LOADERS:
        if source.paths:
            params["data_name"] = _stage_folder(stage, Path(source.name), source.paths)
    elif source.data_files is None and source.data_dir:
        params["data_dir"] = _stage_folder(stage, Path(source.data_dir), source.paths)
    elif source.paths:
        params["data_files"] = _placed(stage, source.data_files)
        params.pop("data_dir", None)


def _placed(stage: Stage, patterns: Any) -> Any:
    """The places of the files that absolute patterns match, in the shape that the patterns have."""
    if isinstance(patterns, dict):
        return {split: _placed(stage, pattern) for split, pattern in patterns.items()}
    if isinstance(patterns, list):
        return [name for pattern in patterns for name in _as_list(_placed(stage, pattern))]
    if "://" in patterns:
        return patterns
    found = [Path(patterns)] if Path(patterns).is_file() else _matched(patterns)
    names = [stage.add(path) for path in found]
    return names[0] if len(names) == 1 else names


def _matched(pattern: str) -> list[Path]:
    return sorted(Path(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207


def _as_list(names: Any) -> list[str]:
    return names if isinstance(names, list) else [names]


def _stage_folder(stage: Stage, folder: Path, paths: tuple[Path, ...]) -> str:
    for path in paths:
        stage.add(path, folder)
    return stage.folder_of(folder)
