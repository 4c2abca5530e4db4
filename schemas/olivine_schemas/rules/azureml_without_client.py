"""An Azure ML system without a workspace.

A system of type AzureML needs to know its workspace: `azureml_client` with `subscription_id`, `resource_group` and
`workspace_name`, or with `aml_config_path`.

```json
"systems": { "aml": { "type": "AzureML", "config": { "aml_compute": "gpu-cluster" } } }
```

Olivine refuses the run and names what is missing; where no host or target means the system, it warns.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Node, Object

from .reading import is_given
from .rule import Context, Rule
from .systems import azureml_systems, severity_in

WORKSPACE = ("subscription_id", "resource_group", "workspace_name")


def _check(context: Context) -> Iterator[Problem]:
    client = context.workflow.member("azureml_client")
    found = azureml_systems(context)
    if client is None or not is_given(client.value):
        for system, kind in found[:1]:
            message = f"An AzureML system needs a workspace: add azureml_client with {_and(WORKSPACE)}."
            yield RULE.at(kind, message, severity=severity_in(context, system))
    elif isinstance(client.value, Object) and found:
        missing = _missing(client.value)
        if missing:
            message = f"The workspace is not complete: {_and(missing)} missing."
            used = any(severity_in(context, system) is Severity.ERROR for system, _ in found)
            yield RULE.at(client, message, severity=Severity.ERROR if used else Severity.WARNING)


def _missing(client: Object) -> list[str]:
    if is_given(client.get("aml_config_path")):
        return []
    return [key for key in WORKSPACE if not _filled(client.get(key))]


def _filled(node: Node | None) -> bool:
    return is_given(node) and getattr(node, "value", "x") != ""


def _and(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


RULE = Rule("azureml-without-client", Severity.ERROR, _check)
