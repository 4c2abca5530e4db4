"""Two data configs have the same name.

Passes refer to data configs by name, so a name must be unique.

```json
"data_configs": [{ "name": "phrases" }, { "name": "phrases" }]
```

Olivine refuses the run: it cannot know which one is meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .reading import data_configs
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    seen: set[str] = set()
    for config in data_configs(context):
        name, node = config.name, config.node.get("name")
        if name and node and name in seen:
            yield RULE.at(node, f'Another data config above is called "{name}" too. Give each its own name.')
        seen.add(name or "")


RULE = Rule("duplicate-name", Severity.ERROR, _check)
