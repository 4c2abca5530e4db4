"""What configs name by name: models of the workspace and of a registry, and outputs of jobs."""

from __future__ import annotations

from names import GROUP, REGION, SUBSCRIPTION

from .blobs import URL, container_signature
from .data_plane import WORKSPACE_PATH
from .faults import azure_error
from .service import Call, Reply, Route
from .workspace import API, PATH

_REGISTRY = rf"/mferp/managementfrontend/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
_REGISTRY += r"/providers/Microsoft\.MachineLearningServices/registries/([^/]+)"
_MODEL = r"/models/([^/]+)/versions/([^/]+)"


def get_model(call: Call) -> Reply:
    name, version = call.steps
    path = call.workspace.models.get((name, version))
    if path is None:
        return Reply(404, azure_error("UserError", f"Model {name}:{version} was not found."))
    uri = f"azureml:/{PATH.replace('/providers/Microsoft.MachineLearningServices', '')}/datastores/{path}"
    properties = {"modelType": "mlflow_model", "modelUri": uri, "properties": {}, "tags": {}, "flavors": {}}
    return Reply(200, call.workspace.resource(f"/models/{name}/versions/{version}", "/models/versions", properties))


def run_data(call: Call) -> Reply:
    """What is kept of a job: its outputs, as assets."""
    job = call.workspace.jobs.get(call.body["runId"])
    if job is None:
        return Reply(404, azure_error("UserError", f"Run {call.body['runId']} not found."))
    outputs = {
        name: {"assetId": f"azureml://locations/{REGION}/data/{job['name']}/{name}", "type": "UriFolder"}
        for name in job["properties"]["outputs"]
        if name != "default"
    }
    return Reply(200, {"runMetadata": {"runId": job["name"], "outputs": outputs}})


def resolved_uris(call: Call) -> Reply:
    """Where the files of assets are."""
    values = {}
    for asset in call.body["values"]:
        *_, job, name = asset.split("/")
        values[asset] = {"uri": call.workspace.jobs[job]["properties"]["outputs"][name]["uri"], "type": "UriFolder"}
    return Reply(200, {"values": values})


def find_registry(call: Call) -> Reply:
    (registry,) = call.steps
    if registry not in {name for name, _, _ in call.workspace.registry_models}:
        return Reply(404, azure_error("UserError", f"Registry {registry} was not found."))
    where = {"subscriptionId": SUBSCRIPTION, "resourceGroup": GROUP, "primaryRegion": REGION}
    return Reply(200, {"registryName": registry, "primaryRegionResourceProviderUri": f"{API}/", **where})


def get_registry_model(call: Call) -> Reply:
    registry, name, version = call.steps
    found = call.workspace.registry_models.get((registry, name, version))
    if found is None:
        return Reply(404, azure_error("UserError", f"Model {name}:{version} was not found."))
    container, prefix = found
    return Reply(200, {"name": version, "properties": {"modelUri": f"{URL}/{container}/{prefix}"}})


def data_reference(call: Call) -> Reply:
    """A shared access signature for the storage of one model."""
    container, prefix = call.workspace.registry_models[call.steps]  # type: ignore[index]
    signed = f"{URL}/{container}?{container_signature(container, call.workspace.signature_hours())}"
    reference = {"blobUri": f"{URL}/{container}/{prefix}", "credential": {"credentialType": "SAS", "sasUri": signed}}
    return Reply(200, {"blobReferenceForConsumption": reference})


ROUTES: list[Route] = [
    ("GET", f"{WORKSPACE_PATH}{_MODEL}", get_model),
    ("POST", f"/history/v1\\.0{WORKSPACE_PATH}/rundata", run_data),
    ("POST", f"/data/v1\\.0{WORKSPACE_PATH}/dataversion/batchGetResolvedUris", resolved_uris),
    ("GET", "/registrymanagement/v1.0/registries/([^/]+)/discovery", find_registry),
    ("GET", f"{_REGISTRY}{_MODEL}", get_registry_model),
    ("POST", rf"{_REGISTRY}/datarefs/([^/]+)/versions/([^/]+)", data_reference),
]
