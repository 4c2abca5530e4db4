"""A host or target names a system that is not in `systems`.

`host` says which machine runs, `target` which machine the result is for. Both name an entry of `systems`; left out,
they mean this machine.

```json
"systems": { "local_system": { "type": "LocalSystem" } },
"host": "local"
```

Olivine refuses the run and offers the name that was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Node, Scalar, child, text_of

from .reading import is_sound, names, passes
from .repairs import change_to_meant, listed
from .rule import Context, Rule


def _check(context: Context) -> Iterator[Problem]:
    if not is_sound(context, "systems"):
        return
    known = names(context, "systems")
    places: list[Node | None] = [child(context.workflow, "engine", key) for key in ("host", "target")]
    places += [entry.node.get("host") for entry in passes(context)]
    for place in places:
        if isinstance(place, Scalar) and text_of(place) and place.value not in known:
            message = f'No system is called "{place.value}". {listed(known, "systems")}'
            yield RULE.at(place, message, change_to_meant(place, known))


RULE = Rule("dangling-system", Severity.ERROR, _check)
