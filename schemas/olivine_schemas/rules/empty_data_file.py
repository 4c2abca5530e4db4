"""A data file without a single row.

There is nothing to train on.

```json
"load_dataset_config": { "data_name": "json", "data_files": "empty.json", "split": "train" }
```

Olivine refuses the run.
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
        if facts and facts.complete and not facts.rows and not facts.unreadable:
            yield RULE.at(data_files(data)[0], "The data has no rows.")


RULE = Rule("empty-data-file", Severity.ERROR, _check)
