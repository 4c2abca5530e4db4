"""Who signs in to Azure: the editor that started this run, else the environment, else the Azure CLI.

No token is ever on a command line, in an environment variable or in a file.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from typing import Any

from azure.core import PipelineClient
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.core.rest import HttpRequest
from azure.identity import AzureCliCredential, CredentialUnavailableError, DefaultAzureCredential, EnvironmentCredential

from .refusals import is_passing
from .request import Workspace

ADDRESS_VARIABLE, SECRET_VARIABLE = "OLIVINE_TOKENS", "OLIVINE_TOKENS_SECRET"
"""The local socket, on Windows the named pipe, at which the process that started this one gives tokens to whoever has
the secret."""
ANSWER_SECONDS = 120
"""The person may have to sign in."""
_EARLY_SECONDS = 300
"""A token is renewed so long before it ends."""
_TENANT = re.compile(r'authorization_uri="https://[^/"]+/([^/"]+)')
_MANAGED = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT")
"""Variables of machines that have a managed identity; elsewhere asking for it takes 24 seconds to fail."""


def credential_for(workspace: Workspace) -> TokenCredential:
    """The credential of this process."""
    chain: list[TokenCredential] = []
    authority = workspace.cloud.authority
    if giver := token_giver():
        chain.append(ParentCredential(*giver, lambda: tenant_of(workspace)))
    if workspace.credential_arguments:
        chain.append(DefaultAzureCredential(**{"authority": authority, **workspace.credential_arguments}))
        return Chain(chain)
    if os.environ.get("AZURE_CLIENT_ID") and os.environ.get("AZURE_TENANT_ID"):
        chain.append(EnvironmentCredential(authority=authority))
    chain.append(AzureCliCredential())
    managed = any(os.environ.get(name) for name in _MANAGED)
    chain.append(
        DefaultAzureCredential(
            authority=authority,
            exclude_cli_credential=True,
            exclude_environment_credential=True,
            exclude_managed_identity_credential=not managed,
            exclude_workload_identity_credential=not managed,
        )
    )
    return Chain(chain)


@cache
def token_giver() -> tuple[str, bytes] | None:
    """Where tokens are given, and the secret for it. Taken out of the environment, for no child process needs it."""
    address, secret = os.environ.pop(ADDRESS_VARIABLE, ""), os.environ.pop(SECRET_VARIABLE, "")
    return (address, secret.encode()) if address else None


def tenant_of(workspace: Workspace) -> str | None:
    """The tenant of a workspace's subscription, which Azure tells whoever asks without a token; None if not."""
    if not workspace.subscription_id:
        return None
    url = f"https://{workspace.cloud.management}/subscriptions/{workspace.subscription_id}?api-version=2022-12-01"
    client: PipelineClient[Any, Any] = PipelineClient("", policies=[])
    with suppress(AzureError):
        answer = client.send_request(HttpRequest("GET", url), connection_timeout=10, read_timeout=10)
        found = _TENANT.search(answer.headers.get("WWW-Authenticate", ""))
        return found[1] if found else None
    return None


class Chain:
    """The first credential that has a token; tokens are kept until shortly before they end, or until one is refused."""

    def __init__(self, credentials: Sequence[TokenCredential]) -> None:
        self._credentials = credentials
        self._tokens: dict[tuple[Any, ...], AccessToken] = {}
        self._lock = threading.Lock()

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **more: Any,
    ) -> AccessToken:
        """A token for the audience. ClientAuthenticationError where nobody is signed in."""
        key = (*scopes, tenant_id)
        with self._lock:
            token = self._tokens.get(key)
            if token is None or claims or token.expires_on - time.time() < _EARLY_SECONDS:
                token = self._tokens[key] = self._ask(*scopes, claims=claims, tenant_id=tenant_id)
            return token

    def forget(self) -> None:
        """Ask again for every token: one was refused before its time."""
        with self._lock:
            self._tokens.clear()

    def _ask(self, *scopes: str, **wishes: Any) -> AccessToken:
        given = {name: value for name, value in wishes.items() if value}
        reasons: list[ClientAuthenticationError] = []
        for credential in self._credentials:
            try:
                return credential.get_token(*scopes, **given)
            except ClientAuthenticationError as error:  # CredentialUnavailableError is one
                reasons.append(error)
        text = "; ".join(str(error.message).splitlines()[0] for error in reasons)
        if any(is_passing(error) for error in reasons):  # who may be signed in, and could not show it
            raise ServiceRequestError(text)
        raise CredentialUnavailableError(text)


class ParentCredential:
    """Asks the process that started this one, which is signed in. Where it is gone, others in the chain are asked."""

    def __init__(self, address: str, secret: bytes, tenant: Callable[[], str | None] = lambda: None) -> None:
        """`tenant` finds whose tokens to ask for where nobody says."""
        self._address = address
        self._secret = secret
        self._find_tenant = tenant
        self._tenant: str | None = None

    def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **more: Any
    ) -> AccessToken:
        """A token; `CredentialUnavailableError` where the process is gone or has none."""
        if not tenant_id and self._tenant is None:
            self._tenant = self._find_tenant()
        question = {"scopes": list(scopes), "claims": claims, "tenant": tenant_id or self._tenant}
        try:
            with Client(self._address, authkey=self._secret) as connection:
                connection.send_bytes(json.dumps(question).encode())
                if not connection.poll(ANSWER_SECONDS):
                    raise CredentialUnavailableError("The editor did not answer.")
                answer = json.loads(connection.recv_bytes())
            return AccessToken(str(answer["token"]), int(answer["expires"]))
        except (OSError, EOFError, ValueError, KeyError, TypeError, AuthenticationError) as error:
            raise CredentialUnavailableError(f"The editor gives no token ({type(error).__name__}).") from error
