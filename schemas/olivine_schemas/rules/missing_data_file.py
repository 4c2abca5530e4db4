"""A data file that is not there.

`data_files` and `data_dir` are relative to the folder of the config file.

```json
"load_dataset_config": { "data_name": "json", "data_files": "dataset/phrases.json", "split": "train" }
```

The loaders `json`, `csv`, `parquet` and `text` need one of the two. Microsoft Olive finds out while training, and
reports success. Olivine refuses the run.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Object, Scalar, text_of

from .paths import leading_nowhere, not_there
from .reading import DataConfig, data_configs, is_given, strings
from .repairs import change_to_neighbour
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        name = data.load.get("data_name")
        if data.loader and name and not any(is_given(data.load.get(key)) for key in ("data_files", "data_dir")):
            yield RULE.at(name, f'The loader {data.loader} needs files: add "data_files".')
        for node in leading_nowhere(context, _paths(data) if data.loader else []):
            yield RULE.at(node, not_there(node), change_to_neighbour(context, node))


def _paths(data: DataConfig) -> list[Scalar]:
    folder = data.load.get("data_dir")
    if text_of(folder):
        return strings(folder)
    files = data.load.get("data_files")
    if isinstance(files, Object):
        splits = [] if text_of(files.get("type")) else files.members
        return [node for member in splits for node in strings(member.value)]
    return strings(files)


RULE = Rule("missing-data-file", Severity.ERROR, _check)
