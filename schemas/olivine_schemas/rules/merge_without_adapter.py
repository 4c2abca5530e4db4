"""MergeAdapterWeights has no adapter to merge.

The pass folds an adapter into the base model. It needs a LoRA or QLoRA pass before it, or an input model with
`adapter_path`.

```json
"passes": { "merge": { "type": "MergeAdapterWeights" }, "lora": { "type": "LoRA" } }
```

Olivine refuses the run; where the adapter is trained further down, it offers to move the pass there.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .order import move_after, turns
from .reading import ADAPTERS
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for turn in turns(context):
        node = turn.entry.node.get("type")
        if turn.entry.type != "MergeAdapterWeights" or turn.adapter or turn.starts_with_adapter or node is None:
            continue
        trained = next((entry for entry in turn.later if entry.type in ADAPTERS), None)
        if trained:
            message = f'There is no adapter yet: "{trained.name}" trains it. Put "{turn.entry.name}" behind it.'
            yield RULE.at(node, message, move_after(context, turn.entry, trained))
        else:
            yield RULE.at(node, "There is no adapter to merge: put a LoRA or QLoRA pass in front of this one.")


RULE = Rule("merge-without-adapter", Severity.ERROR, _check)
