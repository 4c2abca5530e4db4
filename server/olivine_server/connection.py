"""A connection to one client: pygls, with handlers that take and give the protocol's JSON as it is.

pygls reads, writes, frames, and pairs requests with answers. Its typed layer is left out: the shapes are made by
`shapes.py`, and the text of a document is kept by `workspace.py`, because pygls also splits lines where the protocol
does not. What is added here is that every request is answered once, in order, and that handlers run in a thread of
their own: messages are read meanwhile, so that a request cancelled in time is never begun.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from functools import partial
from typing import Any

import attrs
from cattrs import Converter
from lsprotocol.types import CANCEL_REQUEST, CancelParams, ResponseError, ResponseErrorMessage
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCProtocol,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
)
from pygls.server import JsonRPCServer

Handler = Callable[[Any], Any]

PAUSE = 0.005
"""Seconds after a message until the work that can wait is done."""

_ERROR = 1
_VERSION = JsonRPCProtocol.VERSION


class _State(Enum):
    NEW, READY, SHUTDOWN = range(3)


class Connection(JsonRPCServer):
    """Serves one client. `notify` and `request` are for handlers, whatever thread they run in."""

    def __init__(self) -> None:
        super().__init__(_PlainProtocol, _plain_converter, max_workers=1)
        self._worker = ThreadPoolExecutor(1)
        self._state = _State.NEW
        self._idle: Handler = lambda _: None
        self._pause: asyncio.TimerHandle | None = None
        self._logged: set[str] = set()
        logging.getLogger("pygls").setLevel(logging.CRITICAL)  # failures are logged here, for the person and once

    def serve(
        self, handlers: Mapping[str, Handler], idle: Callable[[], None], address: tuple[str, int] | None = None
    ) -> int:
        """Handle messages until the client leaves; the exit code.

        The client is at the standard streams, or comes to the TCP `address`. `idle` runs in a pause of the messages.
        """
        self._idle = lambda _: idle()
        self.feature("exit")(lambda params: self.shutdown())
        for method, handler in {**handlers, "shutdown": self._on_shutdown}.items():
            self.feature(method)(self._queued(method, handler))
        if address:
            logging.basicConfig(format="%(message)s")
            logging.getLogger("pygls.server").setLevel(logging.INFO)  # it tells where it listens
            self.start_tcp(*address)
        else:
            stdout, sys.stdout = sys.stdout, sys.stderr  # what anything prints must not get into the protocol
            self.start_io(sys.stdin.buffer, stdout.buffer)
        self._worker.shutdown(wait=False, cancel_futures=True)
        return 0 if self._state is _State.SHUTDOWN else 1

    def notify(self, method: str, params: Any) -> None:
        """Tell the client something."""
        self._loop.call_soon_threadsafe(self.protocol.notify, method, params)

    def request(self, method: str, params: Any, then: Handler = lambda result: None) -> None:
        """Ask the client something; `then` gets the result, and is not called if the client answers an error."""

        def answered(future: Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._worker.submit(self._call, f"answer to {method}", then, future.result())

        def send() -> None:
            self.protocol.send_request(method, params).add_done_callback(answered)

        self._loop.call_soon_threadsafe(send)

    # Handlers

    def _queued(self, method: str, handler: Handler) -> Callable[[Any], Coroutine[Any, Any, Any]]:
        """The handler as pygls calls it: it waits its turn, and until then it can be cancelled."""

        async def queued(params: Any) -> Any:
            self._loop = asyncio.get_running_loop()
            try:
                return await self._loop.run_in_executor(self._worker, self._call, method, handler, params)
            finally:
                self._pause = self._pause or self._loop.call_later(PAUSE, self._on_pause)

        return queued

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

    def _on_pause(self) -> None:
        self._pause = None
        self._worker.submit(self._call, "idle", self._idle, None)

    def _log(self, what: str) -> None:
        """Tell of the exception being handled, the first time it happens."""
        report = traceback.format_exc()
        if report not in self._logged:
            self._logged.add(report)
            print(report, file=sys.stderr)
            self.notify("window/logMessage", {"type": _ERROR, "message": f"{what} failed.\n{report}"})

    # Life

    def _on_shutdown(self, params: Any) -> None:
        self._state = _State.SHUTDOWN

    def shutdown(self) -> None:
        """Stop serving. pygls would leave a socket open, and from Python 3.12 on wait for it."""
        super().shutdown()  # type: ignore[no-untyped-call]
        if self.protocol.writer is not None:
            self.protocol.writer.close()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Answer what is no message; all else is answered and logged where it fails."""
        if source is JsonRpcException:
            answer = error if isinstance(error, JsonRpcException) else JsonRpcParseError("The message is no JSON")
            self.protocol._send_data(ResponseErrorMessage(error=answer.to_response_error()))


class _PlainProtocol(JsonRPCProtocol):
    """Only the envelope of a message gets a type."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        """An object anywhere in a message, as it is."""
        return data

    def handle_message(self, message: Any) -> None:
        """Handle a message of any shape; JsonRpcInvalidRequest where it is none."""
        if not isinstance(message, dict) or not isinstance(message.get("id", 0), str | int):
            raise JsonRpcInvalidRequest("This is no message")
        if "method" not in message:
            self._result_types.pop(message.get("id", 0), None)  # as the method above does in pygls
        super().handle_message(_enveloped(message))


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


def _plain_converter() -> Converter:
    """A converter for what pygls sends: envelopes, with JSON in them."""
    converter = Converter()
    for envelope in (JsonRPCNotification, JsonRPCRequestMessage, JsonRPCResponseMessage, ResponseErrorMessage):
        converter.register_unstructure_hook(envelope, partial(attrs.asdict, recurse=False))
    converter.register_unstructure_hook(ResponseError, lambda error: {"code": error.code, "message": error.message})
    return converter
