"""An editor for tests: speaks to the real server over its standard streams and keeps what it is told."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from typing import Any

Json = dict[str, Any]
SECONDS = 240
"""How long an answer may take on a machine that is very busy, before the server counts as stuck."""
PULL: Json = {"textDocument": {"diagnostic": {}}}


class ServerGone(Exception):
    """The server has closed its output."""


class Editor:
    """One server process, or a Python `script` in its place.

    Answers its requests from `settings`; errors of its handlers end up in `logged`.
    """

    def __init__(self, *arguments: str, settings: Any = None, script: str | None = None) -> None:
        command = [sys.executable, *(["-m", "olivine_server"] if script is None else ["-c", script]), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.settings = settings
        self.logged: list[str] = []
        self.asked: list[Json] = []
        self.replies: Json = {}
        """What the person chooses, by the method that asks."""
        self._inbox: queue.Queue[Json | None] = queue.Queue()
        self._notes: list[Json] = []
        self._answers: dict[Any, Json] = {}
        self._last_id = 0
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Editor:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

    # Talking

    def start(self, capabilities: Json | None = None, **params: Any) -> Json:
        """Initialize; what the server says it can do."""
        given = {"processId": None, "rootUri": None, "capabilities": capabilities or {}, **params}
        result: Json = self.request("initialize", given)
        self.notify("initialized", {})
        return result

    def stop(self) -> int:
        """Leave as an editor does; the server's exit code."""
        self.request("shutdown", None)
        self.notify("exit", None)
        return self.process.wait(SECONDS)

    def open(self, uri: str, text: str, language: str = "olive-config") -> None:
        """Open a document."""
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, uri: str, version: int, *changes: Json) -> None:
        """Change a document."""
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})

    def ask(self, method: str, uri: str, **params: Any) -> Any:
        """Ask about a document."""
        return self.request(f"textDocument/{method}", {"textDocument": {"uri": uri}, **params})

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    def begin(self, method: str, params: Any) -> int:
        """Send a request without waiting; its id."""
        self._last_id += 1
        self.send({"id": self._last_id, "method": method, "params": params})
        return self._last_id

    def request(self, method: str, params: Any) -> Any:
        """Send a request; its result. AssertionError where the server answers an error."""
        answer = self.answer(self.begin(method, params))
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def answer(self, id_: Any) -> Json:
        """The answer to a request, result or error."""
        while id_ not in self._answers:
            self._receive()
        return self._answers.pop(id_)

    def note(self, method: str) -> Any:
        """The params of the next notification of a method."""
        while True:
            for note in self._notes:
                if note["method"] == method:
                    self._notes.remove(note)
                    return note["params"]
            self._receive()

    def diagnostics(self, version: int | None = None) -> list[Json]:
        """The next diagnostics that are pushed, or those of a version."""
        while True:
            told = self.note("textDocument/publishDiagnostics")
            if version is None or told.get("version") == version:
                found: list[Json] = told["diagnostics"]
                return found

    # Streams

    def send(self, message: Json) -> None:
        """Send a message."""
        self.send_body(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def send_body(self, body: bytes) -> None:
        """Send bytes as a message."""
        self.send_bytes(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def _receive(self) -> None:
        message = self._inbox.get(timeout=SECONDS)
        if message is None:
            raise ServerGone(f"exit code {self.process.wait(SECONDS)}")
        if "method" not in message:
            self._answers[message["id"]] = message
        elif "id" in message:
            self.asked.append(message)
            result = [self.settings] if message["method"] == "workspace/configuration" else None
            result = self.replies.get(message["method"], result)
            self.send({"id": message["id"], "result": result})
        elif message["method"] == "window/logMessage":
            self.logged.append(message["params"]["message"])
        else:
            self._notes.append(message)

    def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            while line := self.process.stdout.readline():
                length = int(line.split(b":")[1])
                while self.process.stdout.readline().strip():  # further headers
                    pass
                self._inbox.put(json.loads(self.process.stdout.read(length)))
        except (OSError, ValueError):
            pass
        self._inbox.put(None)
