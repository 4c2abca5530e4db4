"""A pass or metric names a data config that is not there.

Every key that ends in `data_config` holds the `name` of an entry of `data_configs`. A name that no entry has
leaves the pass without data.

```json
"data_configs": [{ "name": "phrases_train" }],
"passes": { "ft": { "type": "LoRA", "train_data_config": "phrase_train" } }
```

Olivine refuses the run and offers the name that was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .reading import data_references, is_sound, names
from .repairs import change_to_meant, listed
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    if not is_sound(context, "data_configs"):
        return
    known = names(context, "data_configs")
    for reference in data_references(context):
        if reference.value not in known:
            message = f'No data config is called "{reference.value}". {listed(known, "data configs")}'
            yield RULE.at(reference, message, change_to_meant(reference, known))


RULE = Rule("dangling-data-config", Severity.ERROR, _check)
