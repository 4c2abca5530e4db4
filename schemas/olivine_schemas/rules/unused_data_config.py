"""A data config that nothing refers to.

It does no harm. Often it means that a pass was meant to use it: an `eval_data_config` that was forgotten, say.

```json
"data_configs": [{ "name": "phrases_train" }, { "name": "phrases_eval" }],
"passes": { "ft": { "type": "LoRA", "train_data_config": "phrases_train" } }
```

Olivine runs, and does not load that data.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, nodes

from .reading import data_configs, data_references, is_sound, names
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    if not all(is_sound(context, table) for table in ("data_configs", "passes", "evaluators")):
        return
    known = set(names(context, "data_configs"))
    if any(reference.value not in known for reference in data_references(context)):
        return  # a name that dangles is most likely meant for one of these
    used = {
        node.value
        for member in context.tree.members
        if member.name != "data_configs"
        for node in nodes(member.value)
        if isinstance(node, Scalar)
    }
    for config in data_configs(context):
        node = config.node.get("name")
        if config.name and node and config.name not in used:
            yield RULE.at(node, f'Nothing uses the data config "{config.name}".')


RULE = Rule("unused-data-config", Severity.INFORMATION, _check, in_doubt=False)
