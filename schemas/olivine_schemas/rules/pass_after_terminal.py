"""A second ModelBuilder follows the first.

ModelBuilder reads a PyTorch model and makes an ONNX model, so another ModelBuilder has nothing to read.

```json
"passes": {
  "int4": { "type": "ModelBuilder", "precision": "int4" },
  "int8": { "type": "ModelBuilder", "precision": "int8" }
}
```

Olivine refuses the run. To compare precisions, write them as a list under one name: `"build": [{…}, {…}]`.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .order import turns
from .reading import ADAPTERS, is_true
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    for turn in turns(context):
        entry, before, node = turn.entry, turn.onnx, turn.entry.node.get("type")
        if entry.type != "ModelBuilder" or before is None or before.type != "ModelBuilder" or node is None:
            continue
        trained_between = turn.earlier[turn.earlier.index(before) :] if before in turn.earlier else ()
        if any(one.type in ADAPTERS for one in trained_between):
            continue  # the first one stands in the wrong place, which is told there
        if not is_true(entry.config.get("metadata_only")):
            message = (
                f'"{before.name}" has made an ONNX model already, and ModelBuilder cannot read one. '
                "To try several settings, write them as a list under one pass name."
            )
            yield RULE.at(node, message)


RULE = Rule("pass-after-terminal", Severity.ERROR, _check)
