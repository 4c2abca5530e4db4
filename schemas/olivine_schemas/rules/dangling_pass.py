"""`pass_flows` names a pass that is not in `passes`.

Each entry of `pass_flows` is one sequence of names from `passes`.

```json
"passes": { "lora": { "type": "LoRA" }, "merge": { "type": "MergeAdapterWeights" } },
"pass_flows": [["lora", "merg"]]
```

Olivine refuses the run and offers the name that was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..problems import Problem, Severity
from .nearest import change_to_nearest, listed
from .reading import items, names, strings
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    known = names(context, "passes")
    for flow in items(context.tree.get("pass_flows")):
        for name in strings(flow):
            if name.value not in known:
                message = f'No pass is called "{name.value}". {listed(known, "passes")}'
                yield RULE.at(name, message, change_to_nearest(name, known))


RULE = Rule("dangling-pass", Severity.ERROR, _check)
