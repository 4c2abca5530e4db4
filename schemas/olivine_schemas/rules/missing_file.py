"""A file or folder that the config names is not there.

Scripts, Dockerfiles, Python environments and adapters are given by paths relative to the folder of the config. Data,
models and conda files have rules of their own.

```json
"systems": { "py": { "type": "PythonEnvironment", "python_environment_path": "env/bin" } }
```

Olivine refuses the run.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Node, Scalar, child, text_of

from .paths import leading_nowhere, not_there
from .reading import data_configs, object_at, strings
from .repairs import change_to_neighbour
from .rule import Context, Rule
from .systems import written_systems


def _check(context: Context) -> Iterator[Problem]:
    written = [node for place in _places(context) if isinstance(place, Scalar) for node in strings(place)]
    for node in leading_nowhere(context, written):
        yield RULE.at(node, not_there(node), change_to_neighbour(context, node))


def _places(context: Context) -> Iterator[Node | None]:
    for data in data_configs(context):
        yield data.node.get("user_script")
        yield data.node.get("script_dir")
    for system in written_systems(context):
        config = object_at(system, "config")
        if text_of(system.get("type")) in ("PythonEnvironment", "IsolatedORT"):
            yield config.get("python_environment_path")
        elif text_of(system.get("type")) == "Docker":
            yield config.get("build_context_path")
            yield config.get("dockerfile") if config.get("build_context_path") is None else None
        yield child(config, "aml_docker_config", "build_context_path")
    yield child(context.workflow, "azureml_client", "aml_config_path")
    adapter = child(context.workflow, "input_model", "config", "adapter_path")
    yield adapter if (text_of(adapter) or "").startswith((".", "/", "~")) else None


RULE = Rule("missing-file", Severity.ERROR, _check)
