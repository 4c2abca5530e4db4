"""Evaluation is asked for and never happens.

With `eval_steps` above `max_steps` the training ends before the first evaluation. With an `eval_strategy` but no
evaluation data there is nothing to evaluate on.

```json
"training_args": { "max_steps": 10, "eval_steps": 187 }
```

Olivine trains without evaluating and offers an `eval_steps` that is reached.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar

from .reading import ADAPTERS, PassEntry, passes
from .repairs import change_to
from .rule import Context, Rule
from .training import evaluation_strategy, has_evaluation_data, positive, strategy


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        if entry.type not in ADAPTERS:
            continue
        if not has_evaluation_data(entry):
            yield from _without_data(entry)
        elif evaluation_strategy(entry) == "steps":
            yield from _too_late(entry)


def _without_data(entry: PassEntry) -> Iterator[Problem]:
    written = strategy(entry, "eval_strategy")
    if written and evaluation_strategy(entry) in ("steps", "epoch"):
        message = "There is no evaluation data, so evaluation never runs. Add eval_data_config or eval_dataset_size."
        yield RULE.at(written.value, message)


def _too_late(entry: PassEntry) -> Iterator[Problem]:
    node = entry.training.get("eval_steps")
    every, last = positive(node), positive(entry.training.get("max_steps"))
    if isinstance(node, Scalar) and every and last and every > last:
        message = f"Evaluation never runs: training ends at step {last:g} (max_steps), before step {every:g}."
        yield RULE.at(node, message, change_to(node, max(1, int(last) // 2)))


RULE = Rule("eval-never-runs", Severity.WARNING, _check)
