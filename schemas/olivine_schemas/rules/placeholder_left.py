"""Sample text that was to be replaced.

Configs from tutorials have gaps to fill in, such as `Your Azure Subscription ID`.

```json
"azureml_client": { "subscription_id": "Your Azure Subscription ID" }
```

Olivine refuses the run; in a system that no host or target means, it warns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Node, Scalar, nodes

from .reading import data_configs
from .rule import Context, Rule
from .systems import azureml_systems, severity_in, written_systems

GAP = re.compile(r"\s*(?:your\b.*|your_\w+|<[^<>|]*>|\{\{?\s*your\b.*|x{4,}(?:-x+)*)\s*", re.IGNORECASE | re.DOTALL)


def _check(context: Context) -> Iterator[Problem]:
    for place, severity in _places(context):
        for node in nodes(place) if place else ():
            if isinstance(node, Scalar) and isinstance(node.value, str) and GAP.fullmatch(node.value):
                message = f'"{node.value}" is sample text. Put your own value here.'
                yield RULE.at(node, message, severity=severity)


def _places(context: Context) -> Iterator[tuple[Node | None, Severity]]:
    """The blocks that a person fills in, and how much a gap in each matters."""
    yield context.workflow.get("input_model"), Severity.ERROR
    remote = azureml_systems(context)
    needed = any(severity_in(context, system) is Severity.ERROR for system, _ in remote)
    yield context.workflow.get("azureml_client"), Severity.ERROR if needed else Severity.WARNING
    for system in written_systems(context):
        yield system, severity_in(context, system)
    for data in data_configs(context):
        yield data.load, Severity.ERROR


RULE = Rule("placeholder-left", Severity.ERROR, _check)
