"""Rows of a data config, through `datasets`."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivine_pipeline.digests import digest_file, digest_of
from olivine_pipeline.errors import RunError
from olivine_pipeline.scratch import scratch_folder
from olivine_schemas.language.data import DataConfig, LoadDataset

from .files import Source, find_source, load_settings

if TYPE_CHECKING:
    from datasets import Dataset

IN_MEMORY_BYTES = 64 << 20
"""Files up to this size in all are read into memory and leave nothing on disk."""


def load_rows(config: DataConfig, base: Path) -> Dataset:
    """Rows as a `datasets.Dataset`, filtered by `col_filters`.

    Relative paths are looked up in `base` (the config file's folder), then in the working directory. RunError says
    what is wrong with the files, the split or the columns.
    """
    load = load_settings(config)
    source = find_source(load, base)
    if source.paths and all(_is_blank(path) for path in source.paths):
        raise _empty(config.name, "The file is empty." if len(source.paths) == 1 else "All files are empty.")
    rows = _load(config.name, load, source)
    if load.col_filters:
        require_columns(load.col_filters, rows.column_names, "col_filters")
        keep = _filtered_positions(rows, load.col_filters)
        rows = rows.select(keep, keep_in_memory=True)
        if not len(rows):
            raise _empty(config.name, f"No row passes col_filters {json.dumps(load.col_filters)}.")
    if not len(rows):
        raise _empty(config.name, f'Split "{load.split}" has no rows.')
    return rows


def require_columns(wanted: Any, columns: list[str], where: str) -> None:
    """RunError naming the first of `wanted` that is not among `columns`, with the nearest that is."""
    for name in wanted:
        if name not in columns:
            near = get_close_matches(str(name), columns, 1)
            hint = f'Did you mean "{near[0]}"? ' if near else ""
            raise RunError(
                "unknown-column",
                f'{where}: the data has no column "{name}".',
                f"{hint}Its columns are: {', '.join(columns)}.",
            )


def _load(name: str, load: LoadDataset, source: Source) -> Dataset:
    """Small local files in memory, large ones from a cache keyed by their content, hub datasets as `datasets` does."""
    if not source.paths:
        return _call(name, load, source)
    if sum(path.stat().st_size for path in source.paths) <= IN_MEMORY_BYTES:
        with scratch_folder() as folder:
            return _call(name, load, source, cache_dir=folder, keep_in_memory=True)
    from platformdirs import user_cache_path

    content = digest_of([[str(path), digest_file(path)] for path in source.paths])
    return _call(name, load, source, cache_dir=str(user_cache_path("olivine") / "datasets" / content))


def _call(name: str, load: LoadDataset, source: Source, **places: Any) -> Dataset:
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    # Loading scripts are gone from `datasets`, so the flag that allowed them decides nothing.
    further = {key: value for key, value in (load.model_extra or {}).items() if key != "trust_remote_code"}
    try:
        rows = datasets.load_dataset(
            source.name,
            name=load.subset,
            data_dir=source.data_dir,
            data_files=source.data_files,
            split=load.split,
            **{**places, **further},
        )
    except Exception as error:
        raise _explain(name, load, source, error) from error
    if not isinstance(rows, datasets.Dataset):
        raise RunError("streaming-data", f'Data config "{name}" asks for streaming.', "Remove streaming.")
    return rows


def _is_blank(path: Path) -> bool:
    with path.open("rb") as file:
        return not file.read(4096).strip()


def _filtered_positions(rows: Dataset, filters: dict[str, Any]) -> list[int]:
    columns = [rows[name] for name in filters]
    wanted = tuple(filters.values())
    return [position for position, values in enumerate(zip(*columns, strict=True)) if values == wanted]


def _empty(name: str, reason: str) -> RunError:
    return RunError("empty-data", f'Data config "{name}" yields no rows. {reason}')


def _explain(name: str, load: LoadDataset, source: Source, error: Exception) -> RunError:
    """What `datasets` complained of, in words about the config and the files."""
    text = str(error.__cause__ or error).strip().partition("\n")[0]
    unknown_split = re.match(r'Unknown split "(.*?)"\. Should be one of \[(.*)\]', text)
    if unknown_split:
        splits = unknown_split[2].replace("'", "")
        return RunError("unknown-split", f'The data has no split "{unknown_split[1]}".', f"Its splits are: {splits}.")
    if "Unrecognized instruction format" in text or "Invalid slice" in text:
        return RunError("bad-split", f'split "{load.split}" cannot be read.', 'Write it as "train" or "train[:100]".')
    if isinstance(error, StopIteration):
        return _empty(name, "The files hold no data.")
    unknown_setting = re.search(r"unexpected keyword argument '(\w+)'", text)
    if unknown_setting:
        return RunError("unknown-load-setting", f'The loader "{source.name}" has no setting "{unknown_setting[1]}".')
    malformed = _malformed_row(source)
    if malformed:
        return RunError("malformed-row", malformed, "Mend the row; every line is one JSON object.")
    if not source.paths:
        return RunError(
            "dataset-not-found",
            f'Dataset "{source.name}" could not be loaded: {text}',
            "Check the name, the network and your hub login; a local folder must exist.",
        )
    return RunError("unreadable-data", f'Data config "{name}" cannot be loaded: {text}')


def _malformed_row(source: Source) -> str | None:
    """`file:line: complaint` for the first row of the JSON files that is no JSON object."""
    if source.name != "json":
        return None
    complaints = (_malformed_json(path) for path in source.paths)
    return next((complaint for complaint in complaints if complaint), None)


def _malformed_json(path: Path) -> str | None:
    with path.open(encoding="utf-8", errors="replace") as file:
        if file.read(1) == "[":
            return _malformed_array(path)
        file.seek(0)
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line.rstrip()) if line.strip() else {}
            except json.JSONDecodeError as error:
                return f"{path.name}, line {number}, column {error.colno}: {error.msg}."
            if not isinstance(row, dict):
                return f"{path.name}, line {number}: this is not a JSON object."
    return None


def _malformed_array(path: Path) -> str | None:
    try:
        json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except json.JSONDecodeError as error:
        return f"{path.name}, line {error.lineno}, column {error.colno}: {error.msg}."
    return None
