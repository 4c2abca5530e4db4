"""The adapter of a QLoRA pass is merged into the base model in full precision.

QLoRA trains on a base model in 4 bits. Merging into the 4-bit weights would round most of the training away, so
Olivine merges onto full-precision weights. The merged model is therefore as large as the original one.

```json
"passes": { "qlora": { "type": "QLoRA" }, "merge": { "type": "MergeAdapterWeights" } }
```

Olivine runs it; nothing needs to change. A ModelBuilder pass behind it makes the model small again.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import text_of

from .order import turns
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for turn in turns(context):
        node = turn.entry.node.get("type")
        if turn.entry.type == "MergeAdapterWeights" and turn.adapter and turn.adapter.type == "QLoRA" and node:
            dtype = text_of(turn.adapter.config.get("torch_dtype")) or "bfloat16"
            yield RULE.at(node, f"The 4-bit base model is brought back to {dtype} before the adapter is merged.")


RULE = Rule("qlora-merge-dequantizes", Severity.INFORMATION, _check)
