"""An Azure ML system that does not say what its jobs run in.

A job runs in a container. `aml_docker_config` describes one (a base image, and a conda file with the packages);
`aml_environment_config` names an environment that the workspace already has.

```json
"systems": { "aml": { "type": "AzureML", "config": { "aml_compute": "gpu-cluster" } } }
```

Olivine refuses the run; where no host or target means the system, it warns.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity

from .reading import is_given, object_at
from .rule import Context, Rule
from .systems import azureml_systems, severity_in


def _check(context: Context) -> Iterator[Problem]:
    for system, kind in azureml_systems(context):
        config = object_at(system, "config")
        if not any(is_given(config.get(key)) for key in ("aml_docker_config", "aml_environment_config")):
            message = (
                "An AzureML system needs a container for its jobs: add aml_docker_config or aml_environment_config."
            )
            yield RULE.at(kind, message, severity=severity_in(context, system))


RULE = Rule("azureml-without-environment", Severity.ERROR, _check)
