"""The model has no layer of the name that an adapter is to go to.

`target_modules` names linear layers by the end of their dotted name: `o_proj`, `qkv_proj`. They differ from model to
model.

```json
"lora": { "type": "LoRA", "target_modules": ["o_proj", "q_proj"] }
```

Where no name fits, there is nothing to train and Olivine refuses the run; where only some fit, the others are
ignored, and it warns. It offers the layer that was probably meant, and says nothing where the model is not on this
machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Array

from .model import input_model
from .reading import ADAPTERS, PassEntry, passes, strings
from .repairs import change_to_meant, listed
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    model = input_model(context)
    if model and model.layers:
        for entry in passes(context):
            if entry.type in ADAPTERS:
                yield from _unknown(entry, model.layers)


def _unknown(entry: PassEntry, modules: frozenset[str]) -> Iterator[Problem]:
    written = entry.config.get("target_modules")
    named = strings(written)
    if not isinstance(written, Array) and any(not re.fullmatch(r"\w+", str(n.value)) for n in named):
        return
    missing = [n for n in named if n.value != "all-linear" and not _matches(str(n.value), modules)]
    severity = Severity.ERROR if len(missing) == len(named) else Severity.WARNING
    last = sorted({name.rsplit(".", 1)[-1] for name in modules})
    for node in missing:
        message = f'The model has no layer "{node.value}". {listed(last, "layers")}'
        yield RULE.at(node, message, change_to_meant(node, last), severity=severity)


def _matches(name: str, modules: frozenset[str]) -> bool:
    return any(module == name or module.endswith("." + name) for module in modules)


RULE = Rule("unknown-target-module", Severity.ERROR, _check)
