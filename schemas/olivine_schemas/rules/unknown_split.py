"""A split that files of one's own do not have.

Files given by `data_files` make up one split, train, unless `data_files` maps split names to files. `split` is
`validation` by default.

```json
"load_dataset_config": { "data_name": "json", "data_files": "phrases.json", "split": "trian" }
```

Olivine refuses the run and offers the split that is there. Take a part of a split with `train[:90%]` and
`train[90%:]`.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar

from .reading import DataConfig, data_configs, is_given, promised_splits, split_names
from .repairs import add, change_to, listed, meant
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        known = promised_splits(data)
        unknown = [name for name in split_names(data) if name not in (*known, "all")] if known else []
        if unknown:
            yield _problem(context, data, unknown[0], known)


def _problem(context: Context, data: DataConfig, unknown: str, known: list[str]) -> Problem:
    written = data.load.member("split")
    best = known[0] if len(known) == 1 else meant(unknown, known)
    files = data.load.member("data_files")
    if written and is_given(written.value):
        node = written.value
        whole = str(node.value) if isinstance(node, Scalar) else ""
        fix = change_to(node, whole.replace(unknown, best)) if best and isinstance(node, Scalar) else None
        return RULE.at(node, f'These files have no split "{unknown}". {listed(known, "splits")}', fix)
    fix = add(context, data.load, "split", best) if best else None
    message = f'The split "{unknown}" is taken where none is named, and these files do not have it. '
    return RULE.at(files or data.node, message + listed(known, "splits"), fix)


RULE = Rule("unknown-split", Severity.ERROR, _check)
