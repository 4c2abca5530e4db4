"""A learning rate at which training diverges.

Adapters are trained at 1e-5 to 1e-3. Above 0.1 the loss grows without bound; often a minus in the exponent is missing.

```json
"training_args": { "learning_rate": 2 }
```

Olivine trains as written.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .reading import passes
from .rule import Context, Rule
from .training import positive

ABSURD = 0.1


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        node = entry.training.get("learning_rate")
        rate = positive(node)
        if node and rate and rate > ABSURD:
            yield RULE.at(node, f"At a learning rate of {rate:g} training diverges; 1e-5 to 1e-3 is usual.")


RULE = Rule("high-learning-rate", Severity.WARNING, _check)
