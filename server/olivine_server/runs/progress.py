"""The bar that an editor shows for work that takes long, with its button to stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Client:
    """What runs need of the editor."""

    notify: Callable[[str, Any], None]
    request: Callable[..., None]
    """Takes a method, params and what to do with the answer."""
    can: Callable[..., Any]
    """What the client says of a capability, by path."""


class Bar:
    """One bar. Nothing is shown by a client that cannot, or before it has agreed to."""

    def __init__(self, client: Client, token: str, title: str) -> None:
        self._client = client
        self.token = token
        self._title = title
        self._agreed = False
        self._shown: Json = {}
        if client.can("window", "workDoneProgress"):
            client.request("window/workDoneProgress/create", {"token": token}, self._on_agreed)

    def show(self, message: str, percent: int | None = None) -> None:
        """Show how far the work is, unless it shows so already; `percent` None where that is not known."""
        share = {} if percent is None else {"percentage": percent}
        value: Json = {"cancellable": True, "message": message, **share}
        if not self._agreed or value == self._shown:
            return
        begin = {"kind": "report"} if self._shown else {"kind": "begin", "title": self._title}
        self._shown = value
        self._send({**begin, **value})

    def end(self, message: str) -> None:
        """Take the bar away."""
        if self._shown:
            self._send({"kind": "end", "message": message})
        self._agreed, self._shown = False, {}

    def _on_agreed(self, result: Any) -> None:
        self._agreed = True

    def _send(self, value: Json) -> None:
        self._client.notify("$/progress", {"token": self.token, "value": value})
