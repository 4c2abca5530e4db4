"""Where the files are that an address of Azure ML stands for: below which prefix, and what opens their container."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from azure.storage.blob import ContainerClient

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.errors import RunError

from .connection import Connection
from .transfer import RemoteFile, Transfer, is_below

_REGISTRY_API = "2021-10-01-dataplanepreview"
_MODEL = re.compile(r"azureml:([^/:]+):([^/:]+)")
_REGISTRY_MODEL = re.compile(r"azureml://registries/([^/]+)/models/([^/]+)/versions/([^/]+)")
_OUTPUT = re.compile(r"azureml://jobs/([^/]+)/outputs/([^/]+)/?(.*)")
_DATASTORE = re.compile(
    r"azureml://(?:subscriptions/[^/]+/resource[gG]roups/[^/]+/(?:providers/[^/]+/)?workspaces/([^/]+)/)?"
    r"datastores/([^/]+)/(?:paths/)?(.*)"
)
_BLOBS = re.compile(r"https://([^/]+\.blob\.[^/]+)/([^/?]+)/([^?]*)")
_HADOOP = re.compile(r"(?:abfss?|wasbs?)://([^@/]+)@([^/]+?)\.(?:blob|dfs)\.([^/]+)/(.*)")
_MODEL_OUTPUTS = frozenset({"CustomModel", "MLFlowModel", "TritonModel"})


@dataclass(frozen=True)
class Place:
    """Blobs of one container: the one that is called `prefix`, or those below it."""

    connect: Callable[[], ContainerClient]
    prefix: str


def find_place(connection: Connection, address: str) -> Place:
    """Where the files of an address are. `RunError` where there is nothing of that name, or the address is none."""
    if found := _MODEL.fullmatch(address):
        return find_place(connection, connection.model_path(found[1], found[2]))
    if found := _REGISTRY_MODEL.fullmatch(address):
        return _in_registry(connection, address, *found.groups())
    if found := _OUTPUT.fullmatch(address):
        inside = f"/{found[3]}" if found[3] else ""
        return find_place(connection, _output(connection, found[1], found[2]).rstrip("/") + inside)
    if found := _DATASTORE.fullmatch(address):
        workspace, datastore, path = found.groups()
        if workspace not in (None, connection.workspace.workspace_name):
            message = f"{address} is in the workspace {workspace}, and azureml_client names another."
            raise RunError("azure-other-workspace", message, "Name that workspace in azureml_client.")
        return Place(lambda: connection.storage(datastore).client(), path)
    if found := _BLOBS.fullmatch(address):
        host, container, path = found.groups()
    elif found := _HADOOP.fullmatch(address):
        container, account, endpoint, path = found.groups()
        host = f"{account}.blob.{endpoint}"
    else:
        message = f"{address} is no address that Olivine can read from here."
        raise RunError("azure-address", message, "Write azureml://datastores/NAME/paths/PATH.")
    return Place(lambda: connection.storage_at(f"https://{host}", container).client(), urllib.parse.unquote(path))


def transfer(connection: Connection, place: Place, address: str, cancel: Cancel) -> Transfer:
    """What brings files from a place."""
    missing = RunError("azure-missing-file", f"There is nothing at {address}.", "Correct the path in the config.")
    return Transfer(place.connect, connection.workspace, cancel, missing, connection.warn)


def list_files(source: Transfer, place: Place, address: str) -> list[RemoteFile]:
    """The files at a place, by their path below it; the one file by its name. `RunError` where there are none."""
    prefix = place.prefix.rstrip("/")
    blobs = source.ask(lambda container: list(container.list_blobs(name_starts_with=prefix, include=["metadata"])))
    files = []
    for blob in blobs:
        if blob.name != prefix and prefix and not blob.name.startswith(f"{prefix}/"):
            continue  # begins with the same letters
        if (blob.metadata or {}).get("hdi_isfolder") == "true":
            continue
        name = blob.name.rpartition("/")[2] if blob.name == prefix else blob.name[len(prefix) :].lstrip("/")
        if not name or name.endswith("/"):
            continue  # a folder, as some programs write it
        if not is_below(name):
            raise RunError("azure-address", f'The file "{blob.name}" at {address} can have no such name here.')
        md5 = bytes(blob.content_settings.content_md5 or b"")
        files.append(RemoteFile(name, blob.name, blob.size, md5=md5, etag=blob.etag))
    if not files:
        raise RunError("azure-missing-file", f"There is nothing at {address}.", "Correct the path in the config.")
    return files


def _output(connection: Connection, job: str, output: str) -> str:
    """Address of the files of a job's output."""
    region, path = connection.region, connection.path
    wanted = {"runId": job, "selectRunMetadata": True, "selectRunDefinition": True, "selectJobSpecification": True}
    data = connection.ask("POST", f"{region}/history/v1.0{path}/rundata", wanted)
    outputs = (data.get("runMetadata") or {}).get("outputs") or {}
    if output not in outputs:
        known = f"Its outputs: {', '.join(sorted(outputs))}." if outputs else "It has none, or has not ended."
        raise RunError("azure-no-output", f'The job {job} has no output "{output}".', known)
    asset, kind = outputs[output]["assetId"], outputs[output]["type"]
    service, assets, version = (
        ("modelregistry", "models", _REGISTRY_API) if kind in _MODEL_OUTPUTS else ("data", "dataversion", "1.5.0")
    )
    address = f"{region}/{service}/v1.0{path}/{assets}/batchGetResolvedUris?api-version={version}"
    found = connection.ask("POST", address, {"values": [asset]})["values"][asset]
    return str(found.get("uri") or found.get("path"))


def _in_registry(connection: Connection, address: str, registry: str, name: str, version: str) -> Place:
    """A model in a registry, whose storage is opened for each model by itself."""
    services = f"https://{connection.workspace.cloud.registries}/registrymanagement/v1.0"
    where = connection.ask("GET", f"{services}/registries/{registry}/discovery")
    base = str(where["primaryRegionResourceProviderUri"]).rstrip("/") + "/mferp/managementfrontend"
    group = f"/subscriptions/{where['subscriptionId']}/resourceGroups/{where['resourceGroup']}"
    root = f"{base}{group}/providers/Microsoft.MachineLearningServices/registries/{registry}"
    model = connection.ask("GET", f"{root}/models/{name}/versions/{version}?api-version={_REGISTRY_API}")
    uri = str(model["properties"]["modelUri"])
    found = _BLOBS.fullmatch(uri)
    if not found:
        raise RunError("azure-address", f"{address} is kept at {uri}, which Olivine cannot read from here.")
    reference = f"{root}/datarefs/{name}/versions/{version}?api-version={_REGISTRY_API}"

    def connect() -> ContainerClient:
        signed = connection.ask("POST", reference, {"assetId": address, "blobUri": uri})
        secret = signed["blobReferenceForConsumption"]["credential"].get("sasUri")
        if not secret:  # open to everyone
            return ContainerClient(f"https://{found[1]}", found[2], retry_total=0, read_timeout=60)
        return ContainerClient.from_container_url(secret, retry_total=0, read_timeout=60)

    return Place(connect, urllib.parse.unquote(found[3]))
