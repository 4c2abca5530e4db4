"""Asymmetric int4 for a model whose embeddings are tied.

Where input and output embeddings are one matrix, ModelBuilder shares it, and with `int4_is_symmetric: false` it
builds a model that does not load.

```json
"build": { "type": "ModelBuilder", "precision": "int4", "int4_is_symmetric": false }
```

Olivine refuses the run. Quantize symmetrically, or add `"extra_options": { "shared_embeddings": false }`.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, text_of

from .model import input_model
from .reading import is_false, object_at, passes
from .repairs import change_to
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    model = input_model(context)
    if model is None or not model.tied_embeddings:
        return
    for entry in passes(context):
        if entry.type != "ModelBuilder" or text_of(entry.config.get("precision")) != "int4":
            continue
        options = object_at(entry.config, "extra_options")
        for node in (entry.config.get("int4_is_symmetric"), options.get("is_symmetric")):
            if isinstance(node, Scalar) and is_false(node) and not is_false(options.get("shared_embeddings")):
                message = (
                    "The embeddings of this model are tied, and quantized asymmetrically the result does not load. "
                    'Quantize symmetrically, or add "shared_embeddings": false to extra_options.'
                )
                yield RULE.at(node, message, change_to(node, True))


RULE = Rule("asymmetric-tied-embeddings", Severity.ERROR, _check)
