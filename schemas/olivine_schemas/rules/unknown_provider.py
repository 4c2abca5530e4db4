"""An execution provider that ONNX Runtime does not have.

Names of execution providers end in `ExecutionProvider`: `CPUExecutionProvider`, `CUDAExecutionProvider`,
`DmlExecutionProvider`.

```json
"accelerators": [{ "device": "gpu", "execution_providers": ["CUDA"] }]
```

Microsoft Olive drops an unknown name and goes on with the CPU. Olivine refuses the run and offers the name that was
probably meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.nearest import slip
from olivine_schemas.problems import Problem, Severity

from .reading import providers
from .repairs import change_to, meant
from .rule import Context, Rule
from .systems import DEVICES, DIRECTML, written_systems

SUFFIX = "ExecutionProvider"


def _check(context: Context) -> Iterator[Problem]:
    for system in written_systems(context):
        for node in providers(system):
            if node.value not in DEVICES:
                name = _probable(str(node.value))
                message = f'ONNX Runtime has no execution provider "{node.value}".'
                yield RULE.at(node, message, change_to(node, name) if name else None)


def _probable(name: str) -> str | None:
    short = name.casefold().replace("execution", "").replace("provider", "").strip("_- ")
    if short in ("directml", "dx", "dx12"):
        return DIRECTML
    found = meant(short, (known.removesuffix(SUFFIX) for known in DEVICES))
    return found + SUFFIX if found else slip(name, DEVICES)


RULE = Rule("unknown-provider", Severity.ERROR, _check)
