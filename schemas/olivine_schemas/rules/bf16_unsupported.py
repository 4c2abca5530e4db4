"""bfloat16 on a GPU that does not compute in it.

NVIDIA GPUs before the Ampere generation (compute capability 8.0) have no bfloat16. Training there is slow or fails.

```json
"lora": { "type": "LoRA", "torch_dtype": "bfloat16" }
```

Where such a GPU is in this machine and the pass runs here, Olivine warns and offers float16.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, text_of

from .reading import ADAPTERS, is_true, passes, runs_here
from .repairs import change_to
from .rule import Context, Rule

MESSAGE = "The GPU of this machine does not compute in bfloat16. Use float16."


def _check(context: Context) -> Iterator[Problem]:
    devices = context.facts.devices()
    if devices is None or devices.bf16 is not False:
        return
    for entry in passes(context):
        if entry.type not in ADAPTERS or not runs_here(context, entry):
            continue
        dtype, mixed = entry.config.get("torch_dtype"), entry.training.member("bf16")
        if isinstance(dtype, Scalar) and text_of(dtype) == "bfloat16":
            yield RULE.at(dtype, MESSAGE, change_to(dtype, "float16"))
        elif mixed and is_true(mixed.value):
            yield RULE.at(mixed, MESSAGE)


RULE = Rule("bf16-unsupported", Severity.WARNING, _check)
