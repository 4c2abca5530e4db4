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

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import child

from .reading import items, object_at, strings
from .repairs import change_to_meant, listed
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    known = [member.name for member in object_at(context.tree, "passes").members]
    flows = items(child(context.tree, "pass_flows")) + items(child(context.tree, "engine", "pass_flows"))
    for name in (name for flow in flows for name in strings(flow)):
        if name.value not in known:
            message = f'No pass is called "{name.value}". {listed(known, "passes")}'
            yield RULE.at(name, message, change_to_meant(name, known))


RULE = Rule("dangling-pass", Severity.ERROR, _check)
