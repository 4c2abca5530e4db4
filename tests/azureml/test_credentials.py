"""Who signs in: the process that started this one, and then others."""

from __future__ import annotations

import json
import threading
import time
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from olivine_pipeline.hosts.azureml.credentials import Chain, ParentCredential


class Giver:
    """A process that gives tokens, at a local socket: each question is kept."""

    def __init__(self, address: Path) -> None:
        self.questions: list[dict[str, Any]] = []
        self._listener = Listener(str(address))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            with self._listener.accept() as connection:
                self.questions.append(json.loads(connection.recv_bytes()))
                answer = {"token": f"token {len(self.questions)}", "expires": int(time.time()) + 3600}
                connection.send_bytes(json.dumps(answer).encode())


def test_a_token_is_asked_for_once_by_audience_and_again_when_refused(tmp_path: Path) -> None:
    giver = Giver(tmp_path / "socket")
    chain = Chain([ParentCredential(str(tmp_path / "socket"))])
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

    parent = ParentCredential(str(tmp_path / "nobody"))
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
