"""A search is asked for, but nothing measures the candidates.

`search_strategy` compares results by the metrics of an evaluator.

```json
"search_strategy": true
```

Olivine refuses the run. Name an `evaluator`, or write `"search_strategy": false` to run the passes as they stand.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Object, Scalar, child

from .reading import is_given, is_true, object_at, passes
from .repairs import change_to
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    engine = object_at(context.workflow, "engine")
    member = engine.member("search_strategy")
    measured = [child(engine, "evaluator"), *(entry.node.get("evaluator") for entry in passes(context))]
    if member is None or any(is_given(node) for node in measured):
        return
    value = member.value
    if is_true(value) or (isinstance(value, Object) and value.members):
        fix = change_to(value, False) if isinstance(value, Scalar) else None
        yield RULE.at(member, "A search needs an evaluator to compare the results by. Name one.", fix)


RULE = Rule("search-without-evaluator", Severity.ERROR, _check)
