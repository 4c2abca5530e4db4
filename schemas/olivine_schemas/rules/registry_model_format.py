"""A model from Azure Machine Learning whose format is not said to be MLflow.

Models in an Azure ML registry are MLflow models. With another `model_file_format` their folder cannot be read.

```json
"input_model": {
  "type": "PyTorchModel",
  "config": { "model_path": { "type": "azureml_registry_model", "config": { "registry_name": "azureml" } } }
}
```

Olivine reads the model as `PyTorch.MLflow` and offers to write it so.
"""

from __future__ import annotations

from collections.abc import Iterator

from olivine_schemas.problems import Problem, Severity
from olivine_schemas.tree import Object, Scalar, child, text_of

from .reading import object_at
from .repairs import add, change_to
from .rule import Context, Rule

MLFLOW = "PyTorch.MLflow"
SOURCES = ("azureml_registry_model", "azureml_model")


def _check(context: Context) -> Iterator[Problem]:
    model = object_at(context.tree, "input_model")
    config = model.get("config") if isinstance(model.get("config"), Object) else model
    source = child(config, "model_path", "type")
    if source is None or text_of(source) not in SOURCES or text_of(model.get("type")) != "PyTorchModel":
        return
    node = child(config, "model_file_format")
    if isinstance(node, Scalar) and text_of(node) not in (MLFLOW, None):
        yield RULE.at(node, f"Models of Azure ML are MLflow models, not {node.value}.", change_to(node, MLFLOW))
    elif node is None and isinstance(config, Object):
        fix = add(context, config, "model_file_format", MLFLOW)
        yield RULE.at(source, f"Models of Azure ML are MLflow models: model_file_format must be {MLFLOW}.", fix)


RULE = Rule("registry-model-format", Severity.WARNING, _check)
