"""`load_best_model_at_end` cannot find its model.

The best model can only be loaded if it was saved: there must be evaluation, `save_strategy` must be the same as
`eval_strategy`, and `save_steps` a multiple of `eval_steps`.

```json
"training_args": { "load_best_model_at_end": true, "eval_steps": 100, "save_steps": 150 }
```

The Trainer would stop with an error after the model is loaded; Olivine refuses the run before.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, text_of

from .reading import ADAPTERS, PassEntry, is_true, passes
from .repairs import change_to
from .rule import Context, Rule
from .training import evaluation_strategy, has_evaluation_data, positive, strategy

STRATEGIES = ("no", "steps", "epoch", "best")


def _check(context: Context) -> Iterator[Problem]:
    for entry in passes(context):
        if entry.type in ADAPTERS and is_true(entry.training.get("load_best_model_at_end")):
            yield from _unloadable(entry)


def _unloadable(entry: PassEntry) -> Iterator[Problem]:
    best = entry.training.member("load_best_model_at_end")
    saving, evaluating = strategy(entry, "save_strategy"), evaluation_strategy(entry)
    saved = text_of(saving.value) if saving else "steps"
    if best and (evaluating == "no" or not has_evaluation_data(entry)):
        if not strategy(entry, "eval_strategy") or evaluating == "no":
            yield RULE.at(best, "There is no best model without evaluation. Add evaluation data, or leave this out.")
    elif best and saved not in (evaluating, "best") and {saved, evaluating} <= {*STRATEGIES}:
        node = saving.value if saving else None
        message = f'save_strategy "{saved}" and eval_strategy "{evaluating}" must be the same to load the best model.'
        fix = change_to(node, evaluating) if isinstance(node, Scalar) else None
        yield RULE.at(node or best, message, fix)
    elif evaluating == saved == "steps":
        yield from _steps_apart(entry)


def _steps_apart(entry: PassEntry) -> Iterator[Problem]:
    node = entry.training.get("save_steps")
    save, every = positive(node), positive(entry.training.get("eval_steps"))
    if isinstance(node, Scalar) and save and every and every >= 1 and save >= 1 and save % every:
        rounded = int(every * max(1, round(save / every)))
        message = f"save_steps {save:g} must be a multiple of eval_steps {every:g} to load the best model."
        yield RULE.at(node, message, change_to(node, rounded))


RULE = Rule("best-model-steps", Severity.ERROR, _check)
