"""`max_steps` overrides `num_train_epochs`.

The Trainer takes one of them: where `max_steps` is given, the number of epochs means nothing.

```json
"training_args": { "num_train_epochs": 3, "max_steps": 10 }
```

Olivine trains for `max_steps` and offers to remove the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .reading import passes
from .repairs import remove
from .rule import Context, Rule
from .training import positive


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        epochs, steps = entry.training.member("num_train_epochs"), entry.training.member("max_steps")
        count = positive(steps.value) if steps else None
        if not epochs or not steps or not count or positive(epochs.value) is None:
            continue
        message = f"max_steps overrides num_train_epochs: training ends after {count:g} steps, whatever the epochs."
        fixes = [remove(context, entry.training, member) for member in (epochs, steps)]
        yield RULE.at(epochs, message, *fixes)


RULE = Rule("max-steps-over-epochs", Severity.INFORMATION, _check)
