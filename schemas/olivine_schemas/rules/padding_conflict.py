"""Padding settings that contradict one another.

With `pad_to_max_len` the model must know which tokens are padding, so `use_attention_mask` has to stay true; and no
sequence is short, so there is none for `drop_short_sequences` to drop.

```json
"pre_process_data_config": { "strategy": "line-by-line", "pad_to_max_len": true, "use_attention_mask": false }
```

Olivine refuses the run.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, text_of

from .reading import DataConfig, data_configs, is_false, is_true
from .repairs import change_to
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for data in data_configs(context):
        if not is_false(data.text.get("pad_to_max_len")):
            yield from _conflicts(data)


def _conflicts(data: DataConfig) -> Iterator[Problem]:
    mask, drop = data.text.get("use_attention_mask"), data.text.get("drop_short_sequences")
    by_line = (text_of(data.text.get("strategy")) or "").startswith("line-by-line")
    if isinstance(mask, Scalar) and is_false(mask) and by_line:
        message = "Sequences are padded (pad_to_max_len), so the model needs the attention mask."
        yield RULE.at(mask, message, change_to(mask, True))
    if isinstance(drop, Scalar) and is_true(drop):
        message = "Short sequences are padded (pad_to_max_len) and cannot be dropped as well. Keep one of the two."
        yield RULE.at(drop, message, change_to(drop, False))


RULE = Rule("padding-conflict", Severity.ERROR, _check)
