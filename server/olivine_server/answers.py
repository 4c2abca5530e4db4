"""Requests about one document: the protocol's question put to a feature, and its answer in the protocol's shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pygls.exceptions import JsonRpcException

from olivine_schemas.problems import Edit, Span

from . import shapes
from .connection import REQUEST_FAILED
from .features.actions import KINDS, actions
from .features.complete import complete
from .features.folding import foldings
from .features.formatting import formatting
from .features.hover import hover
from .features.inlay import inlay_hints
from .features.lenses import LastRun, lenses
from .features.links import links
from .features.navigation import Named, named_at, rename, rename_span
from .features.selection import selections
from .features.symbols import symbols
from .positions import Positions
from .runs.arguments import Refused
from .settings import Settings
from .shapes import Json
from .workspace import Document

_MARKDOWN = "markdown"


@dataclass(frozen=True)
class Question:
    """What a request is about."""

    document: Document
    positions: Positions
    params: Json
    settings: Settings
    can: Callable[..., Any]
    """What the client says of a capability, by path."""
    last_run: Callable[[Document], LastRun | None] = lambda document: None
    """How the newest run of a config went."""
    listed: Callable[[Document, str], list[Json]] = lambda document, kind: []
    """What there is of a kind at Azure ML, where it was asked for."""

    @property
    def offset(self) -> int:
        """Where the cursor is."""
        return self.positions.offset(self.params["position"])

    def location(self, span: Span) -> Json:
        """A span of the document as a Location."""
        return {"uri": self.document.uri, "range": self.positions.range(span)}

    def workspace_edit(self, edits: tuple[Edit, ...] | list[Edit]) -> Json:
        """Edits of the document, for this version only where the client knows versions."""
        uri, changes = self.document.uri, self.positions.text_edits(edits)
        if not self.can("workspace", "workspaceEdit", "documentChanges"):
            return {"changes": {uri: changes}}
        return {"documentChanges": [{"textDocument": {"uri": uri, "version": self.document.version}, "edits": changes}]}


def _completion(ask: Question) -> Json:
    snippets = bool(ask.can("textDocument", "completion", "completionItem", "snippetSupport"))
    items = complete(ask.document, ask.offset, ask.document.facts, partial(ask.listed, ask.document))
    return {"isIncomplete": False, "items": [shapes.completion(ask.positions, item, snippets) for item in items]}


def _hover(ask: Question) -> Json | None:
    found = hover(ask.document, ask.offset, ask.document.facts)
    if found is None:
        return None
    contents = {"kind": _MARKDOWN, "value": found.markdown}
    return {"contents": contents, "range": ask.positions.range(found.span)}


def _inlay_hints(ask: Question) -> list[Json]:
    within = ask.positions.span(ask.params["range"])
    hints = inlay_hints(ask.document, ask.document.facts)
    return [
        {
            "position": ask.positions.position(hint.offset),
            "label": hint.label,
            "paddingLeft": True,
            "tooltip": {"kind": _MARKDOWN, "value": hint.tooltip},
        }
        for hint in hints
        if within.start <= hint.offset <= within.end
    ]


def _definition(ask: Question) -> list[Json] | None:
    named = named_at(ask.document, ask.offset)
    return [ask.location(named.definition)] if named else None


def _tokens(named: Named | None) -> list[Span]:
    return [named.definition, *named.references] if named else []


def _references(ask: Question) -> list[Json]:
    tokens = _tokens(named_at(ask.document, ask.offset))
    declared = ask.params.get("context", {}).get("includeDeclaration", True)
    return [ask.location(span) for span in tokens[0 if declared else 1 :]]


def _highlight(ask: Question) -> list[Json]:
    write, read = 3, 2
    tokens = _tokens(named_at(ask.document, ask.offset))
    return [{"range": ask.positions.range(span), "kind": read if i else write} for i, span in enumerate(tokens)]


def _prepare_rename(ask: Question) -> Json | None:
    span = rename_span(ask.document, ask.offset)
    if span is None:
        return None
    return {"range": ask.positions.range(span), "placeholder": ask.document.text[span.start : span.end]}


def _rename(ask: Question) -> Json:
    try:
        return ask.workspace_edit(rename(ask.document, ask.offset, str(ask.params["newName"])))
    except ValueError as error:
        raise JsonRpcException(str(error), REQUEST_FAILED) from error


def _code_actions(ask: Question) -> list[Json]:
    only = ask.params.get("context", {}).get("only")
    span = ask.positions.span(ask.params["range"])
    found = actions(ask.document, span, ask.settings.severities, tuple(only) if only else KINDS)
    return [shapes.action(ask.positions, one, ask.workspace_edit(one.edits)) for one in found]


def _lenses(ask: Question) -> list[Json]:
    found = lenses(ask.document, ask.last_run(ask.document)) if ask.settings.lenses else []
    return [shapes.lens(ask.positions, ask.document.uri, one) for one in found]


def _symbols(ask: Question) -> list[Json]:
    return [shapes.symbol(ask.positions, one) for one in symbols(ask.document)]


def _foldings(ask: Question) -> list[Json]:
    return [{"startLine": first, "endLine": last} for first, last in foldings(ask.document)]


def _selections(ask: Question) -> list[Json]:
    offsets = [ask.positions.offset(position) for position in ask.params["positions"]]
    return [shapes.selection(ask.positions, selections(ask.document, offset)) for offset in offsets]


def _links(ask: Question) -> list[Json]:
    return [
        {"range": ask.positions.range(one.span), "target": one.target, "tooltip": one.tooltip}
        for one in links(ask.document)
    ]


def _formatting(ask: Question) -> list[Json]:
    options = ask.params["options"]
    indent = " " * int(options.get("tabSize", 4)) if options.get("insertSpaces", True) else "\t"
    within = ask.positions.span(ask.params["range"]) if "range" in ask.params else None
    return ask.positions.text_edits(formatting(ask.document, indent, within))


def refusing(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call what may refuse, and tell a refusal in the protocol's way."""
    try:
        return call(*arguments)
    except Refused as refused:
        raise JsonRpcException(str(refused), REQUEST_FAILED, refused.data) from refused


ANSWERS: dict[str, Callable[[Question], Any]] = {
    "textDocument/codeAction": _code_actions,
    "textDocument/codeLens": _lenses,
    "textDocument/completion": _completion,
    "textDocument/definition": _definition,
    "textDocument/documentHighlight": _highlight,
    "textDocument/documentLink": _links,
    "textDocument/documentSymbol": _symbols,
    "textDocument/foldingRange": _foldings,
    "textDocument/formatting": _formatting,
    "textDocument/hover": _hover,
    "textDocument/inlayHint": _inlay_hints,
    "textDocument/prepareRename": _prepare_rename,
    "textDocument/rangeFormatting": _formatting,
    "textDocument/references": _references,
    "textDocument/rename": _rename,
    "textDocument/selectionRange": _selections,
}
"""By method."""
