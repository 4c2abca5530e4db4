"""A data file that is not what its loader reads.

`data_name` says how the file is read: json (an array of objects, or one object a line), csv, parquet or text.

```json
"load_dataset_config": { "data_name": "json", "data_files": "phrases.csv", "split": "train" }
```

Olivine refuses the run and says what is wrong with the file, and in which line.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .columns import dataset
from .reading import data_configs, data_files
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        facts = dataset(context, data)
        if facts and facts.unreadable:
            yield RULE.at(data_files(data)[0], f"The loader {data.loader} cannot read this: {facts.unreadable}.")


RULE = Rule("unreadable-data-file", Severity.ERROR, _check)
