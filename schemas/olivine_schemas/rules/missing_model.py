"""The model folder is not there, or has no model in it.

A path that does not exist is taken for the name of a hub model, and the mistake comes back as a network error. So a
path that can only be local (it starts with `.`, `/` or `~`, or has more than one slash) must exist, and a folder that
exists must hold a config and weights.

```json
"input_model": { "type": "HfModel", "model_path": "./models/phi-3-mini" }
```

Olivine refuses the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Node, Scalar, child, text_of

from .model import model_path
from .rule import Context, Rule

LOCAL = re.compile(r"[.~/\\]|[A-Za-z]:[\\/]|[^/\\]+[/\\][^/\\]+[/\\]|[^/]*\\")


def _check(context: Context) -> Iterator[Problem]:
    node = model_path(context)
    path = text_of(node)
    if node is None or path is None or text_of(child(context.workflow, "input_model", "type")) != "HfModel":
        return
    if not path.strip():
        yield RULE.at(node, "The path is empty: write the name of a hub model, organisation/model, or a folder.")
        return
    if "://" in path:
        return
    exists = context.facts.path_exists(path)
    if exists is False and LOCAL.match(path):
        yield RULE.at(
            node, f'There is no "{path}" beside this config. For a hub model, write its name: organisation/model.'
        )
    elif exists:
        yield from _incomplete(context, node)


def _incomplete(context: Context, node: Node) -> Iterator[Problem]:
    model = context.facts.model(str(node.value)) if isinstance(node, Scalar) else None
    if model is None:
        return
    parts = {"config.json": model.has_config, "weights": model.has_weights, "tokenizer": model.has_tokenizer}
    missing = [part for part, there in parts.items() if not there]
    if missing and missing != ["tokenizer"]:
        yield RULE.at(node, f"This folder has no {' and no '.join(missing)}.")


RULE = Rule("missing-model", Severity.ERROR, _check)
