"""A random strategy without what makes it definite.

`line-by-line-random` and `join-random` draw `max_samples` sequences with `random_seed`. Without the first there is no
end; without the second every run trains on other text, and no result can be repeated.

```json
"pre_process_data_config": { "strategy": "join-random" }
```

Olivine refuses the run and names what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import text_of

from .reading import data_configs, is_given
from .repairs import add
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        node = data.text.get("strategy")
        if node is None or not (text_of(node) or "").endswith("-random"):
            continue
        missing = [key for key in ("random_seed", "max_samples") if not is_given(data.text.get(key))]
        if not missing:
            continue
        fix = add(context, data.text, "random_seed", 42) if missing == ["random_seed"] else None
        yield RULE.at(node, f"{text_of(node)} needs {' and '.join(missing)}.", fix)


RULE = Rule("random-needs-seed", Severity.ERROR, _check)
