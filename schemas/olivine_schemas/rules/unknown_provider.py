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

from ..problems import Problem, Severity
from .nearest import change_to, nearest
from .reading import providers
from .rule import Context, Rule
from .systems import DEVICES, DIRECTML, written_systems

SUFFIX = "ExecutionProvider"


def _check(context: Context) -> Iterator[Problem]:
    for system in written_systems(context):
        for node in providers(system):
            if node.value not in DEVICES:
                meant = _meant(str(node.value))
                message = f'ONNX Runtime has no execution provider "{node.value}".'
                yield RULE.at(node, message, change_to(node, meant) if meant else None)


def _meant(name: str) -> str | None:
    short = name.casefold().replace("execution", "").replace("provider", "").strip("_- ")
    if short in ("directml", "dx", "dx12"):
        return DIRECTML
    found = nearest(short, (known.removesuffix(SUFFIX) for known in DEVICES))
    return found + SUFFIX if found else None


RULE = Rule("unknown-provider", Severity.ERROR, _check)
