"""The language server: its life, its documents and their diagnostics.

`answers.py` holds the requests about one document, `shapes.py` the shapes of the protocol: together the three are all
that knows the protocol; `connection.py` carries its messages. They are read in order of need, so that the first
diagnostics come soon.
"""

from __future__ import annotations

import importlib
import marshal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from olivine_schemas.lines import Units

from . import shapes
from .connection import Connection
from .features.diagnostics import diagnostics
from .positions import Positions, negotiated
from .runs.arguments import COMMANDS
from .settings import Settings, read_settings
from .shapes import Json
from .workspace import Document, Workspace, path_of

if TYPE_CHECKING:
    from .features.lenses import LastRun
    from .runs.commands import Runs

PATIENCE = 1.0
"""Seconds until runs are looked for where no config is open, and between two looks for the first run."""
WATCHED = "**/*.{json,jsonl,csv,parquet,txt,yaml,yml,py,safetensors}"
"""Files whose change may change what is said of a config."""

_INCREMENTAL = 2
_CAPABILITIES: Json = {
    "textDocumentSync": {"openClose": True, "change": _INCREMENTAL, "save": True},
    "diagnosticProvider": {"identifier": "olivine", "interFileDependencies": False, "workspaceDiagnostics": False},
    "completionProvider": {"triggerCharacters": ['"', ":", "{", "/", ".", ","]},
    "codeActionProvider": {
        "codeActionKinds": ["quickfix", "refactor.extract", "refactor.rewrite", "source.fixAll.olivine"]
    },
    "codeLensProvider": {},
    "definitionProvider": True,
    "documentFormattingProvider": True,
    "documentHighlightProvider": True,
    "documentLinkProvider": {},
    "documentRangeFormattingProvider": True,
    "documentSymbolProvider": True,
    "executeCommandProvider": {"commands": list(COMMANDS)},
    "foldingRangeProvider": True,
    "hoverProvider": True,
    "inlayHintProvider": True,
    "referencesProvider": True,
    "renameProvider": {"prepareProvider": True},
    "selectionRangeProvider": True,
    "workspace": {"workspaceFolders": {"supported": True, "changeNotifications": True}},
}
_QUESTIONS = (
    "codeAction",
    "codeLens",
    "completion",
    "definition",
    "documentHighlight",
    "documentLink",
    "documentSymbol",
    "foldingRange",
    "formatting",
    "hover",
    "inlayHint",
    "prepareRename",
    "rangeFormatting",
    "references",
    "rename",
    "selectionRange",
)


class Server:
    """One client, its documents and its settings."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.workspace = Workspace(connection.stop_if_cancelled)
        self.settings = Settings()
        self.units: Units = "utf-16"
        self.client: Json = {}
        self.told = False
        """Whether diagnostics were sent: only then is there time for anything else."""
        self.published: dict[str, Document] = {}
        """The version of each document whose diagnostics were pushed."""
        self._first_told = Event()
        self._runs: Runs | None = None
        self._runs_lock = Lock()
        self._runs_wanted = Event()

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
            "workspace/didChangeWorkspaceFolders": self.folders_changed,
            "workspace/executeCommand": self.execute_command,
            "window/workDoneProgress/cancel": self.cancel_progress,
            "olivine/trustChanged": self.trust_changed,
            "textDocument/diagnostic": self.diagnostic,
            **{f"textDocument/{name}": partial(self.answer, f"textDocument/{name}") for name in _QUESTIONS},
        }

    # Life

    def initialize(self, params: Json) -> Json:
        """Agree on what client and server can do."""
        self.client = params.get("capabilities") or {}
        self.units = negotiated(self._can("general", "positionEncodings"))
        self.workspace.folders = _paths(params.get("workspaceFolders") or [{"uri": params.get("rootUri") or ""}])
        options = params.get("initializationOptions")
        trusted = not isinstance(options, dict) or options.get("trusted") is not False
        self._set(replace(read_settings(options), trusted=trusted))
        capabilities = {**_CAPABILITIES, "positionEncoding": self.units}
        return {"capabilities": capabilities, "serverInfo": {"name": "olivine"}}

    def initialized(self, params: Any) -> None:
        """Ask for the settings, and to be told of files that change; find the runs there are once there is time."""
        Thread(target=self._follow_runs, name="runs", daemon=True).start()
        self._ask_for_settings()
        if self._can("workspace", "didChangeWatchedFiles", "dynamicRegistration"):
            options = {"watchers": [{"globPattern": WATCHED}]}
            wish = {"id": "files", "method": "workspace/didChangeWatchedFiles", "registerOptions": options}
            self.connection.request("client/registerCapability", {"registrations": [wish]})

    def folders_changed(self, params: Json) -> None:
        """Other folders are open now."""
        gone, new = (_paths(params["event"][which]) for which in ("removed", "added"))
        self.workspace.folders = [folder for folder in self.workspace.folders if folder not in gone] + new

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
        if (settings := replace(read_settings(given), trusted=self.settings.trusted)) != self.settings:
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
        """Look again at what lies around the documents; what runs write of themselves is followed elsewhere."""
        changes = params.get("changes") if isinstance(params, dict) else None
        if changes and all("/.olivine/" in str(change.get("uri")) for change in changes):
            return
        self.workspace.refresh()
        if self._can("workspace", "diagnostics", "refreshSupport"):
            self.connection.request("workspace/diagnostic/refresh", None)

    def _positions(self, document: Document) -> Positions:
        return Positions(document.lines, self.units)

    # Diagnostics

    def idle(self) -> None:
        """Do what can wait for a pause: push diagnostics, then load what the first question or mistake will need."""
        if self._can("textDocument", "diagnostic") is None:
            self._push()
        if self.told:
            self._first_told.set()
            importlib.import_module(".answers", __package__)
            importlib.import_module("jsonschema")

    def _push(self) -> None:
        """Send the diagnostics of what has changed, to a client that does not ask for them."""
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
        result = f"{hash(marshal.dumps(items, 2)):x}"  # 2: equal items give equal bytes
        if params.get("previousResultId") == result:
            return {"kind": "unchanged", "resultId": result}
        return {"kind": "full", "resultId": result, "items": items}

    def _diagnostics(self, document: Document) -> list[Json]:
        positions = self._positions(document)
        self.told = True
        return [shapes.diagnostic(positions, each) for each in diagnostics(document, self.settings.severities)]

    # Everything else

    def answer(self, method: str, params: Json) -> Any:
        """Answer a request about a document; null where it is not open, or no config."""
        from .answers import ANSWERS, Question

        document = self.workspace.get(params["textDocument"]["uri"])
        if document is None:
            return None
        told = self._last_run, self._listed
        ask = Question(document, self._positions(document), params, self.settings, self._can, *told)
        return ANSWERS[method](ask)

    # Runs

    def execute_command(self, params: Json) -> Any:
        """Do a command; what takes long is done in a thread of its own, and answered then."""
        from .answers import refusing

        command = str(params.get("command"))
        work = refusing(self._find_runs().execute, command, params.get("arguments"))
        return self.connection.in_thread(command, partial(refusing, work))

    def cancel_progress(self, params: Json) -> None:
        """The person has pressed the button of a bar."""
        self._find_runs().cancel_shown(params.get("token"))

    def trust_changed(self, params: Json) -> None:
        """The person has come to trust the workspace, or no longer does."""
        self.settings = replace(self.settings, trusted=params.get("trusted") is True)

    def _find_runs(self) -> Runs:
        """The runs; what they need is imported when they are first asked for."""
        with self._runs_lock:
            if self._runs is None:
                from .runs.commands import Runs
                from .runs.progress import Client

                client = Client(self.connection.notify, self.connection.request, self._can)
                self._runs = Runs(client, self.workspace, lambda: self.settings)
                self._runs_wanted.set()
            return self._runs

    def _follow_runs(self) -> None:
        """Wait until there is time for runs, and until there are any; then follow them."""
        self._first_told.wait(PATIENCE)
        while not self._has_runs() and not self._runs_wanted.wait(PATIENCE):
            pass
        self._find_runs().follow()

    def _has_runs(self) -> bool:
        """Whether anything was run around here; what follows runs takes time and memory to load."""
        paths = [*self.workspace.folders, *(document.path for document in self.workspace)]
        folders = {folder for path in paths if path for folder in (path, *path.parents)}
        return any((folder / ".olivine" / "runs").is_dir() for folder in folders)

    def _listed(self, document: Document, kind: str) -> list[Json]:
        """What there is of a kind at Azure ML, where it was asked for."""
        return self._runs.listed(document, kind) if self._runs else []

    def _last_run(self, document: Document) -> LastRun | None:
        return self._runs.last_run(document) if self._runs else None


def _paths(folders: list[Json]) -> list[Path]:
    """The folders that are on disk."""
    return [path for folder in folders if (path := path_of(folder["uri"]))]
