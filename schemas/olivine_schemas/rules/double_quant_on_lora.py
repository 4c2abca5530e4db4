"""Settings of 4-bit training on a LoRA pass.

`double_quant`, `quant_type` and `compute_dtype` belong to QLoRA. LoRA trains on full-precision weights and ignores
them; a well-known tutorial has `double_quant` on its LoRA pass all the same.

```json
"lora": { "type": "LoRA", "double_quant": true }
```

Olivine runs LoRA without the setting and offers to remove it. For training in 4 bits, change the type to QLoRA.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..edits import remove_member
from ..problems import Fix, Problem, Severity
from .reading import passes
from .rule import Context, Rule

QLORA_ONLY = ("double_quant", "quant_type", "compute_dtype", "save_quant_config")


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        for name in QLORA_ONLY if entry.type == "LoRA" else ():
            member = entry.config.member(name)
            if member:
                remove = Fix(f'Remove "{name}"', (remove_member(context.text, entry.config, member),))
                yield RULE.at(member, f'"{name}" is a setting of QLoRA; LoRA ignores it.', remove)


RULE = Rule("double-quant-on-lora", Severity.WARNING, _check)
