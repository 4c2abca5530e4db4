"""What a person can choose from at Azure ML: workspaces, and the computes, datastores and environments of one.

    python -m olivine_pipeline.hosts.azureml.listing < question

A question is `{"list": "computes", "workspace": {"subscription_id": …, …}, "cloud": null}`, the answer
`{"items": […]}`, or `{"message": …}` in the person's words. An editor asks so: it loads no packages of Azure itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from olivine_pipeline.errors import RunError

from .access import missing, quiet
from .clouds import cloud_of
from .request import Workspace

VERSION = "2024-10-01"
_GRAPH = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
_QUERY = (
    "resources | where type =~ 'microsoft.machinelearningservices/workspaces'"
    " | project name, resourceGroup, subscriptionId, location | order by name asc"
)
Item = dict[str, Any]
Ask = Callable[..., dict[str, Any]]


def main() -> int:
    """Answer the question on standard input."""
    question = json.loads(sys.stdin.read())
    names = question.get("workspace") or {"subscription_id": "", "resource_group": "", "workspace_name": ""}
    workspace = Workspace(**names, cloud=cloud_of(question.get("cloud")))
    try:
        print(json.dumps({"items": items(question["list"], workspace)}))
    except RunError as error:
        print(json.dumps({"message": f"{error.message} {error.hint}".strip()}))
    return 0


def items(kind: str, workspace: Workspace) -> list[Item]:
    """The items of a kind, each with its name. `RunError` in the person's words."""
    ask = _asking(workspace)
    if kind == "workspaces":
        return list(_workspaces(ask))
    group = f"/subscriptions/{workspace.subscription_id}/resourceGroups/{workspace.resource_group}"
    path = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace.workspace_name}"
    read = {"computes": _compute, "datastores": _datastore, "environments": _environment}[kind]
    return [read(one) for one in _pages(ask, f"{path}/{kind}?api-version={VERSION}")]


def _asking(workspace: Workspace) -> Ask:
    """What asks the resource manager as the person who is signed in: a path or an address, and a body."""
    try:
        with quiet():
            from azure.core import PipelineClient
            from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
            from azure.core.rest import HttpRequest

            from .credentials import credential_for
    except ModuleNotFoundError as error:
        raise missing() from error
    from .refusals import refusal

    signed_in = BearerTokenCredentialPolicy(credential_for(workspace), workspace.cloud.audience)
    base = f"https://{workspace.cloud.management}"
    client: Any = PipelineClient(base, policies=[RetryPolicy(retry_total=2), signed_in])

    def ask(path: str, body: Any = None) -> dict[str, Any]:
        url = path if path.startswith("https://") else f"{base}{path}"
        try:
            answer = client.send_request(HttpRequest("POST" if body else "GET", url, json=body), read_timeout=60)
            answer.raise_for_status()
            return dict(answer.json())
        except Exception as error:
            raise refusal(error, workspace) from error

    return ask


def _workspaces(ask: Ask) -> Iterator[Item]:
    body: dict[str, Any] = {"query": _QUERY, "options": {"resultFormat": "objectArray"}}
    while True:
        page = ask(_GRAPH, body)
        for one in page.get("data") or []:
            yield {
                "name": one["name"],
                "resource_group": one["resourceGroup"],
                "subscription_id": one["subscriptionId"],
                "detail": f"{one['resourceGroup']}, {one.get('location', '')}",
            }
        if not page.get("$skipToken"):
            return
        body["options"]["$skipToken"] = page["$skipToken"]


def _pages(ask: Ask, path: str) -> Iterator[Item]:
    page = ask(path)
    while True:
        yield from page.get("value") or []
        if not page.get("nextLink"):
            return
        page = ask(page["nextLink"])


def _compute(one: Item) -> Item:
    properties = one.get("properties") or {}
    inner = properties.get("properties") or {}
    size = str(inner.get("vmSize") or "")
    nodes = (inner.get("scaleSettings") or {}).get("maxNodeCount")
    words = [properties.get("computeType"), size, f"up to {nodes} nodes" if nodes else ""]
    # Sizes of the N series have GPUs.
    return {"name": one["name"], "detail": ", ".join(filter(None, words)), "gpu": size.upper().startswith("STANDARD_N")}


def _datastore(one: Item) -> Item:
    properties = one.get("properties") or {}
    words = [properties.get("datastoreType"), "default" if properties.get("isDefault") else ""]
    return {"name": one["name"], "detail": ", ".join(filter(None, words))}


def _environment(one: Item) -> Item:
    latest = (one.get("properties") or {}).get("latestVersion")
    return {"name": one["name"], "detail": f"version {latest}" if latest else ""}


if __name__ == "__main__":
    sys.exit(main())
