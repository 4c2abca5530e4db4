"""Asymmetric quantization of embeddings that are shared.

Where input and output embeddings are one matrix, ModelBuilder can share it. Shared and quantized asymmetrically, or
with the last product alone in 8 bits, the result does not load.

```json
"build": { "type": "ModelBuilder", "int4_is_symmetric": false, "extra_options": { "shared_embeddings": true } }
```

Olivine refuses the run. Left to itself it keeps the two apart in such a build.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import text_of

from .reading import PassEntry, is_false, is_true, object_at, passes
from .repairs import remove
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        options = object_at(entry.config, "extra_options")
        shared = options.member("shared_embeddings")
        if entry.type == "ModelBuilder" and shared and is_true(shared.value) and _asymmetric(entry):
            message = "Shared embeddings that are quantized asymmetrically make a model that does not load."
            yield RULE.at(shared, message, remove(context, options, shared))


def _asymmetric(entry: PassEntry) -> bool:
    options = object_at(entry.config, "extra_options")
    last = "last_matmul:int8" in (text_of(options.get("matmul_mixed_precision")) or "")
    return last or is_false(entry.config.get("int4_is_symmetric")) or is_false(options.get("is_symmetric"))


RULE = Rule("asymmetric-tied-embeddings", Severity.ERROR, _check)
