"""`bf16` and `fp16` are both true.

The Trainer computes in one of the two formats and stops with an error when both are asked for.

```json
"training_args": { "bf16": true, "fp16": true }
```

Olivine refuses the run. bf16 is the better one where the device has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .reading import is_true, passes
from .repairs import remove
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        half, brain = entry.training.member("fp16"), entry.training.member("bf16")
        if half and brain and is_true(half.value) and is_true(brain.value):
            yield RULE.at(half, "bf16 and fp16 cannot both be true. Keep one.", remove(context, entry.training, half))


RULE = Rule("mixed-precision-conflict", Severity.ERROR, _check)
