"""A precision that the result's device cannot run.

ModelBuilder builds these without complaint, and the model then fails to load or at the first token: fp32 for CUDA
or DirectML, fp16 and bf16 for the CPU, bf16 for DirectML.

```json
"systems": { "cpu": { "type": "LocalSystem", "accelerators": [{ "device": "cpu" }] } },
"target": "cpu",
"passes": { "build": { "type": "ModelBuilder", "precision": "fp16" } }
```

Olivine refuses the run and offers a precision that works. Where the config does not name a target it means the CPU,
and Olivine warns.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, text_of

from .reading import is_true, passes
from .repairs import change_to
from .rule import Context, Rule
from .systems import CPU, CUDA, DIRECTML, builder_provider, says_what_for

FAILS = {
    ("fp32", CUDA): "fp16",
    ("fp32", DIRECTML): "fp16",
    ("bf16", DIRECTML): "fp16",
    ("fp16", CPU): "fp32",
    ("bf16", CPU): "fp32",
}
"""Combinations that build and do not run, each with the nearest one that does."""


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        node = entry.config.get("precision")
        if entry.type != "ModelBuilder" or not isinstance(node, Scalar) or is_true(entry.config.get("metadata_only")):
            continue
        provider = builder_provider(context)
        instead = FAILS.get((text_of(node) or "", provider or ""))
        if instead:
            message = f"A model in {node.value} does not run with {provider}, which it is built for."
            said = says_what_for(context)
            yield RULE.at(
                node,
                message if said else f"{message} Name another target, or another precision.",
                change_to(node, instead),
                change_to(node, "int4"),
                severity=Severity.ERROR if said else Severity.WARNING,
            )


RULE = Rule("builder-precision-device", Severity.ERROR, _check, in_doubt=False)
