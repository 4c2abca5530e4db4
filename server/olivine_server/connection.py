"""A connection to one client: JSON-RPC messages in and out, and the thread that their handlers run in.

Handlers take and give the protocol's JSON as it is. They run one at a time, in the order of the messages, while the
next messages are read: so a request can be cancelled before its turn comes. Every request is answered once, whatever
happens. The libraries there are for this make a type of every message of the protocol when they are imported, which
takes three times as long as all else until the first diagnostics, and twice the memory.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from threading import Lock, Thread, local
from typing import Any, BinaryIO

Json = dict[str, Any]
Handler = Callable[[Any], Any]

PAUSE = 0.005
"""Seconds without a message until the work that can wait is done."""

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INTERNAL_ERROR = -32700, -32600, -32601, -32603
NOT_INITIALIZED, CANCELLED, REQUEST_FAILED = -32002, -32800, -32803

_ERROR = 1
_LENGTH = re.compile(rb"Content-Length:\s*(\d+)\s*", re.IGNORECASE)


class Failure(Exception):
    """A request is answered with this error; nothing is logged."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, **({} if data is None else {"data": data})}


@dataclass(frozen=True)
class Later:
    """What a handler returns if its answer takes long: work for a thread of its own, whose result is the answer."""

    name: str
    work: Callable[[], Any]


@dataclass(eq=False)
class _Request:
    """A request. Whoever takes it out of the open ones has to answer it."""

    id: str | int
    cancelled: bool = False


class _State(Enum):
    NEW, READY, SHUTDOWN = range(3)


class Connection:
    """Serves one client. `notify` and `request` are for handlers, whatever thread they run in."""

    def __init__(self) -> None:
        self._state = _State.NEW
        self._handlers: Mapping[str, Handler] = {}
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._open: dict[str | int, _Request] = {}
        self._asked: dict[str | int, tuple[str, Handler]] = {}
        self._ids = count(1)
        self._serving = local()
        self._writer: BinaryIO | None = None
        self._writing = Lock()
        self._logged: set[str] = set()

    def serve(
        self, handlers: Mapping[str, Handler], idle: Callable[[], None], address: tuple[str, int] | None = None
    ) -> int:
        """Handle messages until the client leaves; the exit code.

        The client is at the standard streams, or comes to the TCP `address`. `idle` runs in a pause of the messages.
        """
        self._handlers = {**handlers, "shutdown": self._on_shutdown}
        if address:
            with socket.create_server(address) as listener:
                print("Serving on {}:{}".format(*listener.getsockname()), file=sys.stderr, flush=True)
                client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client, client.makefile("rb") as reader, client.makefile("wb") as writer:
                return self._run(reader, writer, idle)
        stdout, sys.stdout = sys.stdout, sys.stderr  # what anything prints must not get into the protocol
        return self._run(sys.stdin.buffer, stdout.buffer, idle)

    def notify(self, method: str, params: Any) -> None:
        """Tell the client something."""
        self._send({"method": method, "params": params})

    def request(self, method: str, params: Any, then: Handler = lambda result: None) -> None:
        """Ask the client something; `then` gets the result, and is not called if the client answers an error."""
        id_ = next(self._ids)
        self._asked[id_] = method, then
        self._send({"id": id_, "method": method, "params": params})

    def stop_if_cancelled(self) -> None:
        """For a handler, now and then: go no further where the client does not want the answer any more."""
        request = getattr(self._serving, "request", None)
        if request is not None and request.cancelled:
            raise _cancelled()

    # Reading, in the main thread

    def _run(self, reader: BinaryIO, writer: BinaryIO, idle: Callable[[], None]) -> int:
        """Read messages until there are no more; the exit code."""
        self._writer = writer
        worker = Thread(target=self._work, args=(idle,))
        worker.start()
        with contextlib.suppress(KeyboardInterrupt, OSError):
            for body in _bodies(reader):
                if not self._receive(body):
                    break
        code = 0 if self._state is _State.SHUTDOWN else 1
        self._state = _State.SHUTDOWN  # what waits is refused
        self._calls.put(None)
        worker.join()
        with self._writing:
            self._writer = None  # a thread that still runs must not write while Python ends
        return code

    def _receive(self, body: bytes) -> bool:
        """Take a message in, whatever it is; whether more are to come."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self._reply(None, Failure(PARSE_ERROR, "The message is no JSON"))
            return True
        if not isinstance(message, dict) or not isinstance(message.get("id", 0), (str, int)):
            self._reply(None, Failure(INVALID_REQUEST, "This is no message"))
            return True
        method, params = str(message.get("method")), message.get("params")
        if "method" not in message:
            self._take_answer(message)
        elif "id" in message:
            self._take_request(_Request(message["id"]), method, params)
        elif method == "$/cancelRequest":
            self._cancel(params.get("id") if isinstance(params, dict) else None)
        elif method in self._handlers:
            self._calls.put(partial(self._outcome, method, self._handlers[method], params))
        return "id" in message or method != "exit"

    def _take_request(self, request: _Request, method: str, params: Any) -> None:
        if method in self._handlers:
            self._open[request.id] = request
            self._calls.put(partial(self._answer, request, method, self._handlers[method], params))
        else:
            self._reply(request.id, Failure(METHOD_NOT_FOUND, f"There is no method {method}"))

    def _take_answer(self, message: Json) -> None:
        asked = self._asked.pop(message.get("id", 0), None)
        if asked and "error" not in message:
            self._calls.put(partial(self._outcome, f"answer to {asked[0]}", asked[1], message.get("result")))

    def _cancel(self, id_: Any) -> None:
        """Answer a request as cancelled; its handler is not begun, or stops where it looks."""
        request = self._open.pop(id_, None) if isinstance(id_, (str, int)) else None
        if request:
            request.cancelled = True
            self._reply(request.id, _cancelled())

    # Handling, in the worker's thread

    def _work(self, idle: Callable[[], None]) -> None:
        """Run what comes, and `idle` once whenever nothing has come for a while."""
        rested = True
        while True:
            try:
                call = self._calls.get(timeout=None if rested else PAUSE)
            except Empty:
                call = partial(self._outcome, "idle", lambda _: idle(), None)
                rested = True
            else:
                rested = False
            if call is None:
                return
            call()

    def _answer(self, request: _Request, method: str, handler: Handler, params: Any) -> None:
        """Run the handler of a request and send what it returns."""
        if request.cancelled:
            return
        self._serving.request = request
        result = self._outcome(method, handler, params)
        self._serving.request = None
        wanted = self._open.pop(request.id, None) is request
        if isinstance(result, Later):
            Thread(target=self._answer_later, args=(request.id, result, wanted), name=result.name, daemon=True).start()
        elif wanted:
            self._reply(request.id, result)

    def _answer_later(self, id_: str | int, later: Later, wanted: bool) -> None:
        """Do what takes long, in a thread of its own. Once begun it is done to the end."""
        result = self._outcome(later.name, lambda _: later.work(), None)
        if wanted:
            self._reply(id_, result)

    def _outcome(self, what: str, handler: Handler, params: Any) -> Any:
        """What a handler returns, or the failure that it ends with."""
        try:
            return self._call(what, handler, params)
        except Failure as failure:
            return failure

    def _call(self, what: str, handler: Handler, params: Any) -> Any:
        """Run a handler. The guard: one that fails must not take the others with it."""
        if self._state is _State.SHUTDOWN:
            raise Failure(INVALID_REQUEST, "The server is shutting down")
        if self._state is _State.NEW and what != "initialize":
            raise Failure(NOT_INITIALIZED, "The first request is initialize")
        self._state = _State.READY
        try:
            return handler(params)
        except Failure:
            raise
        except Exception as error:
            self._log(what)
            raise Failure(INTERNAL_ERROR, f"{what} failed: {type(error).__name__}: {error}") from error

    def _log(self, what: str) -> None:
        """Tell of the exception being handled, the first time it happens."""
        report = traceback.format_exc()
        if report not in self._logged:
            self._logged.add(report)
            print(report, file=sys.stderr)
            self.notify("window/logMessage", {"type": _ERROR, "message": f"{what} failed.\n{report}"})

    def _on_shutdown(self, params: Any) -> None:
        self._state = _State.SHUTDOWN

    # Writing, in any thread

    def _reply(self, id_: str | int | None, result: Any) -> None:
        outcome = {"error": result.error} if isinstance(result, Failure) else {"result": result}
        try:
            self._send({"id": id_, **outcome})
        except Exception as error:  # an answer that is no JSON
            self._log("an answer")
            self._send({"id": id_, "error": Failure(INTERNAL_ERROR, f"The answer is no JSON: {error}").error})

    def _send(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
        with self._writing, contextlib.suppress(OSError):  # a client that has left is noticed where it is read from
            if self._writer is not None:
                self._writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
                self._writer.flush()


def _cancelled() -> Failure:
    return Failure(CANCELLED, "The request was cancelled")


def _bodies(reader: BinaryIO) -> Iterator[bytes]:
    """The messages of a stream, until it ends."""
    length = 0
    while line := reader.readline():
        if found := _LENGTH.fullmatch(line):
            length = int(found[1])
        elif length and not line.strip():
            body = reader.read(length)
            if len(body) < length:
                return
            yield body
            length = 0
