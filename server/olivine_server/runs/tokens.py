"""Tokens for a run whose work is in Azure: its process asks here, and the editor, where the person is signed in, gives.

The process asks at a local socket, on Windows a named pipe, and proves with a secret of its own that it is the one. It
has both from its environment. Nothing of that is written down, and no token is kept.
"""

from __future__ import annotations

import atexit
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client as Visitor
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from .progress import Client

ADDRESS_VARIABLE, SECRET_VARIABLE = "OLIVINE_TOKENS", "OLIVINE_TOKENS_SECRET"
SECONDS = 110
"""How long the editor may take: the person may have to sign in."""


class TokenGiver:
    """Gives one run's process its tokens until it is closed. Raises OSError where it has no place to listen."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self._secret = secrets.token_hex(32)
        self._folder = tempfile.mkdtemp(prefix="olivine-")  # of this person alone
        name = Path(self._folder).name
        self._address = rf"\\.\pipe\{name}" if sys.platform == "win32" else str(Path(self._folder, "tokens"))
        self._listener = Listener(self._address, authkey=self._secret.encode())
        self._closed = False
        atexit.register(self.close)
        Thread(target=self._serve, name=f"tokens {run_id}", daemon=True).start()

    @property
    def variables(self) -> Mapping[str, str]:
        """What the process has to find in its environment."""
        return {ADDRESS_VARIABLE: self._address, SECRET_VARIABLE: self._secret}

    def close(self) -> None:
        """Give no more."""
        atexit.unregister(self.close)
        self._closed = True
        with suppress(OSError, EOFError):
            Visitor(self._address).close()  # wakes who waits for one
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        with self._listener:
            while not self._closed:
                with suppress(OSError, EOFError, ValueError, AuthenticationError), self._listener.accept() as asking:
                    self._answer(asking)

    def _answer(self, asking: Connection) -> None:
        question = json.loads(asking.recv_bytes())
        told: SimpleQueue[Any] = SimpleQueue()
        self._client.request("olivine/token", {"runId": self._run_id, **question}, told.put)
        try:
            answer = told.get(timeout=SECONDS)
        except Empty:
            answer = None
        asking.send_bytes(json.dumps(answer if _is_token(answer) else {"message": "The editor gives none."}).encode())


def _is_token(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("token"), str) and isinstance(answer.get("expires"), int)
