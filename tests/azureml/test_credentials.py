"""Who signs in: the process that started this one, and then others."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from configs import small_workspace

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.hosts.azureml.connection import Connection
from olivine_pipeline.hosts.azureml.credentials import (
    ADDRESS_VARIABLE,
    SECRET_VARIABLE,
    Chain,
    ParentCredential,
    token_giver,
)
from olivine_pipeline.hosts.azureml.host import prepare

SECRET = b"of this run alone"


class Giver:
    """A process that gives tokens, at a local socket: each question is kept."""

    def __init__(self, address: Path) -> None:
        self.questions: list[dict[str, Any]] = []
        self._listener = Listener(str(address), authkey=SECRET)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            with suppress(AuthenticationError, EOFError), self._listener.accept() as connection:
                self.questions.append(json.loads(connection.recv_bytes()))
                answer = {"token": f"token {len(self.questions)}", "expires": int(time.time()) + 3600}
                connection.send_bytes(json.dumps(answer).encode())


def test_a_token_is_asked_for_once_by_audience_and_again_when_refused(tmp_path: Path) -> None:
    giver = Giver(tmp_path / "socket")
    chain = Chain([ParentCredential(str(tmp_path / "socket"), SECRET)])
    assert chain.get_token("https://management.azure.com/.default").token == "token 1"
    assert chain.get_token("https://management.azure.com/.default").token == "token 1"
    assert chain.get_token("https://storage.azure.com/.default", tenant_id="mine").token == "token 2"
    assert giver.questions[1] == {"scopes": ["https://storage.azure.com/.default"], "claims": None, "tenant": "mine"}
    assert chain.get_token("https://management.azure.com/.default", claims="{}").token == "token 3"
    chain.forget()
    assert chain.get_token("https://management.azure.com/.default").token == "token 4"


def test_where_the_process_is_gone_the_next_one_is_asked(tmp_path: Path) -> None:
    class Other:
        def get_token(self, *scopes: str, **more: Any) -> AccessToken:
            return AccessToken("of the other", int(time.time()) + 3600)

    parent = ParentCredential(str(tmp_path / "nobody"), SECRET)
    assert Chain([parent, Other()]).get_token("a").token == "of the other"
    with pytest.raises(ClientAuthenticationError, match="editor"):
        Chain([parent]).get_token("a")


def test_a_token_is_renewed_before_it_ends() -> None:
    class Short:
        count = 0

        def get_token(self, *scopes: str, **more: Any) -> AccessToken:
            self.count += 1
            return AccessToken(f"token {self.count}", int(time.time()) + 60)

    chain = Chain([Short()])
    assert [chain.get_token("a").token, chain.get_token("a").token] == ["token 1", "token 2"]


def test_who_has_not_the_secret_gets_no_token(tmp_path: Path) -> None:
    giver = Giver(tmp_path / "socket")
    with pytest.raises(ClientAuthenticationError, match="editor"):
        ParentCredential(str(tmp_path / "socket"), b"another").get_token("a")
    assert giver.questions == []
    assert ParentCredential(str(tmp_path / "socket"), SECRET, lambda: "mine").get_token("a").token == "token 1"
    assert giver.questions[0]["tenant"] == "mine"


def test_the_secret_is_not_left_to_child_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, "here")
    monkeypatch.setenv(SECRET_VARIABLE, "of this run alone")
    token_giver.cache_clear()
    assert token_giver() == ("here", SECRET)
    assert token_giver() == ("here", SECRET)
    assert not {ADDRESS_VARIABLE, SECRET_VARIABLE} & set(os.environ)
    token_giver.cache_clear()


CLOUDS = {
    None: ("management.azure.com", "login.microsoftonline.com"),
    "AzureChinaCloud": ("management.chinacloudapi.cn", "login.chinacloudapi.cn"),
    "AzureUSGovernment": ("management.usgovcloudapi.net", "login.microsoftonline.us"),
}


@pytest.mark.parametrize(("name", "hosts"), CLOUDS.items())
@pytest.mark.parametrize("by", ["setting", "environment"])
def test_each_cloud_has_its_own_addresses(
    name: str | None, hosts: tuple[str, str], by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_workspace(tmp_path / "project") / "olive-config.json"
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", name if name and by == "environment" else "AzureCloud")
    if name and by == "setting":
        config = json.loads(path.read_text())
        config["azureml_client"]["cloud"] = name
        path.write_text(json.dumps(config))
    connection = Connection(prepare(path).request.workspace, Cancel())
    cloud = connection.workspace.cloud
    assert (cloud.management, cloud.authority) == hosts
    # What the client of Azure ML itself talks to.
    assert connection._client._base_url.rstrip("/") == f"https://{hosts[0]}"
