"""Every answer has the shape that the protocol's own types ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from editor import PULL, Editor
from lsprotocol import converters, types

URI = "file:///folder/olive-config.json"
TEXT = json.dumps(
    {
        "input_model": {"type": "HfModel", "model_path": "org/model"},
        "systems": {"cloud": {"type": "AzureML"}},
        "data_configs": [{"name": "rows", "type": "HuggingfaceContainer"}],
        "passes": {
            "ft": {"type": "LoRA", "train_data_config": "rows", "lora_r": 4, "training_args": {"max_steps": 5}},
            "merge": {"type": "MergeAdapterWeights"},
        },
        "host": "cloud",
    },
    indent=2,
).replace('"name": "rows"', '"name" : "rows"')


def position(word: str, nth: int = 0) -> dict[str, int]:
    at = -1
    for _ in range(nth + 1):
        at = TEXT.index(word, at + 1)
    return {"line": TEXT[:at].count("\n"), "character": at - TEXT.rfind("\n", 0, at) - 1 + len(word)}


WHOLE = {"start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}}
QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("diagnostic", "DocumentDiagnostic", {}),
    ("codeAction", "CodeAction", {"range": WHOLE, "context": {"diagnostics": []}}),
    ("codeLens", "CodeLens", {}),
    ("completion", "Completion", {"position": position('"LoRA"')}),
    ("definition", "Definition", {"position": position("rows", 1)}),
    ("references", "References", {"position": position("rows"), "context": {"includeDeclaration": True}}),
    ("documentHighlight", "DocumentHighlight", {"position": position("cloud")}),
    ("documentLink", "DocumentLink", {}),
    ("documentSymbol", "DocumentSymbol", {}),
    ("foldingRange", "FoldingRange", {}),
    ("formatting", "DocumentFormatting", {"options": {"tabSize": 4, "insertSpaces": True}}),
    ("rangeFormatting", "DocumentRangeFormatting", {"range": WHOLE, "options": {"tabSize": 4, "insertSpaces": True}}),
    ("hover", "Hover", {"position": position("lora_r")}),
    ("inlayHint", "InlayHint", {"range": WHOLE}),
    ("prepareRename", "PrepareRename", {"position": position("rows")}),
    ("rename", "Rename", {"position": position("rows"), "newName": "phrases"}),
    ("selectionRange", "SelectionRange", {"positions": [position("rows")]}),
]
MAY_BE_EMPTY = {"documentLink", "inlayHint"}


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    with Editor() as editor:
        editor.start({**PULL, "workspace": {"workspaceEdit": {"documentChanges": True}}})
        editor.open(URI, TEXT)
        yield editor


@pytest.mark.parametrize(("method", "kind", "params"), QUESTIONS, ids=[question[0] for question in QUESTIONS])
def test_an_answer_is_what_the_protocol_says(editor: Editor, method: str, kind: str, params: dict[str, Any]) -> None:
    result = editor.ask(method, URI, **params)
    assert result or method in MAY_BE_EMPTY
    answer = {"jsonrpc": "2.0", "id": 1, "result": result}
    message = converters.get_converter().structure(answer, getattr(types, f"{kind}Response"))
    assert converters.get_converter().unstructure(message)["result"] or not result


def test_what_the_server_can_do_is_what_the_protocol_says() -> None:
    with Editor() as editor:
        result = converters.get_converter().structure(editor.start(), types.InitializeResult)
    assert result.capabilities.text_document_sync.change == types.TextDocumentSyncKind.Incremental
    assert set(result.capabilities.code_action_provider.code_action_kinds) == {
        "quickfix",
        "refactor.extract",
        "refactor.rewrite",
        "source.fixAll.olivine",
    }
