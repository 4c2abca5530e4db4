"""The HTTP server of the double: finds the handler of a request, lets faults have their way, remembers everything."""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
import traceback
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from names import TENANT

from .clouds import Hosts
from .faults import azure_error
from .workspace import Request, Workspace, new_id


@dataclass(frozen=True)
class Call:
    """A request as handlers see it: `steps` are the groups of the route's pattern."""

    workspace: Workspace
    steps: tuple[str, ...]
    query: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Reply]
Route = tuple[str, str, Handler]
"""Method, pattern of the whole path, handler; the first that fits answers."""

_PUBLIC = re.compile(r"/discovery|/metadata/endpoints.*|/.*/oauth2/.*|/.*/openid-configuration|/common/discovery/.*")
_CHALLENGE = {
    "WWW-Authenticate": f'Bearer authorization_uri="https://login.microsoftonline.com/{TENANT}", error="invalid_token"'
}


class Service:
    """Answers on 127.0.0.1:`port` until it is closed."""

    def __init__(self, workspace: Workspace, routes: list[Route], hosts: Hosts) -> None:
        handler = type("Handler", (_Handler,), {"workspace": workspace, "routes": routes, "hosts": hosts})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True, name="service").start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    workspace: Workspace
    routes: list[Route]
    hosts: Hosts

    def answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(address.path)
        query = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
        body = _decoded(raw)
        fault = self.workspace.faults.answer(self.command, path)
        try:
            reply = self._reply(path, query, body) if fault is None or fault.after else None
        except Exception:
            traceback.print_exc()
            reply = Reply(500, azure_error("InternalServerError", traceback.format_exc()))
        if fault or reply is None:
            assert fault
            reply = Reply(fault.status, fault.body, fault.headers)
        with self.workspace.lock:
            self.workspace.requests.append(Request(self.command, path, query, body, reply.status))
        self._send(reply)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = answer  # noqa: N815

    def _reply(self, path: str, query: dict[str, str], body: Any) -> Reply:
        if not _PUBLIC.fullmatch(path) and (refused := self._unauthorized()):
            return refused
        for method, pattern, handler in self.routes:
            found = re.fullmatch(pattern, path)
            if found and method == self.command:
                return handler(Call(self.workspace, found.groups(), query, body))
        return Reply(404, azure_error("NotFound", f"the double has no route {self.command} {path}"))

    def _unauthorized(self) -> Reply | None:
        kind, _, token = (self.headers.get("Authorization") or "").partition(" ")
        if kind != "Bearer":
            return Reply(401, azure_error("AuthenticationFailed", "The 'Authorization' header is missing."), _CHALLENGE)
        with self.workspace.lock:
            self.workspace.tokens.add(token)
        if self.workspace.token_ends.get(token, time.time() + 1) < time.time():
            return Reply(401, azure_error("ExpiredAuthenticationToken", "The access token has expired."), _CHALLENGE)
        return None

    def _send(self, reply: Reply) -> None:
        data = b"" if reply.body is None else self.hosts.translated(json.dumps(reply.body)).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("x-ms-correlation-request-id", new_id())
        for name, value in reply.headers.items():
            self.send_header(name, self.hosts.translated(value))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """The requests are remembered; nothing is printed."""


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")
