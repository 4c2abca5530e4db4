"""ModelBuilder gets a QLoRA adapter on a 4-bit base model.

ModelBuilder cannot read a bitsandbytes checkpoint, nor an adapter beside it. Microsoft Olive starts such a run
without a word.

```json
"passes": { "qlora": { "type": "QLoRA" }, "builder": { "type": "ModelBuilder", "precision": "int4" } }
```

Olivine refuses the run and offers to write a MergeAdapterWeights pass between the two: it brings the base model back
to full precision, merges, and ModelBuilder then quantizes the result.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .rule import Context, Rule
from .unmerged import unmerged


def _check(context: Context) -> Iterator[Problem]:
    for turn, node, fix in unmerged(context):
        if turn.adapter and turn.adapter.type == "QLoRA":
            message = (
                f'ModelBuilder cannot convert the 4-bit model and adapter of "{turn.adapter.name}" (QLoRA). '
                "Put MergeAdapterWeights between the two."
            )
            yield RULE.at(node, message, fix)


RULE = Rule("qlora-then-builder", Severity.ERROR, _check)
