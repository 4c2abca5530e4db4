"""Azure Resource Manager's side of the workspace: code, environments, datastores, computes, jobs."""

from __future__ import annotations

import threading
from typing import Any

from names import GROUP, NAME, REGION, SUBSCRIPTION, TENANT

from . import spec
from .blobs import ACCOUNT, URL, account_signature, container_signature
from .executor import cancel, execute
from .faults import azure_error
from .service import Call, Reply, Route
from .workspace import API, COMPUTES, PATH, STORAGE, TERMINAL, Run, new_id

SIZES = {"gpu-cluster": "STANDARD_NC24ADS_A100_V4", "cpu-cluster": "STANDARD_DS3_V2"}
_WORKSPACE = (
    r"/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.MachineLearningServices/workspaces/([^/]+)"
)
_OWN = _WORKSPACE.replace("([^/]+)", NAME)


def get_workspace(call: Call) -> Reply:
    properties = {
        "friendlyName": NAME,
        "workspaceId": "00000000-0000-0000-0000-000000000007",
        "discoveryUrl": f"{API}/discovery",
        "mlFlowTrackingUri": f"azureml://{REGION}.api.azureml.ms/mlflow/v1.0{PATH}",
        "storageAccount": STORAGE,
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
    }
    identity = {"type": "SystemAssigned", "principalId": new_id(), "tenantId": TENANT}
    more = {"location": REGION, "tags": {}, "kind": "Default", "sku": {"name": "Basic"}, "identity": identity}
    return Reply(200, call.workspace.resource("", "", properties) | more | {"name": NAME})


def no_workspace(call: Call) -> Reply:
    what = f"The Resource 'Microsoft.MachineLearningServices/workspaces/{call.steps[0]}' was not found."
    return Reply(404, azure_error("ResourceNotFound", what))


def get_compute(call: Call) -> Reply:
    name = call.steps[0]
    if name not in COMPUTES:
        return Reply(404, azure_error("UserError", f"Compute {name} not found."))
    return Reply(200, _compute(call, name))


def _compute(call: Call, name: str) -> dict[str, Any]:
    size = {"vmSize": SIZES[name], "vmPriority": "Dedicated", "allocationState": "Steady"}
    scale = {"scaleSettings": {"maxNodeCount": 2, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT120S"}}
    properties = {"computeType": "AmlCompute", "provisioningState": "Succeeded", "properties": size | scale}
    return call.workspace.resource(f"/computes/{name}", "/computes", properties) | {"location": REGION}


def list_computes(call: Call) -> Reply:
    """Half of them on each page."""
    shown = [_compute(call, name) for name in COMPUTES[call.query.get("page") == "2" :][:1]]
    link = f"https://management.azure.com{PATH}/computes?api-version={call.query.get('api-version')}&page=2"
    return Reply(200, {"value": shown, **({} if call.query.get("page") else {"nextLink": link})})


def list_environments(call: Call) -> Reply:
    properties = {"isArchived": False, "latestVersion": "3", "nextVersion": "4"}
    return Reply(200, {"value": [call.workspace.resource("/environments/tuning", "/environments", properties)]})


def query_resources(call: Call) -> Reply:
    """The answer to the one query that is asked: the workspaces."""
    if "machinelearningservices/workspaces" not in call.body["query"]:
        return Reply(400, azure_error("BadRequest", "The double does not know this query."))
    found = {"name": NAME, "resourceGroup": GROUP, "subscriptionId": SUBSCRIPTION, "location": REGION}
    return Reply(200, {"totalRecords": 1, "count": 1, "data": [found], "facets": []})


def _datastore(call: Call, name: str) -> dict[str, Any]:
    properties = {
        "isDefault": name == "workspaceblobstore",
        "credentials": {"credentialsType": "AccountKey"},
        "datastoreType": "AzureBlob",
        "accountName": ACCOUNT,
        "containerName": call.workspace.containers[name],
        "endpoint": "core.windows.net",
        "protocol": "https",
        "serviceDataAccessAuthIdentity": "None",
    }
    return call.workspace.resource(f"/datastores/{name}", "/datastores", properties)


def list_datastores(call: Call) -> Reply:
    default = call.query.get("isDefault") == "true"
    names = ["workspaceblobstore"] if default else list(call.workspace.containers)
    return Reply(200, {"value": [_datastore(call, name) for name in names]})


def get_datastore(call: Call) -> Reply:
    if call.steps[0] not in call.workspace.containers:
        return Reply(404, azure_error("UserError", f"Could not find datastore: {call.steps[0]}"))
    return Reply(200, _datastore(call, call.steps[0]))


def list_secrets(call: Call) -> Reply:
    if refused := _against_spec(call, f"/datastores/{call.steps[0]}", "listSecrets"):
        return refused
    signature = account_signature(call.workspace.signature_hours())
    return Reply(200, {"secretsType": "Sas", "sasToken": f"?{signature}"})


def find_code(call: Call) -> Reply:
    wanted = call.query.get("hash")
    found = [code for code in call.workspace.codes.values() if _hash_of(code) == wanted]
    return Reply(200, {"value": found})


def _hash_of(code: dict[str, Any]) -> str | None:
    found: str | None = code["properties"]["properties"].get("hash_sha256")
    return found


def start_upload(call: Call) -> Reply:
    if refused := _against_spec(call, "/codes/{}/versions/{}".format(*call.steps), "startPendingUpload"):
        return refused
    container = f"{new_id()}-{new_id().replace('-', '')[:26]}"
    call.workspace.blobs.make(container)
    signed = f"{URL}/{container}?{container_signature(container, call.workspace.signature_hours())}"
    reference = {
        "blobUri": f"{URL}:443/{container}",
        "storageAccountArmId": STORAGE,
        "credential": {"credentialType": "SAS", "sasUri": signed},
    }
    return Reply(
        200, {"blobReferenceForConsumption": reference, "pendingUploadId": None, "pendingUploadType": "Temporary"}
    )


def put_code(call: Call) -> Reply:
    if refused := _against_spec(call, f"/codes/{call.steps[0]}/versions/{call.steps[1]}"):
        return refused
    given = call.body["properties"]
    properties = {"properties": {}, "tags": {}, "isAnonymous": True, **given, "provisioningState": "Succeeded"}
    made = call.workspace.resource("/codes/{}/versions/{}".format(*call.steps), "/codes/versions", properties)
    call.workspace.codes[call.steps[0], call.steps[1]] = made
    return Reply(201, made)


def get_code(call: Call) -> Reply:
    found = call.workspace.codes.get((call.steps[0], call.steps[1]))
    return Reply(200, found) if found else Reply(404, azure_error("UserError", "Code not found"))


def put_environment(call: Call) -> Reply:
    name, version = call.steps
    if refused := _against_spec(call, f"/environments/{name}/versions/{version}"):
        return refused
    properties = {"osType": "Linux", "tags": {}, "properties": {}, **call.body["properties"]}
    properties |= {"environmentType": "UserCreated", "provisioningState": "Succeeded"}
    made = call.workspace.resource(f"/environments/{name}/versions/{version}", "/environments/versions", properties)
    call.workspace.environments[name, version] = made
    return Reply(201, made)


def get_environment(call: Call) -> Reply:
    found = call.workspace.environments.get((call.steps[0], call.steps[1]))
    return Reply(200, found) if found else Reply(404, azure_error("UserError", "Environment not found"))


def put_job(call: Call) -> Reply:
    name, workspace = call.steps[0], call.workspace
    if refused := _against_spec(call, f"/jobs/{name}"):
        return refused
    with workspace.lock:
        if name in workspace.jobs:
            return Reply(400, azure_error("UserError", f"A job with this name already exists: {name}."))
        compute = (call.body["properties"].get("computeId") or "").rpartition("/")[2]
        if compute not in COMPUTES:
            return Reply(400, azure_error("UserError", f"The compute target '{compute}' was not found."))
        workspace.jobs[name] = workspace.resource(f"/jobs/{name}", "/jobs", _job(name, call.body["properties"]))
        workspace.runs[name] = Run()
    threading.Thread(target=execute, args=(workspace, name), daemon=True, name=name).start()
    return Reply(201, workspace.jobs[name])


def _job(name: str, given: dict[str, Any]) -> dict[str, Any]:
    studio = f"https://ml.azure.com/runs/{name}?wsid={PATH}"
    default = {"jobOutputType": "uri_folder", "mode": "ReadWriteMount"}
    default["uri"] = f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{name}"
    outputs = {
        key: {"mode": "ReadWriteMount", "uri": f"azureml://datastores/workspaceblobstore/paths/azureml/{name}/{key}/"}
        | {k: v for k, v in output.items() if v is not None}
        for key, output in (given.get("outputs") or {}).items()
    }
    empty = {"tags": {}, "properties": {}, "inputs": {}, "environmentVariables": {}, "resources": {}}
    services = {
        "Studio": {"jobServiceType": "Studio", "endpoint": studio},
        "Tracking": {"jobServiceType": "Tracking", "endpoint": f"azureml://{REGION}.api.azureml.ms/mlflow/v1.0{PATH}?"},
    }
    return {**empty, **given, "status": "Starting", "services": services, "outputs": {"default": default, **outputs}}


def get_job(call: Call) -> Reply:
    found = call.workspace.jobs.get(call.steps[0])
    return Reply(200, found) if found else Reply(404, azure_error("UserError", f"Run {call.steps[0]} not found."))


def list_jobs(call: Call) -> Reply:
    return Reply(200, {"value": list(call.workspace.jobs.values())})


def cancel_job(call: Call) -> Reply:
    name = call.steps[0]
    if name not in call.workspace.jobs:
        return Reply(404, azure_error("UserError", f"Run {name} not found."))
    if call.workspace.runs[name].status in TERMINAL:
        return Reply(200)
    operation = new_id()
    call.workspace.operations[operation] = name
    cancel(call.workspace, name)
    place = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/{REGION}"
    address = f"https://management.azure.com{place}/mfeOperationResults/jc:{operation}?api-version=2023-04-01-preview"
    return Reply(202, None, {"Location": address, "Retry-After": "1"})


def get_operation(call: Call) -> Reply:
    job = call.workspace.operations[call.steps[0]]
    return Reply(200 if call.workspace.runs[job].status in TERMINAL else 202, None, {"Retry-After": "1"})


def _against_spec(call: Call, tail: str, action: str = "") -> Reply | None:
    if not spec.available():
        return None
    complaints = spec.complaints(tail, call.query.get("api-version", ""), call.body, action)
    call.workspace.complaints += complaints
    return Reply(400, azure_error("UserError", "; ".join(complaints))) if complaints else None


ROUTES: list[Route] = [
    ("GET", _OWN, get_workspace),
    ("POST", "/providers/Microsoft.ResourceGraph/resources", query_resources),
    ("GET", f"{_OWN}/computes", list_computes),
    ("GET", f"{_OWN}/environments", list_environments),
    ("GET", f"{_OWN}/computes/([^/]+)", get_compute),
    ("GET", f"{_OWN}/datastores", list_datastores),
    ("GET", f"{_OWN}/datastores/([^/]+)", get_datastore),
    ("POST", f"{_OWN}/datastores/([^/]+)/listSecrets", list_secrets),
    ("GET", f"{_OWN}/codes/([^/]+)/versions", find_code),
    ("POST", f"{_OWN}/codes/([^/]+)/versions/([^/]+)/startPendingUpload", start_upload),
    ("PUT", f"{_OWN}/codes/([^/]+)/versions/([^/]+)", put_code),
    ("GET", f"{_OWN}/codes/([^/]+)/versions/([^/]+)", get_code),
    ("PUT", f"{_OWN}/environments/([^/]+)/versions/([^/]+)", put_environment),
    ("GET", f"{_OWN}/environments/([^/]+)/versions/([^/]+)", get_environment),
    ("GET", f"{_OWN}/jobs", list_jobs),
    ("PUT", f"{_OWN}/jobs/([^/]+)", put_job),
    ("GET", f"{_OWN}/jobs/([^/]+)", get_job),
    ("POST", f"{_OWN}/jobs/([^/]+)/cancel", cancel_job),
    ("GET", r"/subscriptions/.*/mfeOperationResults/jc:(.+)", get_operation),
    ("GET", f"{_WORKSPACE}(?:/.*)?", no_workspace),
    ("PUT", f"{_WORKSPACE}(?:/.*)?", no_workspace),
    ("POST", f"{_WORKSPACE}(?:/.*)?", no_workspace),
]
