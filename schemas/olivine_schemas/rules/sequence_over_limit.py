"""Sequences longer than the model was made for.

`max_seq_len` above the model's own limit (`max_position_embeddings` of its config.json) trains positions that the
model knows nothing of; some models stop with an error.

```json
"pre_process_data_config": { "max_seq_len": 8192 }
```

Olivine trains as written and offers the model's limit. It says nothing where the model is not on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar

from .model import input_model
from .reading import data_configs, number
from .repairs import change_to
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    model = input_model(context)
    if model is None or not model.max_positions:
        return
    for data in data_configs(context):
        node = data.text.get("max_seq_len")
        length = number(node)
        if isinstance(node, Scalar) and length and length > model.max_positions:
            message = f"The model takes at most {model.max_positions} tokens, not {length:g}."
            yield RULE.at(node, message, change_to(node, model.max_positions))


RULE = Rule("sequence-over-limit", Severity.WARNING, _check)
