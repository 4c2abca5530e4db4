"""An evaluator is named that is not in `evaluators`.

`evaluator`, in the engine's settings or in a pass, names an entry of `evaluators`.

```json
"evaluators": { "tone_accuracy": { "metrics": [] } },
"evaluator": "tone_acuracy"
```

Olivine refuses the run and offers the name that was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, child, text_of

from .reading import is_sound, names, passes
from .repairs import change_to_meant, listed
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    if not is_sound(context, "evaluators"):
        return
    known = names(context, "evaluators")
    for place in [child(context.workflow, "engine", "evaluator"), *(e.node.get("evaluator") for e in passes(context))]:
        if isinstance(place, Scalar) and text_of(place) and place.value not in known:
            message = f'No evaluator is called "{place.value}". {listed(known, "evaluators")}'
            yield RULE.at(place, message, change_to_meant(place, known))


RULE = Rule("dangling-evaluator", Severity.ERROR, _check)
