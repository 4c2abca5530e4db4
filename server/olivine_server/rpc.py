"""JSON-RPC over two streams: messages in order, one at a time, each request answered exactly once.

One thread reads; the other handles, so that a `$/cancelRequest` is known before its request is begun. This is all that
a server of short requests needs; importing a framework for it would take longer than checking a config.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any, BinaryIO

Handler = Callable[[Any], Any]

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INTERNAL_ERROR = -32700, -32600, -32601, -32603
NOT_INITIALIZED, REQUEST_CANCELLED, REQUEST_FAILED = -32002, -32800, -32803
MAX_MESSAGE = 64 << 20
"""Bytes; what is longer is skipped."""

_ERROR = 1


class RpcError(Exception):
    """What a handler raises to answer a request with an error of its own choice."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Connection:
    """The two streams to a client."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._write_lock = threading.Lock()
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._cancelled: set[Any] = set()
        self._awaited: dict[int, Handler] = {}
        self._next_id = 0
        self._logged: set[str] = set()
        self._state = "new"

    def notify(self, method: str, params: Any) -> None:
        """Tell the client something. Any thread may."""
        self._send({"method": method, "params": params})

    def request(self, method: str, params: Any, then: Handler = lambda result: None) -> None:
        """Ask the client something; `then` gets the result, and is not called if the client answers an error."""
        self._next_id += 1
        self._awaited[self._next_id] = then
        self._send({"id": self._next_id, "method": method, "params": params})

    def serve(self, handlers: Mapping[str, Handler], idle: Callable[[], None] = lambda: None) -> int:
        """Handle messages until the client leaves; the exit code. `idle` runs whenever no message waits."""
        threading.Thread(target=self._read_all, daemon=True).start()
        while True:
            message = self._inbox.get()
            if message is None or (isinstance(message, dict) and message.get("method") == "exit"):
                return 0 if self._state == "shutdown" else 1
            self._handle(message, handlers)
            if self._inbox.empty():
                self._guarded("idle", lambda _: idle(), None)

    # One message

    def _handle(self, message: Any, handlers: Mapping[str, Handler]) -> None:
        if not isinstance(message, dict):
            self._answer_error(None, INVALID_REQUEST, "This is no message")
        elif "method" not in message:
            self._handle_response(message)
        elif "id" in message:
            self._handle_request(message["id"], str(message["method"]), message.get("params"), handlers)
        elif message["method"] in handlers and self._state == "initialized":
            self._guarded(message["method"], handlers[message["method"]], message.get("params"))

    def _handle_response(self, message: dict[str, Any]) -> None:
        answer = message.get("id")
        then = self._awaited.pop(answer, None) if isinstance(answer, int) else None
        if then is not None and "error" not in message:
            self._guarded("response", then, message.get("result"))

    def _handle_request(self, id_: Any, method: str, params: Any, handlers: Mapping[str, Handler]) -> None:
        if _key(id_) in self._cancelled:
            self._cancelled.discard(_key(id_))
            self._answer_error(id_, REQUEST_CANCELLED, "Cancelled")
        elif self._state == "shutdown":
            self._answer_error(id_, INVALID_REQUEST, "The server is shutting down")
        elif method == "shutdown":
            self._state = "shutdown"
            self._send({"id": id_, "result": None})
        elif self._state == "new" and method != "initialize":
            self._answer_error(id_, NOT_INITIALIZED, "The first request is initialize")
        elif method not in handlers:
            self._answer_error(id_, METHOD_NOT_FOUND, f"There is no {method}")
        else:
            self._state = "initialized"
            self._answer(id_, method, handlers[method], params)
            self._cancelled.discard(_key(id_))

    def _answer(self, id_: Any, method: str, handler: Handler, params: Any) -> None:
        try:
            body = _encoded({"id": id_, "result": handler(params)})
        except RpcError as error:
            self._answer_error(id_, error.code, error.message)
        except Exception as error:  # the guard: one request that fails must not take the others with it
            self._log(method)
            self._answer_error(id_, INTERNAL_ERROR, f"{method} failed: {type(error).__name__}: {error}")
        else:
            self._write(body)

    def _answer_error(self, id_: Any, code: int, message: str) -> None:
        self._send({"id": id_, "error": {"code": code, "message": message}})

    def _guarded(self, what: str, handler: Handler, argument: Any) -> None:
        try:
            handler(argument)
        except Exception:
            self._log(what)

    def _log(self, what: str) -> None:
        """Tell of the exception being handled, the first time it happens."""
        report = traceback.format_exc()
        if report not in self._logged:
            self._logged.add(report)
            print(report, file=sys.stderr)
            self.notify("window/logMessage", {"type": _ERROR, "message": f"{what} failed.\n{report}"})

    # Streams

    def _read_all(self) -> None:
        """Put every message into the inbox, and None at the end of the stream."""
        try:
            while (body := self._read_body()) is not None:
                try:
                    message = json.loads(body)
                except (ValueError, RecursionError):
                    self._answer_error(None, PARSE_ERROR, "The message is no JSON")
                    continue
                if isinstance(message, dict) and message.get("method") == "$/cancelRequest":
                    params = message.get("params")
                    self._cancelled.add(_key(params.get("id") if isinstance(params, dict) else None))
                else:
                    self._inbox.put(message)
                    if isinstance(message, dict) and message.get("method") == "exit":
                        return  # a thread that reads on would keep the process from ending
        except (OSError, ValueError):  # the stream is gone
            pass
        self._inbox.put(None)

    def _read_body(self) -> bytes | None:
        """The bytes of the next message; None at the end of the stream."""
        while True:
            length = None
            while (line := self._reader.readline()) not in (b"\r\n", b"\n"):
                if not line:
                    return None
                name, _, value = line.partition(b":")
                if name.strip().lower() == b"content-length" and value.strip().isdigit():
                    length = int(value)
            if length is not None and length <= MAX_MESSAGE:
                return self._reader.read(length)
            while length:
                length -= len(self._reader.read(min(length, 1 << 20)) or b" " * length)

    def _send(self, message: dict[str, Any]) -> None:
        self._write(_encoded(message))

    def _write(self, body: bytes) -> None:
        with self._write_lock:
            try:
                self._writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                self._writer.flush()
            except (OSError, ValueError):  # the client is gone; the reading thread ends the server
                pass


def _key(id_: Any) -> str:
    """Ids that can be kept in a set, whatever a client makes up; 1 and "1" are two."""
    return repr(id_)


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode("ascii")
