"""ModelBuilder gets an adapter that is not merged.

ModelBuilder converts full weights. Straight after LoRA it would convert the base model, and the training would be
lost.

```json
"passes": { "lora": { "type": "LoRA" }, "builder": { "type": "ModelBuilder", "precision": "int4" } }
```

Olivine refuses the run and offers to write a MergeAdapterWeights pass between the two. For QLoRA see
`qlora-then-builder`.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .rule import Context, Rule
from .unmerged import unmerged


def _check(context: Context) -> Iterator[Problem]:
    for turn, node, fix in unmerged(context):
        if turn.adapter and turn.adapter.type != "QLoRA":
            message = (
                f'The adapter of "{turn.adapter.name}" is not merged, so ModelBuilder would convert the model '
                "without its training. Put MergeAdapterWeights between the two."
            )
            yield RULE.at(node, message, fix)


RULE = Rule("builder-without-merge", Severity.ERROR, _check)
