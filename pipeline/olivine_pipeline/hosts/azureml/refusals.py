"""What Azure says when it refuses, in the person's words: what is wrong and which step to take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from olivine_pipeline.errors import RunError

from .request import Workspace

LOGIN = "Run `az login`, or sign in to Microsoft in the editor, and start again."
SEE_COMPUTES = "Correct aml_compute; `az ml compute list` shows what there is."
_ROLE = "Ask an owner of the workspace for the role AzureML Data Scientist, or run `az login` with another account."
_NAME = "Correct the name or the version in the config."
_KEYS = ("KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted")


def refusal(error: BaseException, workspace: Workspace) -> RunError:
    """The error of the person's that an exception of Azure's packages comes to."""
    status, text = status_of(error), " ".join(str(one) for one in causes(error))
    where = f"the workspace {workspace.workspace_name}"
    for needles, code, message, hint in _KNOWN:
        if any(needle in text for needle in needles):
            return RunError(code, message.format(where=where, first=first_line(error), ws=workspace), hint)
    if _is_sign_in(error) or status == 401:
        return RunError("azure-sign-in", "You are not signed in to Azure.", LOGIN)
    if status == 403:
        return RunError("azure-forbidden", f"Your account may not do this in {where}.", _ROLE)
    if status == 404:
        return RunError("azure-not-found", f"Azure ML has nothing of that name: {first_line(error)}", _NAME)
    if status == 429:
        return RunError("azure-busy", "Azure refuses more requests for now.", "Start again in some minutes.")
    if is_passing(error):
        return RunError("azure-unreachable", f"Azure cannot be reached: {first_line(error)}", "Start again later.")
    return RunError("azure-refused", f"Azure ML refuses this: {first_line(error)}")


_KNOWN: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        _KEYS,
        "azure-storage-keys",
        "The storage account of {where} accepts no keys, and the upload needs one.",
        "Let it allow keys, or let the workspace use identities, and get the role Storage Blob Data Contributor.",
    ),
    (
        ("SubscriptionNotFound", "InvalidSubscriptionId"),
        "azure-no-subscription",
        "There is no subscription {ws.subscription_id} that your account can see.",
        "Look at `az account list`, and correct azureml_client.subscription_id.",
    ),
    (
        ("ResourceGroupNotFound",),
        "azure-no-group",
        "There is no resource group {ws.resource_group} in the subscription.",
        "Correct azureml_client.resource_group.",
    ),
    (
        ("Microsoft.MachineLearningServices/workspaces/",),
        "azure-no-workspace",
        "There is no workspace {ws.workspace_name} in the resource group {ws.resource_group}.",
        "Correct azureml_client.workspace_name; `az ml workspace list` shows what there is.",
    ),
    (
        ("The compute target", "Compute not found", "ComputeNotFound"),
        "azure-no-compute",
        "Azure ML does not take the compute: {first}",
        SEE_COMPUTES,
    ),
    (
        ("QuotaExceeded", "quota"),
        "azure-quota",
        "The quota of the subscription does not suffice: {first}",
        "Ask for more under Quotas in the Azure portal, or choose another compute.",
    ),
    (
        ("AuthorizationPermissionMismatch", "AuthorizationFailure"),
        "azure-storage-role",
        "Your account may not use the storage behind {where}, or not from this network.",
        "Ask its owner for the role Storage Blob Data Reader, to upload Contributor, or `az login` as another.",
    ),
    (
        ("Could not find datastore",),
        "azure-no-datastore",
        "{first}",
        "Correct the datastore's name in the config.",
    ),
)


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an exception."""
    for one in causes(error):
        status = getattr(one, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def is_passing(error: BaseException) -> bool:
    """Whether the same request may go well later: no network, a timeout, too many requests, a fault of the service."""
    from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseError

    no_answer = (ServiceRequestError, ServiceResponseError, IncompleteReadError, ConnectionError, TimeoutError)
    status = status_of(error)
    if status is not None:
        return status in (408, 429) or status >= 500
    return any(isinstance(one, no_answer) for one in causes(error))


def is_signature(error: BaseException) -> bool:
    """Whether storage refuses a signature, which may have ended: another may do."""
    urls = (str(getattr(getattr(getattr(one, "response", None), "request", None), "url", "")) for one in causes(error))
    return status_of(error) == 403 and any("sig=" in url for url in urls)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and those it was made from."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [getattr(one, "inner_exception", None), one.__cause__, one.__context__]


def first_line(error: BaseException) -> str:
    """What an exception says, without codes and the lines that follow."""
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    text = str(message).strip()
    found = re.search(r"(?m)^Message: (.+)$", text)
    line = found[1] if found else text.splitlines()[0]
    return re.sub(r"^\(\w+\)\s*", "", line).strip()


def _is_sign_in(error: BaseException) -> bool:
    return any(
        type(one).__name__ in ("CredentialUnavailableError", "ClientAuthenticationError") for one in causes(error)
    )
