"""This machine does not have the GPU or the execution provider that the config asks for.

A host with `CUDAExecutionProvider` or device `gpu` is to train on a CUDA GPU; a target with a provider is built for it.

```json
"systems": { "local_system": { "type": "LocalSystem", "accelerators": [{ "device": "gpu" }] } },
"host": "local_system"
```

The config may be meant for another machine. On this one Olivine refuses to train for such a host. Building for a device
that is elsewhere is fine; only measuring the result must wait.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.facts import DeviceFacts
from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Node, Object, text_of

from .reading import accelerators, is_local, providers
from .rule import Context, Rule
from .systems import CUDA, DEVICES, host_and_target


def _check(context: Context) -> Iterator[Problem]:
    devices = context.facts.devices()
    if devices is None:
        return
    host, target = host_and_target(context)
    if not devices.has_cuda:
        yield from _without_gpu(host, target)
    for system in (host,) if host is target else (host, target):
        yield from _without_provider(system, devices)


def _without_gpu(host: Object | None, target: Object | None) -> Iterator[Problem]:
    node = _asks_for_cuda(host, training=True)
    if node:
        yield RULE.at(node, "This machine has no CUDA GPU to run the passes on.")
    other = _asks_for_cuda(target, training=False) if target is not host else None
    if other:
        yield RULE.at(other, "This machine has no CUDA GPU: the result is built for one, but cannot be measured here.")


def _without_provider(system: Object | None, devices: DeviceFacts) -> Iterator[Problem]:
    if devices.providers is None or not is_local(system):
        return
    for node in providers(system):
        if node.value in DEVICES and node.value != CUDA and node.value not in devices.providers:
            message = f"ONNX Runtime of this machine has no {node.value}: what is built for it cannot be measured here."
            yield RULE.at(node, message)


def _asks_for_cuda(system: Object | None, training: bool) -> Node | None:
    """The node that asks for CUDA on this machine; a training GPU without provider is taken for CUDA."""
    if system is None or not is_local(system):
        return None
    named = providers(system)
    devices = [text_of(accelerator.get("device")) for accelerator in accelerators(system)]
    if devices and not any(device in (None, "gpu", "any") for device in devices):
        return None  # that device and provider do not go together is told already
    found: list[Node] = [node for node in named if node.value == CUDA]
    if not named and training:
        found = [d for a in accelerators(system) if (d := a.get("device")) is not None and text_of(d) == "gpu"]
    return found[0] if found else None


RULE = Rule("provider-not-here", Severity.INFORMATION, _check)
