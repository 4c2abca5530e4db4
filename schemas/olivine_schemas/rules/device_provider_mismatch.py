"""An execution provider that does not drive the device beside it.

`CUDAExecutionProvider` drives GPUs, `CPUExecutionProvider` CPUs, and so on.

```json
"accelerators": [{ "device": "cpu", "execution_providers": ["CUDAExecutionProvider"] }]
```

Olivine goes by the provider. It offers the device that the provider drives.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Scalar, text_of

from .reading import accelerators, strings
from .repairs import change_to
from .rule import Context, Rule
from .systems import DEVICES, written_systems

KINDS = frozenset({"cpu", "gpu", "npu"})


def _check(context: Context) -> Iterator[Problem]:
    for system in written_systems(context):
        for accelerator in accelerators(system):
            node = accelerator.get("device")
            device = text_of(node)
            if not isinstance(node, Scalar) or device not in KINDS:
                continue
            for provider in strings(accelerator.get("execution_providers")):
                drives = DEVICES.get(str(provider.value))
                if drives and device not in drives:
                    message = f"{provider.value} drives a {' or '.join(drives)}, not a {device}."
                    yield RULE.at(node, message, change_to(node, drives[0]))


RULE = Rule("device-provider-mismatch", Severity.WARNING, _check)
