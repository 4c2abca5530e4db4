"""The language server: what the protocol says, put into what the features know, and back.

This is the one place that knows the protocol's shapes. Nothing else of the server does more than answer functions of a
document and an offset. What a feature needs is imported when it is first asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from olivine_schemas.lines import Units
from olivine_schemas.problems import Problem, Severity

from .features.diagnostics import DEPRECATED, UNNECESSARY, diagnostics
from .positions import Positions, negotiated
from .rpc import Connection
from .settings import Settings, read_settings
from .workspace import Document, Workspace, path_of

DOCUMENTATION = "https://olivine.dev/docs/diagnostics.html"
"""The manual of diagnostics; a section a code."""
WATCHED = "**/*.{json,jsonl,csv,parquet,txt,yaml,yml,py,safetensors}"
"""Files whose change may change what is said of a config."""

Json = dict[str, Any]

_SEVERITIES = {Severity.ERROR: 1, Severity.WARNING: 2, Severity.INFORMATION: 3, Severity.HINT: 4}
_INCREMENTAL = 2


class Server:
    """One client, its documents and its settings."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.workspace = Workspace()
        self.settings = Settings()
        self.units: Units = "utf-16"
        self.client: Json = {}
        self.published: dict[str, Document] = {}
        """The version of each document whose diagnostics were pushed."""

    @property
    def handlers(self) -> dict[str, Callable[[Any], Any]]:
        """What is answered, by method."""
        return {
            "initialize": self.initialize,
            "initialized": self.initialized,
            "textDocument/didOpen": self.did_open,
            "textDocument/didChange": self.did_change,
            "textDocument/didSave": self.files_changed,
            "textDocument/didClose": self.did_close,
            "workspace/didChangeConfiguration": self.did_change_configuration,
            "workspace/didChangeWatchedFiles": self.files_changed,
            "textDocument/diagnostic": self.diagnostic,
        }

    # Life

    def initialize(self, params: Json) -> Json:
        """Agree on what client and server can do."""
        self.client = params.get("capabilities") or {}
        self.units = negotiated(self._can("general", "positionEncodings"))
        folders = params.get("workspaceFolders") or [{"uri": params.get("rootUri") or ""}]
        self.workspace.root = path_of(folders[0]["uri"])
        self._set(read_settings(params.get("initializationOptions")))
        return {"capabilities": self._capabilities(), "serverInfo": {"name": "olivine"}}

    def _capabilities(self) -> Json:
        return {
            "positionEncoding": self.units,
            "textDocumentSync": {"openClose": True, "change": _INCREMENTAL, "save": True},
            "diagnosticProvider": {
                "identifier": "olivine",
                "interFileDependencies": False,
                "workspaceDiagnostics": False,
            },
        }

    def initialized(self, params: Any) -> None:
        """Ask for the settings, and to be told of files that change."""
        self._ask_for_settings()
        if self._can("workspace", "didChangeWatchedFiles", "dynamicRegistration"):
            options = {"watchers": [{"globPattern": WATCHED}]}
            wish = {"id": "files", "method": "workspace/didChangeWatchedFiles", "registerOptions": options}
            self.connection.request("client/registerCapability", {"registrations": [wish]})

    def _can(self, *path: str) -> Any:
        """What the client says of a capability."""
        found: Any = self.client
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    # Settings

    def did_change_configuration(self, params: Json) -> None:
        """Take new settings, or ask for them."""
        if isinstance(params.get("settings"), dict) and "olivine" in params["settings"]:
            self._take_settings(params["settings"])
        else:
            self._ask_for_settings()

    def _ask_for_settings(self) -> None:
        if self._can("workspace", "configuration"):
            asked = {"items": [{"section": "olivine"}]}
            self.connection.request("workspace/configuration", asked, self._take_answered_settings)

    def _take_answered_settings(self, result: Any) -> None:
        if isinstance(result, list) and result and isinstance(result[0], dict):
            self._take_settings(result[0])

    def _take_settings(self, given: Json) -> None:
        if (settings := read_settings(given)) != self.settings:
            self._set(settings)
            self.files_changed(None)

    def _set(self, settings: Settings) -> None:
        self.settings = settings
        self.workspace.use_facts = settings.facts

    # Documents

    def did_open(self, params: Json) -> None:
        """Take a document in."""
        given = params["textDocument"]
        self.workspace.open(given["uri"], given.get("languageId", ""), given.get("version", 0), given["text"])

    def did_change(self, params: Json) -> None:
        """Change a document; nothing is checked before the messages that wait are read."""
        given = params["textDocument"]
        document = self.workspace.get(given["uri"])
        for change in params["contentChanges"] if document else ():
            assert document is not None
            text = change["text"]
            if "range" in change:
                span = self._positions(document).span(change["range"])
                text = document.text[: span.start] + text + document.text[span.end :]
            document = self.workspace.change(given["uri"], given.get("version") or 0, text)

    def did_close(self, params: Json) -> None:
        """Let go of a document, and of what was said of it."""
        uri = params["textDocument"]["uri"]
        if self.workspace.close(uri) and self.published.pop(uri, None):
            self.connection.notify("textDocument/publishDiagnostics", {"uri": uri, "diagnostics": []})

    def files_changed(self, params: Any) -> None:
        """Look again at what lies around the documents."""
        self.workspace.refresh()
        if self._can("workspace", "diagnostics", "refreshSupport"):
            self.connection.request("workspace/diagnostic/refresh", None)

    def _positions(self, document: Document) -> Positions:
        return Positions(document.lines, self.units)

    # Diagnostics

    def idle(self) -> None:
        """Push the diagnostics of what has changed, to clients that do not ask for them."""
        if self._can("textDocument", "diagnostic") is not None:
            return
        for document in self.workspace:
            if self.published.get(document.uri) is not document:
                self.published[document.uri] = document
                items = self._diagnostics(document)
                told = {"uri": document.uri, "version": document.version, "diagnostics": items}
                self.connection.notify("textDocument/publishDiagnostics", told)

    def diagnostic(self, params: Json) -> Json:
        """The diagnostics of a document, or that they are what they were."""
        document = self.workspace.get(params["textDocument"]["uri"])
        items = self._diagnostics(document) if document else []
        result = f"{hash(json.dumps(items)):x}"
        if params.get("previousResultId") == result:
            return {"kind": "unchanged", "resultId": result}
        return {"kind": "full", "resultId": result, "items": items}

    def _diagnostics(self, document: Document) -> list[Json]:
        positions = self._positions(document)
        return [self._diagnostic(positions, each) for each in diagnostics(document, self.settings.severities)]

    def _diagnostic(self, positions: Positions, problem: Problem) -> Json:
        tags = [1] * (problem.code in UNNECESSARY) + [2] * (problem.code in DEPRECATED)
        return {
            "range": positions.range(problem.span),
            "severity": _SEVERITIES[problem.severity],
            "code": problem.code,
            "codeDescription": {"href": f"{DOCUMENTATION}#{problem.code}"},
            "source": "olivine",
            "message": problem.message,
            **({"tags": tags} if tags else {}),
        }
