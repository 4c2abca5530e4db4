"""join-sliding-window without `stride`.

The strategy cuts the joined text into windows that overlap; `stride` says by how many tokens.

```json
"pre_process_data_config": { "strategy": "join-sliding-window", "max_seq_len": 512 }
```

Olivine refuses the run and offers half of `max_seq_len`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..edits import insert_member
from ..problems import Fix, Problem, Severity
from ..tree import text_of
from .reading import data_configs, is_given, number
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        node, stride = data.text.get("strategy"), data.text.member("stride")
        if node is None or text_of(node) != "join-sliding-window" or (stride and is_given(stride.value)):
            continue
        half = max(1, int(number(data.text.get("max_seq_len")) or 1024) // 2)
        edit = None if stride else insert_member(context.text, data.text, "stride", half)
        fix = Fix(f'Add "stride": {half}', (edit,)) if edit else None
        yield RULE.at(node, "join-sliding-window needs stride: how many tokens neighbouring windows share.", fix)


RULE = Rule("stride-missing", Severity.ERROR, _check)
