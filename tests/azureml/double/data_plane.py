"""What is not Azure Resource Manager: the region's run history, discovery, the key vault, and sign-in."""

from __future__ import annotations

import time
import urllib.parse

from names import NAME, TENANT

from .blobs import URL, blob_signature
from .faults import azure_error
from .service import Call, Reply, Route
from .workspace import API

WORKSPACE_PATH = rf"/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.[^/]+/workspaces/{NAME}"
_HISTORY = rf"/history/v1\.0{WORKSPACE_PATH}"
LOGS = "ExperimentRun/dcid."


def discovery(call: Call) -> Reply:
    services = ("api", "history", "catalog", "experimentation", "hyperdrive", "modelmanagement", "notebooks")
    return Reply(200, dict.fromkeys(services, API) | {"studio": "https://ml.azure.com"})


def clouds(call: Call) -> Reply:
    return Reply(200, [])


def run_details(call: Call) -> Reply:
    """Status, and a signed address of every log file."""
    job, workspace = call.steps[0], call.workspace
    if job not in workspace.runs:
        return Reply(404, azure_error("UserError", "Run not found"))
    run, prefix = workspace.runs[job], f"{LOGS}{job}/"
    logs = {}
    for blob in workspace.blobs.container(workspace.logs).list_blobs(name_starts_with=prefix):
        signature = blob_signature(workspace.logs, blob.name, workspace.signature_hours())
        logs[blob.name[len(prefix) :]] = f"{URL}/{workspace.logs}/{urllib.parse.quote(blob.name)}?{signature}"
    details = {"runId": job, "status": run.status, "startTimeUtc": run.started, "endTimeUtc": run.ended}
    if run.status == "Queued" and workspace.queueing:
        details["queueingInfo"] = {"code": "Queued", "message": workspace.queueing}
    return Reply(200, {**details, "logFiles": logs, "error": run.error, "warnings": []})


def get_secret(call: Call) -> Reply:
    value = call.workspace.secrets.get(call.steps[0])
    if value is None:
        return Reply(404, azure_error("SecretNotFound", f"A secret with (name/id) {call.steps[0]} was not found."))
    return Reply(200, {"value": value, "id": f"https://vault/secrets/{call.steps[0]}/1"})


def openid_configuration(call: Call) -> Reply:
    authority = f"https://login.microsoftonline.com/{TENANT}"
    return Reply(
        200,
        {
            "issuer": f"{authority}/v2.0",
            "token_endpoint": f"{authority}/oauth2/v2.0/token",
            "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
        },
    )


def instance_discovery(call: Call) -> Reply:
    host = "login.microsoftonline.com"
    found = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
    address = f"https://{host}/{TENANT}/v2.0/.well-known/openid-configuration"
    return Reply(200, {"tenant_discovery_endpoint": address, "metadata": [found]})


def token(call: Call) -> Reply:
    """A token for a service principal."""
    workspace, seconds = call.workspace, call.workspace.token_seconds
    name = f"token-of-the-principal-{len(workspace.token_ends)}"
    workspace.token_ends[name] = time.time() + seconds
    return Reply(200, {"token_type": "Bearer", "expires_in": int(seconds), "access_token": name})


ROUTES: list[Route] = [
    ("GET", "/discovery", discovery),
    ("GET", "/metadata/endpoints", clouds),
    ("GET", rf"{_HISTORY}/runs/([^/]+)/details", run_details),
    ("GET", "/secrets/([^/]+)/?", get_secret),
    ("GET", r"/.*/openid-configuration", openid_configuration),
    ("GET", "/common/discovery/instance", instance_discovery),
    ("POST", "/.*/oauth2/v2.0/token", token),
]
