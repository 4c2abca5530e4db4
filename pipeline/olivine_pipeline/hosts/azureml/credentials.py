"""Who signs in to Azure: the editor that started this run, else the environment, else the Azure CLI.

No token is ever on a command line, in an environment variable or in a file.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Client
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, CredentialUnavailableError, DefaultAzureCredential, EnvironmentCredential

from .request import Workspace

SOCKET_VARIABLE = "OLIVINE_TOKENS"
"""Address of the local socket, on Windows the named pipe, at which the process that started this one gives tokens."""
ANSWER_SECONDS = 120
"""The person may have to sign in."""
_EARLY_SECONDS = 300
"""A token is renewed so long before it ends."""
_MANAGED = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT")
"""Variables of machines that have a managed identity; elsewhere asking for it takes 24 seconds to fail."""


def credential_for(workspace: Workspace) -> TokenCredential:
    """The credential of this process."""
    chain: list[TokenCredential] = []
    if os.environ.get(SOCKET_VARIABLE):
        chain.append(ParentCredential(os.environ[SOCKET_VARIABLE]))
    if workspace.credential_arguments:
        chain.append(DefaultAzureCredential(**workspace.credential_arguments))
        return Chain(chain)
    if os.environ.get("AZURE_CLIENT_ID") and os.environ.get("AZURE_TENANT_ID"):
        chain.append(EnvironmentCredential())
    chain.append(AzureCliCredential())
    managed = any(os.environ.get(name) for name in _MANAGED)
    chain.append(
        DefaultAzureCredential(
            exclude_cli_credential=True,
            exclude_environment_credential=True,
            exclude_managed_identity_credential=not managed,
            exclude_workload_identity_credential=not managed,
        )
    )
    return Chain(chain)


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
        reasons = []
        for credential in self._credentials:
            try:
                return credential.get_token(*scopes, **given)
            except ClientAuthenticationError as error:  # CredentialUnavailableError is one
                reasons.append(str(error.message).splitlines()[0])
        raise CredentialUnavailableError("; ".join(reasons))


class ParentCredential:
    """Asks the process that started this one, which is signed in. Where it is gone, others in the chain are asked."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **more: Any
    ) -> AccessToken:
        """A token; `CredentialUnavailableError` where the process is gone or has none."""
        question = {"scopes": list(scopes), "claims": claims, "tenant": tenant_id}
        try:
            with Client(self._address) as connection:
                connection.send_bytes(json.dumps(question).encode())
                if not connection.poll(ANSWER_SECONDS):
                    raise CredentialUnavailableError("The editor did not answer.")
                answer = json.loads(connection.recv_bytes())
            return AccessToken(str(answer["token"]), int(answer["expires"]))
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise CredentialUnavailableError(f"The editor gives no token ({type(error).__name__}).") from error
