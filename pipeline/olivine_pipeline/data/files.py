"""Which local files a data config reads. Knows the file system only."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from olivine_pipeline.errors import RunError
from olivine_schemas.language.data import AzureMLDatastoreFile, DataConfig, LoadDataset

LOADERS = frozenset({"arrow", "csv", "json", "pandas", "parquet", "text", "xml"})
"""Loaders of `datasets` that read files; every other `data_name` is a folder or a hub dataset."""

CONTAINERS = frozenset({"HuggingfaceContainer", "DataContainer"})
"""Container types whose rows Olivine loads."""


@dataclass(frozen=True)
class Source:
    """What `datasets.load_dataset` reads, with local paths made absolute."""

    name: str
    """Loader, folder, or hub id."""
    data_dir: str | None
    data_files: str | list[str] | dict[str, str | list[str]] | None
    paths: tuple[Path, ...]
    """Every local file behind it; none for a hub dataset."""


def fingerprint_files(config: DataConfig, base: Path) -> list[Path]:
    """Local files whose content decides what `config` yields: data, `user_script`, Python files in `script_dir`."""
    paths = list(find_source(load_settings(config), base).paths)
    script, folder = find_script(config, base)
    paths += [script] if script else []
    paths += sorted(folder.glob("*.py")) if folder else []
    return list(dict.fromkeys(paths))


def load_settings(config: DataConfig) -> LoadDataset:
    """Typed parameters of `load_dataset_config`; RunError where the component is not one that Olivine runs."""
    if config.type not in CONTAINERS:
        raise RunError(
            "unsupported-data-container",
            f'Data config "{config.name}" is a {config.type}, which Olivine does not run.',
            "Use HuggingfaceContainer.",
        )
    component = config.load_dataset_config
    if component.type not in (None, "huggingface_dataset"):
        raise RunError(
            "unsupported-data-component",
            f'Data config "{config.name}" loads with {component.type}, which Olivine does not run.',
            "Use huggingface_dataset.",
        )
    try:
        return LoadDataset.model_validate(component.params)
    except ValidationError as error:
        raise invalid_settings(config.name, "load_dataset_config", error) from error


def invalid_settings(name: str, block: str, error: ValidationError) -> RunError:
    """The first complaint of pydantic in the person's words."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return RunError("invalid-data-config", f'"{key}" in {block} of data config "{name}": {first["msg"]}.')


def find_source(load: LoadDataset, base: Path) -> Source:
    """Resolve local paths against `base`, then the working directory. RunError where a file is missing."""
    name, folders = load.data_name, [base, Path.cwd()]
    if not name:
        raise RunError("no-data-name", "load_dataset_config has no data_name.", 'Set it to "json", "csv" or a hub id.')
    if name not in LOADERS:
        folder = _existing(name, folders)
        inside = _files_below(folder) if folder else ()
        return Source(str(folder or name), load.data_dir, _plain(load.data_files), inside)
    data_dir = _data_dir(load.data_dir, folders)
    if load.data_files is None:
        if data_dir is None:
            raise RunError("no-data-files", f'data_name "{name}" reads files, and none are named.', "Set data_files.")
        return Source(name, str(data_dir), None, _files_below(data_dir))
    paths: list[Path] = []
    search = [data_dir, *folders] if data_dir else folders

    def resolve(pattern: str) -> str:
        resolved, found = _resolve(pattern, search)
        paths.extend(found)
        return resolved

    data_files = _each_pattern(_plain(load.data_files), resolve)
    return Source(name, str(data_dir) if data_dir else None, data_files, tuple(paths))


def find_script(config: DataConfig, base: Path) -> tuple[Path | None, Path | None]:
    """`user_script` and `script_dir` as paths, from the preprocessing parameters or the data config itself."""
    params = config.pre_process_data_config.params
    script = params.get("user_script") or config.user_script
    folder = params.get("script_dir") or config.script_dir
    folders = [base, Path.cwd()]
    found_folder = _data_dir(folder, folders)
    if not script:
        return None, found_folder
    found = _existing(script, [found_folder, *folders] if found_folder else folders)
    if not found:
        raise _missing("user_script", script, folders)
    return found, found_folder


def in_datastore(config: DataConfig) -> bool:
    """Whether the rows are in an Azure ML datastore, and not on this machine."""
    return _is_remote(config.load_dataset_config.params.get("data_files"))


def _is_remote(data_files: Any) -> bool:
    given = isinstance(data_files, dict) and data_files.get("type") == "azureml_datastore"
    return given or isinstance(data_files, AzureMLDatastoreFile)


def _plain(data_files: Any) -> Any:
    if _is_remote(data_files):
        raise RunError(
            "remote-data-file",
            "data_files is a file in an Azure ML datastore that was not downloaded.",
            "Start a run, which downloads it, or name a file of this machine.",
        )
    return data_files


def _each_pattern(data_files: Any, resolve: Any) -> Any:
    if isinstance(data_files, dict):
        return {split: _each_pattern(files, resolve) for split, files in data_files.items()}
    if isinstance(data_files, list):
        return [resolve(pattern) for pattern in data_files]
    return resolve(data_files)


def _resolve(pattern: str, folders: list[Path]) -> tuple[str, list[Path]]:
    """The pattern made absolute in the first folder where it matches, and the files it matches."""
    if "://" in pattern:
        return pattern, []
    for folder in folders:
        absolute = folder.absolute() / Path(pattern).expanduser()
        pattern_matches = glob.glob(str(absolute), recursive=True)  # noqa: PTH207 - the pattern is absolute
        matches = [absolute] if absolute.is_file() else map(Path, pattern_matches)
        found = sorted(path for path in matches if path.is_file())
        if found:
            return str(absolute), found
    raise _missing("data_files", pattern, folders)


def _data_dir(name: str | None, folders: list[Path]) -> Path | None:
    if not name:
        return None
    found = _existing(name, folders)
    if not found:
        raise _missing("folder", name, folders)
    return found


def _existing(name: str, folders: list[Path]) -> Path | None:
    candidates = (folder.absolute() / Path(name).expanduser() for folder in folders)
    return next((path for path in candidates if path.exists()), None)


def _files_below(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")))


def _missing(what: str, name: str, folders: list[Path]) -> RunError:
    """The error for a path that is nowhere, with the nearest name that is there."""
    places = list(dict.fromkeys(folder.absolute() / Path(name).expanduser() for folder in folders))
    for place in places:
        siblings = [path.name for path in place.parent.iterdir()] if place.parent.is_dir() else []
        near = get_close_matches(place.name, siblings, 1)
        if near:
            hint = f'Did you mean "{(Path(name).parent / near[0]).as_posix()}"?'
            break
    else:
        hint = f"Looked in {' and '.join(str(place.parent) for place in places)}."
    return RunError("missing-file", f'{what}: there is no "{name}".', hint)
