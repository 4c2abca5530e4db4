"""`input_model`: the model a workflow starts from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import DType, Model, Open, old


class LoadKwargs(Open):
    """What `from_pretrained` gets; further keys go to it as they are."""

    torch_dtype: DType | Literal["auto"] | None = None
    """Number format to load in."""
    device_map: int | str | dict[str, Any] | None = None
    """Where the weights go."""
    max_memory: dict[str, Any] | None = None
    """Memory allowed per device."""
    quantization_method: Literal["bitsandbytes", "gptq"] | None = None
    """How the weights are quantized while loading."""
    quantization_config: dict[str, Any] | None = None
    """Settings of that quantization."""
    trust_remote_code: bool = False
    """Run code that comes with the model."""


class ResourcePath(Model):
    """A path with its kind said: a file, a folder, a name, or something in Azure ML."""

    type: Literal[
        "file",
        "folder",
        "string_name",
        "local_file",
        "local_folder",
        "azureml_model",
        "azureml_registry_model",
        "azureml_datastore",
        "azureml_job_output",
    ]
    """Kind of the path."""
    config: dict[str, Any]
    """Where it is."""


class ModelConfig(Model):
    """Settings of the input model; which ones apply depends on its type."""

    model_path: str | ResourcePath | None = None
    """Hub name, folder or file of the model."""
    task: str = "text-generation-with-past"
    """What the model is for."""
    load_kwargs: Annotated[LoadKwargs, Field(json_schema_extra=old("from_pretrained_args", "model_loading_args"))] = (
        LoadKwargs()
    )
    """Arguments of `from_pretrained`."""
    io_config: dict[str, Any] | str | None = None
    """Names, shapes and types of the inputs and outputs, for an export; a string names a function that gives them."""
    adapter_path: str | None = None
    """Folder of an adapter already trained for this model."""
    test_model_path: str | None = None
    """Folder for a small random model of the same architecture, to try a workflow with."""
    test_model_config: dict[str, Any] | None = None
    """Changes to the model's configuration for that small model."""
    model_attributes: dict[str, Any] | None = None
    """Facts about the model that passes may read."""


class InputModel(Model):
    """The model to start from. Olivine runs HfModel; the other types it checks."""

    type: str
    """HfModel, ONNXModel, PyTorchModel, …"""
    config: dict[str, Any] = {}
    """Settings of the model type."""
