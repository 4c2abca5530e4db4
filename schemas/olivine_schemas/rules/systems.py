"""Systems by kind, and what is known of execution providers."""

from __future__ import annotations

from olivine_schemas.problems import Severity
from olivine_schemas.tree import Node, Object, text_of

from .reading import accelerators, is_given, object_at, passes, providers, system
from .rule import Context

CPU, CUDA, DIRECTML = "CPUExecutionProvider", "CUDAExecutionProvider", "DmlExecutionProvider"

DEVICES: dict[str, tuple[str, ...]] = {
    CPU: ("cpu",),
    CUDA: ("gpu",),
    DIRECTML: ("gpu", "npu"),
    "OpenVINOExecutionProvider": ("cpu", "gpu", "npu"),
    "TensorrtExecutionProvider": ("gpu",),
    "ROCMExecutionProvider": ("gpu",),
    "MIGraphXExecutionProvider": ("gpu",),
    "NvTensorRTRTXExecutionProvider": ("gpu",),
    "JsExecutionProvider": ("gpu",),
    "QNNExecutionProvider": ("npu", "gpu", "cpu"),
    "VitisAIExecutionProvider": ("npu",),
    "WebGpuExecutionProvider": ("gpu",),
}
"""Execution providers that Olive configs may name, and the devices that each drives."""


def written_systems(context: Context) -> list[Object]:
    """Every system of the config: those in `systems`, and a host or target written in place."""
    found = [member.value for member in object_at(context.workflow, "systems").members]
    found += [node for key in ("host", "target") if (node := _engine(context).get(key)) is not None]
    return [node for node in found if isinstance(node, Object)]


def azureml_systems(context: Context) -> list[tuple[Object, Node]]:
    """The Azure ML systems, each with its type node."""
    kinds = [(system, system.get("type")) for system in written_systems(context)]
    return [(system, kind) for system, kind in kinds if kind is not None and text_of(kind) == "AzureML"]


def severity_in(context: Context, where: Object) -> Severity:
    """How much a mistake in a system matters: it refuses the run only where a host or target means the system."""
    used = [*host_and_target(context), *(system(context, entry.node.get("host")) for entry in passes(context))]
    return Severity.ERROR if any(one is where for one in used) else Severity.WARNING


def host_and_target(context: Context) -> tuple[Object | None, Object | None]:
    """The engine's host and target as written; None where one is left out."""
    return system(context, _engine(context).get("host")), system(context, _engine(context).get("target"))


def says_what_for(context: Context) -> bool:
    """Whether the config says which system the result is for."""
    return any(is_given(_engine(context).get(key)) for key in ("target", "host"))


def builder_provider(context: Context) -> str | None:
    """The provider that ModelBuilder builds for: the target's first, else by its device; None for a dangling name."""
    place = host_and_target(context)[1] or host_and_target(context)[0]
    if place is None and says_what_for(context):
        return None
    named = [str(node.value) for node in providers(place)]
    devices = [text_of(accelerator.get("device")) for accelerator in accelerators(place)]
    return named[0] if named else CUDA if "gpu" in devices[:1] else CPU


def _engine(context: Context) -> Object:
    return object_at(context.workflow, "engine")
