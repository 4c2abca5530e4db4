"""What the features answer, in the shapes of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from olivine_schemas.problems import Problem, Severity, Span

from .features.diagnostics import DEPRECATED, UNNECESSARY
from .positions import Positions

if TYPE_CHECKING:
    from .features.actions import Action
    from .features.complete import Completion
    from .features.lenses import Lens
    from .features.symbols import Symbol

Json = dict[str, Any]

DOCUMENTATION = "https://github.com/olivine-lm/olivine/blob/main/docs/diagnostics.md"
"""The manual of diagnostics; a section a code."""

_SEVERITIES = {Severity.ERROR: 1, Severity.WARNING: 2, Severity.INFORMATION: 3, Severity.HINT: 4}
_SYMBOLS = {"object": 2, "array": 18, "string": 15, "number": 16, "boolean": 17, "null": 21}
_ITEMS = {
    "key": 10,
    "type": 7,
    "value": 12,
    "reference": 18,
    "column": 5,
    "module": 9,
    "file": 17,
    "folder": 19,
    "snippet": 15,
}
_SNIPPET, _AS_IS = 2, 1


def diagnostic(positions: Positions, problem: Problem) -> Json:
    """A problem as a Diagnostic."""
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


def symbol(positions: Positions, one: Symbol) -> Json:
    """A key or item as a DocumentSymbol."""
    return {
        "name": one.name,
        "detail": one.detail,
        "kind": _SYMBOLS[one.kind],
        "range": positions.range(one.span),
        "selectionRange": positions.range(one.name_span),
        "children": [symbol(positions, each) for each in one.children],
    }


def selection(positions: Positions, spans: list[Span]) -> Json:
    """Nested spans, innermost first, as a SelectionRange."""
    found: Json = {}
    for span in reversed(spans):
        found = {"range": positions.range(span), **({"parent": found} if found else {})}
    return found


def completion(positions: Positions, item: Completion, snippets: bool) -> Json:
    """An offer as a CompletionItem; without `snippets` the placeholders keep their defaults."""
    from .features.complete.items import plain  # loading completion must not delay the first diagnostics

    text = item.edit.text if snippets or not item.snippet else plain(item.edit.text)
    optional = {
        "detail": item.detail,
        "sortText": item.sort,
        "filterText": item.filter,
        "documentation": item.documentation and {"kind": "markdown", "value": item.documentation},
        "additionalTextEdits": positions.text_edits(item.additional_edits),
        "insertTextFormat": _SNIPPET if snippets and item.snippet else None,
    }
    return {
        "label": item.label,
        "kind": _ITEMS[item.kind.value],
        "insertTextMode": _AS_IS,
        "textEdit": {"range": positions.range(item.edit.span), "newText": text},
        **{key: value for key, value in optional.items() if value},
    }


def lens(positions: Positions, uri: str, one: Lens) -> Json:
    """A lens as a CodeLens."""
    named = {"upTo": one.up_to, "runId": one.run}
    arguments = {"uri": uri, **{key: value for key, value in named.items() if value is not None}}
    return {
        "range": positions.range(one.span),
        "command": {"title": one.title, "command": one.command, "arguments": [arguments]},
    }


def action(positions: Positions, one: Action, edit: Json) -> Json:
    """An offer as a CodeAction that makes the workspace edit `edit`."""
    return {
        "title": one.title,
        "kind": one.kind,
        "edit": edit,
        **({"diagnostics": [diagnostic(positions, one.problem)]} if one.problem else {}),
        **({"isPreferred": True} if one.preferred else {}),
    }
