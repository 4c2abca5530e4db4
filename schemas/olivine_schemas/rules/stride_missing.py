"""join-sliding-window without `stride`.

The strategy cuts the joined text into windows that overlap; `stride` says by how many tokens.

```json
"pre_process_data_config": { "strategy": "join-sliding-window", "max_seq_len": 512 }
```

Olivine refuses the run and offers half of `max_seq_len`.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import text_of

from .reading import data_configs, is_given, number
from .repairs import add
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        node = data.text.get("strategy")
        if node is None or text_of(node) != "join-sliding-window" or is_given(data.text.get("stride")):
            continue
        half = max(1, int(number(data.text.get("max_seq_len")) or 1024) // 2)
        fix = add(context, data.text, "stride", half)
        yield RULE.at(node, "join-sliding-window needs stride: how many tokens neighbouring windows share.", fix)


RULE = Rule("stride-missing", Severity.ERROR, _check)
