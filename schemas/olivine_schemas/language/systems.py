"""`systems`: machines that run passes (host) or that models are built for (target)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Model

Device = Literal["cpu", "cpu_spr", "gpu", "npu", "vpu", "intel_myriad", "any"]


class AzureMLClient(Model):
    """Which Azure Machine Learning workspace, and how patiently to talk to it."""

    subscription_id: str | None = None
    """Azure subscription."""
    resource_group: str | None = None
    """Resource group of the workspace."""
    workspace_name: str | None = None
    """Name of the workspace."""
    aml_config_path: str | None = None
    """Path of a workspace config.json, instead of the three above."""
    read_timeout: Annotated[int, Field(gt=0)] = 60
    """Seconds to wait for an answer."""
    max_operation_retries: Annotated[int, Field(ge=0)] = 3
    """Tries of a failed operation."""
    operation_retry_interval: Annotated[int, Field(ge=0)] = 5
    """Seconds before the first retry; doubles."""
    default_auth_params: dict[str, Any] | None = None
    """Arguments of DefaultAzureCredential."""
    cloud: Literal["AzureCloud", "AzureChinaCloud", "AzureUSGovernment"] | None = None
    """Cloud of the subscription; where it is left out, what AZUREML_CURRENT_CLOUD says, else AzureCloud."""
    keyvault_name: str | None = None
    """Key vault that holds the secret `hf-token`."""


class Accelerator(Model):
    """A device and the execution provider that drives it."""

    device: Device | None = None
    """Kind of device."""
    execution_providers: list[str | list[str]] | None = None
    """ONNX Runtime execution providers, best first."""
    memory: int | str | None = None
    """Memory of the device, in bytes or such as 16GB."""


class AmlDockerConfig(Model):
    """The container that an Azure ML job runs in."""

    base_image: str | None = None
    """Image to start from."""
    dockerfile: str | None = None
    """Dockerfile to build instead of a base image."""
    build_context_path: str | None = None
    """Folder of the Dockerfile."""
    conda_file_path: str | None = None
    """conda.yaml that describes the Python environment."""
    name: str | None = None
    """Name of the environment in the workspace."""
    version: str | int | None = None
    """Version of the environment."""


class AmlEnvironmentConfig(Model):
    """An environment that the workspace already has."""

    name: str
    """Name of the environment."""
    version: str | int | None = None
    """Version; the latest by default."""
    label: str | None = None
    """Label instead of a version."""


class SystemConfig(Model):
    """Settings of a system; which ones apply depends on its type."""

    accelerators: list[Accelerator] | None = None
    """Devices of the system."""
    hf_token: bool = False
    """Sign in to Hugging Face: with this machine's login, or the key vault's token on Azure ML."""
    python_environment_path: str | None = None
    """Folder with the Python program to run passes with."""
    environment_variables: dict[str, str] | None = None
    """Variables set for that Python."""
    prepend_to_path: list[str] | None = None
    """Folders put before PATH."""
    dockerfile: str | None = None
    """Dockerfile of a Docker system."""
    build_context_path: str | None = None
    """Build context of a Docker system."""
    image_name: str | None = None
    """Image name of a Docker system."""
    work_dir: str | None = None
    """Working folder inside the container."""
    build_args: dict[str, Any] | None = None
    """Build arguments of the image."""
    run_params: dict[str, Any] | None = None
    """Arguments of the container."""
    clean_image: bool | None = None
    """Remove the image afterwards."""
    aml_compute: str | None = None
    """Compute of an Azure ML system."""
    aml_docker_config: AmlDockerConfig | None = None
    """Container of the job."""
    aml_environment_config: AmlEnvironmentConfig | None = None
    """Existing environment of the job."""
    instance_count: Annotated[int, Field(ge=1)] = 1
    """Nodes of the job."""
    resources: dict[str, Any] | None = None
    """Further resource settings of the job."""
    tags: dict[str, str] | None = None
    """Tags of the job."""
    datastores: str | None = None
    """Datastore that results go to."""
    download_results: bool = True
    """Bring models and adapters here too; else only the report comes, and they stay in the datastore."""


class System(Model):
    """One named machine."""

    type: Literal["LocalSystem", "PythonEnvironment", "Docker", "AzureML", "IsolatedORT"]
    """Kind of system."""
    config: SystemConfig = SystemConfig()
    """Its settings."""

    @property
    def device(self) -> str:
        """The kind of device that the accelerator names: from `device`, else from its execution provider, else cpu."""
        for accelerator in self.config.accelerators or []:
            if accelerator.device:
                return accelerator.device
            if self.provider:
                return "cpu" if self.provider in ("CPUExecutionProvider", "OpenVINOExecutionProvider") else "gpu"
        return "cpu"

    @property
    def provider(self) -> str | None:
        """The first execution provider, or None where the config names none."""
        for accelerator in self.config.accelerators or []:
            for provider in accelerator.execution_providers or []:
                return provider if isinstance(provider, str) else provider[0]
        return None
