"""A column that the data file does not have.

The names in `text_cols`, `message_col`, `input_col`, `output_col` and `col_filters` must be columns of the data. Where
none is named and there is no template, the column is `text`.

```json
"load_dataset_config": { "data_name": "json", "data_files": "phrases.json", "split": "train" },
"pre_process_data_config": { "text_cols": ["phrase", "mood"] }
```

Microsoft Olive finds out while training, and reports success. Olivine reads the first rows of the file, refuses the
run and offers the column that was probably meant. It says nothing about data that is not on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, child

from .columns import column_settings, dataset, implied_columns
from .reading import DataConfig, data_configs, object_at
from .repairs import change_to_meant, listed
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        facts = dataset(context, data) if data.is_text_generation else None
        if facts and facts.columns and not facts.unreadable:
            yield from _missing(data, facts.columns)
            yield from _filters(data, facts.columns)


def _missing(data: DataConfig, columns: tuple[str, ...]) -> Iterator[Problem]:
    for node in column_settings(data):
        if node.value not in columns:
            message = f'The data has no column "{node.value}". {listed(columns, "columns")}'
            yield RULE.at(node, message, change_to_meant(node, columns))
    pre_process = data.node.member("pre_process_data_config")
    for name in implied_columns(data) if child(data.node, "pre_process_data_config", "params") else ():
        if name not in columns and pre_process:
            message = f'The data has no column "{name}", which is taken where none is named. '
            where = Scalar(pre_process.key.span, name)
            yield RULE.at(where, message + listed(columns, "columns"))


def _filters(data: DataConfig, columns: tuple[str, ...]) -> Iterator[Problem]:
    for member in object_at(data.load, "col_filters").members:
        if member.name not in columns:
            yield RULE.at(member, f'The data has no column "{member.name}". {listed(columns, "columns")}')


RULE = Rule("missing-column", Severity.ERROR, _check)
