"""A connection to one client: pygls, with handlers that take and give the protocol's JSON as it is.

pygls reads, writes, frames, and pairs requests with answers. Its typed layer is left out: the shapes are made by
`shapes.py`, and the text of a document is kept by `workspace.py`, because pygls also splits lines where the protocol
does not. Of its two loops the blocking one is used: a message then wakes one thread and its answer another, where the
asynchronous one would wake five. What is added here is that every request is answered once, in order, and that handlers
run in a thread of their own: messages are read meanwhile, so that a cancelled request is answered at once, and its
handler is not begun, or stops where it looks.
"""

from __future__ import annotations

import contextlib
import json
import linecache
import logging
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from enum import Enum
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, current_thread
from typing import Any, BinaryIO

import attrs
from cattrs import Converter
from lsprotocol.types import CANCEL_REQUEST, CancelParams, ResponseError, ResponseErrorMessage
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcRequestCancelled,
    JsonRpcServerNotInitialized,
)
from pygls.io_ import StdoutWriter, run
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCProtocol,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
)
from pygls.server import JsonRPCServer

Handler = Callable[[Any], Any]

PAUSE = 0.005
"""Seconds without a message until the work that can wait is done."""

REQUEST_FAILED = -32803
"""The code of an error that says why something cannot be done."""

_ERROR = 1
_VERSION = JsonRPCProtocol.VERSION

linecache.clearcache()  # the source of every method that attrs has made for a type of the protocol: several megabytes


class _State(Enum):
    NEW, READY, SHUTDOWN = range(3)


class Connection(JsonRPCServer):
    """Serves one client. `notify` and `request` are for handlers, whatever thread they run in."""

    def __init__(self) -> None:
        super().__init__(_PlainProtocol, Converter)
        self._state = _State.NEW
        self._worker = _Worker()
        self._logged: set[str] = set()
        logging.getLogger("pygls").setLevel(logging.CRITICAL)  # failures are logged here, for the person and once

    @property
    def thread_pool(self) -> _Worker:  # type: ignore[override]
        """What runs the handlers."""
        return self._worker

    def serve(
        self, handlers: Mapping[str, Handler], idle: Callable[[], None], address: tuple[str, int] | None = None
    ) -> int:
        """Handle messages until the client leaves; the exit code.

        The client is at the standard streams, or comes to the TCP `address`. `idle` runs in a pause of the messages.
        """
        for method, handler in {**handlers, "shutdown": self._on_shutdown}.items():
            self.feature(method)(self.thread()(partial(self._call, method, handler)))
        if address:
            with socket.create_server(address) as listener:
                print("Serving on {}:{}".format(*listener.getsockname()), file=sys.stderr, flush=True)
                client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client, client.makefile("rb") as reader, client.makefile("wb") as writer:
                return self._run(reader, writer, idle)
        stdout, sys.stdout = sys.stdout, sys.stderr  # what anything prints must not get into the protocol
        return self._run(sys.stdin.buffer, stdout.buffer, idle)

    def _run(self, reader: BinaryIO, writer: BinaryIO, idle: Callable[[], None]) -> int:
        """Read messages until there are no more; the exit code."""
        left = Event()
        self.feature("exit")(lambda params: left.set())
        self.protocol.set_writer(StdoutWriter(writer))
        self._worker.start(partial(self._call, "idle", lambda _: idle(), None))
        with contextlib.suppress(KeyboardInterrupt, OSError):
            run(left, reader, self.protocol, error_handler=self.report_server_error)
        code = 0 if self._state is _State.SHUTDOWN else 1
        self._state = _State.SHUTDOWN  # what waits is refused
        self._worker.stop()
        self.protocol.writer = None  # a thread that still runs must not write while Python ends
        return code

    def notify(self, method: str, params: Any) -> None:
        """Tell the client something."""
        self.protocol.notify(method, params)

    def request(self, method: str, params: Any, then: Handler = lambda result: None) -> None:
        """Ask the client something; `then` gets the result, and is not called if the client answers an error."""

        def answered(future: Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._worker.submit(self._call, f"answer to {method}", then, future.result())

        self.protocol.send_request(method, params).add_done_callback(answered)

    def stop_if_cancelled(self) -> None:
        """For a handler, now and then: go no further where the client does not want the answer any more."""
        if self._worker.is_cancelled():
            raise JsonRpcRequestCancelled

    def in_thread(self, what: str, call: Callable[[], Any]) -> Future[Any]:
        """Run a call that takes long in a thread of its own. A handler that returns the future answers its result."""
        future: Future[Any] = Future()
        guarded = partial(self._call, what, lambda _: call(), None)
        Thread(target=_settle, args=(future, guarded), name=what, daemon=True).start()
        return future

    def _call(self, method: str, handler: Handler, params: Any) -> Any:
        """Run a handler. The guard: one that fails must not take the others with it."""
        if self._state is _State.SHUTDOWN:
            raise JsonRpcInvalidRequest("The server is shutting down")
        if self._state is _State.NEW and method != "initialize":
            raise JsonRpcServerNotInitialized("The first request is initialize")
        self._state = _State.READY
        try:
            return handler(params)
        except JsonRpcException:
            raise
        except Exception as error:
            self._log(method)
            raise JsonRpcInternalError(f"{method} failed: {type(error).__name__}: {error}") from error

    def _log(self, what: str) -> None:
        """Tell of the exception being handled, the first time it happens."""
        report = traceback.format_exc()
        if report not in self._logged:
            self._logged.add(report)
            print(report, file=sys.stderr)
            self.notify("window/logMessage", {"type": _ERROR, "message": f"{what} failed.\n{report}"})

    def _on_shutdown(self, params: Any) -> None:
        self._state = _State.SHUTDOWN

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Answer what is no message, log an answer that is no JSON; all else is told of where it fails."""
        if source is JsonRpcInternalError:
            self._log("an answer")
        if source is JsonRpcException:
            answer = error if isinstance(error, JsonRpcException) else JsonRpcParseError("The message is no JSON")
            self.protocol._send_data(ResponseErrorMessage(error=answer.to_response_error()))


class _Worker:
    """The thread that handlers run in, one at a time."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._serving: Future[Any] = Future()
        self._thread: Thread | None = None

    def submit(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """Let a call wait its turn. Its future can be cancelled until it has a result, also while it runs."""
        future: Future[Any] = Future()
        self._calls.put((future, partial(call, *args)))
        return future

    def is_cancelled(self) -> bool:
        """For the call that runs: whether its result is not wanted any more."""
        return current_thread() is self._thread and self._serving.cancelled()

    def start(self, idle: Callable[[], Any]) -> None:
        """Run what comes, and `idle` once whenever nothing has come for a while."""
        self._thread = Thread(target=self._work, args=(idle,))
        self._thread.start()

    def stop(self) -> None:
        """Stop after the calls that wait."""
        self._calls.put(None)
        if self._thread:
            self._thread.join()

    def _work(self, idle: Callable[[], Any]) -> None:
        rested = True
        while True:
            try:
                waiting = self._calls.get(timeout=None if rested else PAUSE)
                rested = False
            except Empty:
                waiting = Future(), idle
                rested = True
            if waiting is None:
                return
            self._serving = waiting[0]
            _settle(*waiting)


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    """Give a future its result, unless it is cancelled before that."""
    if future.cancelled():
        return
    with contextlib.suppress(InvalidStateError):  # cancelled while the call ran
        try:
            result = call()
        except Exception as error:
            future.set_exception(error)
        else:
            if isinstance(result, Future):
                result.add_done_callback(partial(_pass_on, future))
            else:
                future.set_result(result)


def _pass_on(future: Future[Any], done: Future[Any]) -> None:
    """Give a future the result of another."""
    _settle(future, done.result)


class _PlainProtocol(JsonRPCProtocol):
    """Only the envelope of a message gets a type."""

    def __init__(self, server: JsonRPCServer, converter: Converter) -> None:
        super().__init__(server, converter)
        self._writing = Lock()

    def structure_message(self, data: dict[str, Any]) -> Any:
        """An object anywhere in a message, as it is."""
        return data

    def handle_message(self, message: Any) -> None:
        """Handle a message of any shape; JsonRpcInvalidRequest where it is none."""
        if not isinstance(message, dict) or not isinstance(message.get("id", 0), str | int):
            raise JsonRpcInvalidRequest("This is no message")
        if "method" not in message and self._result_types.pop(message.get("id", 0), self) is self:
            return  # nothing was asked by this id, though a request that waits may have it
        super().handle_message(_enveloped(message))

    def _send_data(self, data: Any) -> None:
        """Send an envelope, from any thread. An answer that is no JSON becomes an error."""
        try:
            body = _serialized(data)
        except (TypeError, ValueError) as error:
            self._server._report_server_error(error, JsonRpcInternalError)
            if not isinstance(data, JsonRPCResponseMessage):
                return
            failure = JsonRpcInternalError(f"The answer is no JSON: {error}").to_response_error()
            body = _serialized(ResponseErrorMessage(id=data.id, error=failure))
        with self._writing, contextlib.suppress(OSError):  # a client that has left is noticed where it is read from
            if self.writer is not None:
                self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


def _enveloped(message: dict[str, Any]) -> Any:
    """A message in the envelope by which pygls knows what it is."""
    id_, method, params = message.get("id", 0), str(message.get("method")), message.get("params")
    if "method" in message and "id" in message:
        return JsonRPCRequestMessage(id_, method, _VERSION, params)
    if "method" in message:
        return JsonRPCNotification(method, _VERSION, _cancelled(params) if method == CANCEL_REQUEST else params)
    if "error" in message:
        return ResponseErrorMessage(id_, ResponseError(JsonRpcException.CODE, str(message["error"])))
    return JsonRPCResponseMessage(id_, _VERSION, message.get("result"))


def _cancelled(params: Any) -> CancelParams:
    id_ = params.get("id") if isinstance(params, dict) else None
    if not isinstance(id_, str | int):
        raise JsonRpcInvalidRequest("A request is cancelled by its id")
    return CancelParams(id_)


def _serialized(envelope: Any) -> bytes:
    """A message as it is sent. TypeError or ValueError where what is in it is no JSON."""
    message = attrs.asdict(envelope, recurse=False)
    if isinstance(error := message.get("error"), ResponseError):
        message["error"] = attrs.asdict(error, filter=lambda field, value: value is not None)
    return json.dumps(message, separators=(",", ":")).encode()
