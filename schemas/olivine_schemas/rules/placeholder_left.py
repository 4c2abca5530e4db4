"""Sample text that was to be replaced.

Configs from tutorials have gaps to fill in, such as `Your Azure Subscription ID`.

```json
"azureml_client": { "subscription_id": "Your Azure Subscription ID" }
```

Olivine refuses the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Node, Scalar, walk

from .reading import data_configs
from .rule import Context, Rule

GAP = re.compile(r"\s*(?:your\b.*|your_\w+|<[^<>|]*>|\{\{?\s*your\b.*|x{4,}(?:-x+)*)\s*", re.IGNORECASE | re.DOTALL)


def _check(context: Context) -> Iterator[Problem]:
    for place in _places(context):
        for _, node in walk(place) if place else ():
            if isinstance(node, Scalar) and isinstance(node.value, str) and GAP.fullmatch(node.value):
                yield RULE.at(node, f'"{node.value}" is sample text. Put your own value here.')


def _places(context: Context) -> Iterator[Node | None]:
    yield context.workflow.get("azureml_client")
    yield context.workflow.get("input_model")
    yield context.workflow.get("systems")
    for data in data_configs(context):
        yield data.load


RULE = Rule("placeholder-left", Severity.ERROR, _check)
