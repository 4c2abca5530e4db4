"""What a config asks of Azure ML: workspace, compute, environment, inputs in the cloud. Nothing is contacted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from olivine_pipeline.plan import Config, load_config
from olivine_schemas.language.models import ModelConfig, ResourcePath
from olivine_schemas.language.systems import AmlDockerConfig, AzureMLClient, System
from olivine_schemas.language.workflow import Workflow
from olivine_schemas.tree import Path as TreePath

from .clouds import CLOUDS, PUBLIC, Cloud, cloud_of

AZUREML = "AzureML"
RESULTS, TRAINING = "results", "training"
"""Names of the job's outputs: what it made, and what it has trained so far."""
DEFAULT_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
_WORKSPACE_KEYS = ("subscription_id", "resource_group", "workspace_name")
_RESOURCES = frozenset({"instance_type", "shm_size", "docker_args", "properties", "process_count_per_instance"})


@dataclass(frozen=True)
class Workspace:
    """The three names of a workspace, and how patiently to talk to it."""

    subscription_id: str
    resource_group: str
    workspace_name: str
    read_timeout: int = 60
    retries: int = 3
    retry_interval: float = 5
    """Seconds before the first of them; doubles."""
    credential_arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of DefaultAzureCredential."""
    cloud: Cloud = CLOUDS[PUBLIC]


@dataclass(frozen=True)
class Environment:
    """Where the job's program runs: an environment of the workspace, or an image, or a Dockerfile with its folder."""

    name: str | None = None
    """`name:version` or `name@label` of one that the workspace has."""
    image: str | None = None
    conda_file: Path | None = None
    """Its packages; None where Olivine pins what is installed here."""
    build_folder: Path | None = None
    dockerfile: str = "Dockerfile"


@dataclass(frozen=True)
class CloudInput:
    """Something that the job finds as a folder or a file; `place` is the setting that names it on the compute."""

    name: str
    kind: str
    """Type of the job's input: uri_file, uri_folder, mlflow_model, custom_model."""
    uri: str
    """Address in Azure ML, or the path of a local folder that is uploaded."""
    place: str
    inside: str = ""
    """What to append to the path of the input."""

    @property
    def address(self) -> str:
        """All of what it is, in one line."""
        return f"{self.uri}/{self.inside}" if self.inside else self.uri

    @property
    def is_local(self) -> bool:
        return not self.uri.startswith(("azureml:", "https://", "http://", "abfss://", "wasbs://"))


@dataclass(frozen=True)
class Request:
    """One command job."""

    workspace: Workspace
    compute: str
    environment: Environment
    inputs: tuple[CloudInput, ...]
    nodes: int
    processes_per_node: int
    resources: dict[str, Any]
    tags: dict[str, str]
    datastore: str
    experiment: str
    display_name: str
    keyvault: str | None
    """Key vault whose secret `hf-token` the job reads; None where it needs none."""
    gpu: bool

    @property
    def is_distributed(self) -> bool:
        return self.nodes * self.processes_per_node > 1


def host_of(workflow: Workflow) -> System | None:
    """The Azure ML system that a workflow's passes run on; None where they run on this machine."""
    hosts = [workflow.engine.host, *(entry.host for entries in workflow.passes.values() for entry in entries)]
    systems = [workflow.system(host) for host in hosts if host is not None]
    return next((system for system in systems if system.type == AZUREML), None)


def config_for_job(path: Path, text: str, *, force: bool = False) -> Config | None:
    """The config at `path`, whose content is `text`, where one job runs all its passes; None where not."""
    if "azureml" not in text.lower():  # most have none, and are checked by who plans them
        return None
    config = load_config(path, text, force=force)
    return config if takes_all(config.workflow) else None


def takes_all(workflow: Workflow) -> bool:
    """Whether all passes of a workflow run on one Azure ML system, as one job."""
    entries = [entry for entries in workflow.passes.values() for entry in entries]
    hosts = [entry.host if entry.host is not None else workflow.engine.host for entry in entries]
    systems = [workflow.system(host) for host in hosts or [workflow.engine.host]]
    return systems[0].type == AZUREML and all(system == systems[0] for system in systems)


def request_of(config: Config) -> Request:
    """What the config asks for. `ConfigRefused` where that cannot be."""
    host = host_of(config.workflow)
    if host is None:
        config.refuse("not-azureml", "The host of this config is no AzureML system; `olivine run` runs it.", "engine")
    _refuse_mixed(config, host)
    system = config.workflow.engine.host
    place: TreePath = ("systems", system, "config") if isinstance(system, str) else ("engine", "host", "config")
    settings = host.config
    if not settings.aml_compute:
        config.refuse("azureml-without-compute", "The AzureML system names no aml_compute.", *place)
    resources = dict(settings.resources or {})
    unknown = sorted(set(resources) - _RESOURCES)
    if unknown:
        known = ", ".join(sorted(_RESOURCES))
        config.refuse("unknown-resource", f"{unknown[0]} is no resource of a job; there are {known}.", *place)
    client = config.workflow.azureml_client or AzureMLClient()
    if settings.hf_token and not client.keyvault_name:
        message = "hf_token needs azureml_client to name a keyvault_name."
        config.refuse("hf-token-without-keyvault", message, *place, "hf_token")
    name = config.workflow.workflow_id
    return Request(
        workspace=_workspace(config, client),
        compute=settings.aml_compute,
        environment=_environment(config, host, place),
        inputs=inputs_of(config),
        nodes=settings.instance_count,
        processes_per_node=int(resources.pop("process_count_per_instance", 1)),
        resources=resources,
        tags=dict(settings.tags or {}),
        datastore=settings.datastores or "workspaceblobstore",
        experiment=name if name != "default_workflow" else "olivine",
        display_name=config.folder.name if config.path.stem in ("olive-config", "config") else config.path.stem,
        keyvault=client.keyvault_name if settings.hf_token else None,
        gpu=host.device == "gpu",
    )


def _refuse_mixed(config: Config, host: System) -> None:
    """Every pass of a job runs on its compute."""
    workflow = config.workflow
    for name, entries in workflow.passes.items():
        for index, entry in enumerate(entries):
            own = workflow.system(entry.host if entry.host is not None else workflow.engine.host)
            if own != host:
                message = f'The pass "{name}" runs elsewhere than the others: `olivine run` runs each where it says.'
                config.refuse("mixed-hosts", message, "passes", name, index)


def inputs_of(config: Config) -> tuple[CloudInput, ...]:
    """The models and data that a job of the config finds as folders or files."""
    return (*_model_inputs(config), *_data_inputs(config))


def workspace_of(config: Config) -> Workspace:
    """The workspace that the config names. `ConfigRefused` where it names none."""
    return _workspace(config, config.workflow.azureml_client or AzureMLClient())


def _workspace(config: Config, client: AzureMLClient) -> Workspace:
    names: dict[str, Any] = {key: getattr(client, key) for key in _WORKSPACE_KEYS}
    if client.aml_config_path and not all(names.values()):
        path = config.folder / client.aml_config_path
        try:
            names = {key: json.loads(path.read_text(encoding="utf-8"))[key] for key in _WORKSPACE_KEYS}
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{client.aml_config_path} is no config.json of a workspace: {error!r}."
            config.refuse("no-workspace", message, "azureml_client", "aml_config_path")
    missing = [key for key, value in names.items() if not value]
    if missing:
        config.refuse("no-workspace", f"azureml_client lacks {', '.join(missing)}.", "azureml_client")
    return Workspace(
        **names,
        read_timeout=client.read_timeout,
        retries=client.max_operation_retries,
        retry_interval=client.operation_retry_interval,
        credential_arguments=client.default_auth_params or {},
        cloud=cloud_of(client.cloud),
    )


def _environment(config: Config, host: System, place: TreePath) -> Environment:
    named = host.config.aml_environment_config
    if named:
        suffix = f":{named.version}" if named.version is not None else f"@{named.label or 'latest'}"
        return Environment(name=f"{named.name}{suffix}")
    docker = host.config.aml_docker_config
    if docker is None:
        config.refuse("azureml-without-environment", "The AzureML system describes no container for its jobs.", *place)
    where = (*place, "aml_docker_config")
    if docker.dockerfile:
        return _built(config, docker, where)
    conda = _local(config, docker.conda_file_path, *where, "conda_file_path") if docker.conda_file_path else None
    return Environment(image=docker.base_image or DEFAULT_IMAGE, conda_file=conda)


def _built(config: Config, docker: AmlDockerConfig, where: TreePath) -> Environment:
    folder = _local(config, docker.build_context_path or ".", *where, "build_context_path")
    assert docker.dockerfile
    if not (folder / docker.dockerfile).is_file():
        config.refuse("missing-file", f'There is no "{docker.dockerfile}" in {folder}.', *where, "dockerfile")
    return Environment(build_folder=folder, dockerfile=docker.dockerfile)


def _local(config: Config, name: str, *place: str | int) -> Path:
    path = config.folder / name
    if not path.exists():
        config.refuse("missing-file", f'There is no "{name}".', *place)
    return path


def _model_inputs(config: Config) -> list[CloudInput]:
    """The model, and an adapter, where they are no hub names."""
    model = ModelConfig.model_validate(config.workflow.input_model.config)
    inputs = []
    for key in ("model_path", "adapter_path"):
        value = getattr(model, key)
        place = f"input_model.config.{key}"
        if isinstance(value, ResourcePath) and value.type.startswith("azureml"):
            uri, kind, inside = _resource(config, value.type, value.config, "input_model", "config", key)
            inputs.append(CloudInput(key, kind, uri, place, inside))
            continue
        if isinstance(value, ResourcePath):
            value = value.config.get("path") or value.config.get("name")
        if value and (config.folder / value).is_dir():
            inputs.append(CloudInput(key, "uri_folder", str((config.folder / value).resolve()), place))
        elif key == "adapter_path" and value:
            config.refuse("missing-file", f'There is no folder "{value}".', "input_model", "config", key)
    return inputs


def _data_inputs(config: Config) -> list[CloudInput]:
    inputs = []
    for number, data in enumerate(config.workflow.data_configs):
        files = (data.load_dataset_config.params or {}).get("data_files")
        if isinstance(files, dict) and files.get("type") == "azureml_datastore":
            where = ("data_configs", number, "load_dataset_config", "params", "data_files")
            uri, _, _ = _resource(config, files["type"], files.get("config") or {}, *where)
            place = ".".join(map(str, where))
            inputs.append(CloudInput(f"data_{number}", "uri_file", uri, place))
    return inputs


def _resource(config: Config, kind: str, given: dict[str, Any], *place: str | int) -> tuple[str, str, str]:
    """Address, type of input, and the path inside it, of something that is in Azure ML."""

    def need(*keys: str) -> list[str]:
        missing = [key for key in keys if given.get(key) in (None, "")]
        if missing:
            config.refuse("incomplete-resource", f"{kind} needs {', '.join(missing)}.", *place)
        return [str(given[key]) for key in keys]

    if kind == "azureml_datastore":
        if given.get("datastore_url"):
            return str(given["datastore_url"]), "uri_folder", ""
        datastore, path = need("datastore_name", "relative_path")
        return f"azureml://datastores/{datastore}/paths/{path}", "uri_folder", ""
    if kind == "azureml_model":
        name, version = need("name", "version")
        return f"azureml:{name}:{version}", "mlflow_model", ""
    if kind == "azureml_registry_model":
        registry, name, version = need("registry_name", "name", "version")
        uri = f"azureml://registries/{registry}/models/{name}/versions/{version}"
        return uri, "mlflow_model", ""
    job, output = need("job_name", "output_name")
    return f"azureml://jobs/{job}/outputs/{output}", "uri_folder", str(given.get("relative_path") or "")
