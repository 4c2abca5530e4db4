"""Code that comes with a model or dataset is run.

`trust_remote_code` lets the files of a hub repository run on this machine. Most models do not need it any more: their
code is part of transformers.

```json
"load_kwargs": { "trust_remote_code": true }
```

Olivine does as asked. Leave it out where the model loads without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Member, child

from .reading import data_configs, is_true, object_at
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    model = object_at(context.workflow, "input_model", "config", "load_kwargs")
    places: list[tuple[Member | None, str]] = [(model.member("trust_remote_code"), "model")]
    if child(model, "trust_remote_code") is None:
        config = object_at(context.workflow, "input_model", "config")
        places.append((config.member("trust_remote_code"), "model"))
    places += [(data.load.member("trust_remote_code"), "dataset") for data in data_configs(context)]
    for member, what in places:
        if member and is_true(member.value):
            yield RULE.at(member, f"Code that comes with the {what} runs on this machine.")


RULE = Rule("trust-remote-code", Severity.INFORMATION, _check)
