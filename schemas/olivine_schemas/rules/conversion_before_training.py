"""An adapter is trained after the model was converted.

LoRA, QLoRA and their like train a PyTorch model; a conversion such as ModelBuilder makes an ONNX model, which nothing
trains.

```json
"passes": { "builder": { "type": "ModelBuilder" }, "lora": { "type": "LoRA" } }
```

Olivine refuses the run and offers to move the conversion behind the training.
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
        if turn.entry.type not in ADAPTERS or turn.onnx is None or node is None:
            continue
        last = next((e for e in reversed(turn.later) if e.type == "MergeAdapterWeights"), turn.entry)
        message = (
            f'{turn.entry.type} cannot train what "{turn.onnx.name}" ({turn.onnx.type}) makes: an ONNX model. '
            "Train first, convert last."
        )
        yield RULE.at(node, message, move_after(context, turn.onnx, last))


RULE = Rule("conversion-before-training", Severity.ERROR, _check)
