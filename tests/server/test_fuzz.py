"""Damage of every kind: the server stays alive, answers, and has the text that the editor has."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from editor import PULL, Editor

SEED = int(os.environ.get("OLIVINE_FUZZ_SEED", "1"))
STEPS = int(os.environ.get("OLIVINE_FUZZ_STEPS", "300"))
"""Steps of each script; more for a longer run."""
URI = "file:///nowhere/olive-config.json"
CONFIG = json.dumps(
    {
        "input_model": {"type": "HfModel", "model_path": "org/model"},
        "systems": {"here": {"type": "LocalSystem", "accelerators": [{"device": "gpu"}]}},
        "data_configs": [{"name": "rows", "load_dataset_config": {"data_name": "json", "data_files": "r.json"}}],
        "passes": {"ft": {"type": "LoRA", "train_data_config": "rows", "training_args": {"max_steps": 5}}},
        "pass_flows": [["ft"]],
        "host": "here",
    },
    indent=1,
)
PIECES = ['"', "{", "}", "[", "]", ",", ":", "\\", "\n", "\r\n", "\r", "\u2028", "\f", "😀", "é", "//", "/*", "null"]
PIECES += ["1e999", "-", '"type": "LoRA"', '"passes": ', "\ud800", "\x00", "\t", '"\\u', "'", " " * 50]
QUESTIONS = ["hover", "completion", "definition", "documentHighlight", "prepareRename"]
WHOLE = ["documentSymbol", "foldingRange", "codeLens", "documentLink"]


@pytest.fixture
def editor() -> Iterator[Editor]:
    with Editor() as editor:
        editor.start({**PULL, "general": {"positionEncodings": ["utf-16"]}})
        editor.open(URI, CONFIG)
        yield editor
        assert editor.logged == []
        assert editor.stop() == 0


def ask_everything(editor: Editor, text: str, random: Random) -> None:
    position = at(text, random.randint(0, len(text)))
    method = random.choice(QUESTIONS)
    editor.ask(method, URI, position=position)
    editor.ask(random.choice(WHOLE), URI)
    span = {"start": position, "end": position}
    editor.ask("codeAction", URI, range=span, context={"diagnostics": []})
    editor.ask("selectionRange", URI, positions=[position])
    editor.ask("diagnostic", URI)


def at(text: str, offset: int) -> dict[str, int]:
    """The position of an offset: lines as the protocol has them, columns in UTF-16."""
    lines = re.split(r"\r\n|\n|\r", text[:offset])
    return {"line": len(lines) - 1, "character": sum(2 if char > "\uffff" else 1 for char in lines[-1])}


def in_sync(editor: Editor, text: str) -> bool:
    """Whether the server has this very text: replaced by itself, nothing that is said of it changes."""
    mine = editor.ask("diagnostic", URI)["items"]
    editor.change(URI, 10**6, {"text": text})
    return bool(editor.ask("diagnostic", URI)["items"] == mine)


def edit(text: str, random: Random) -> tuple[str, dict[str, Any]]:
    """A random edit: the text after it, and the edit as an editor sends it."""
    start = random.randint(0, len(text))
    end = min(len(text), start + random.choice([0, 0, 0, 1, 1, 5, 40]))
    while any(split(text, place) for place in (start, end)):  # no editor puts a cursor there
        start, end = max(0, start - 1), end - 1 if end > start else max(0, start - 1)
    end = max(start, end)
    new = random.choice([*PIECES, "", "", ""])
    change = {"range": {"start": at(text, start), "end": at(text, end)}, "text": new}
    return text[:start] + new + text[end:], change


def split(text: str, offset: int) -> bool:
    return 0 < offset < len(text) and text[offset - 1 : offset + 1] == "\r\n"


@pytest.mark.parametrize("script", range(3))
def test_after_random_edits_server_and_editor_have_the_same_text(editor: Editor, script: int) -> None:
    random, text = Random(SEED * 1000 + script), CONFIG
    for step in range(STEPS):
        text, change = edit(text, random)
        editor.change(URI, step + 2, change)
        if step % 10 == 0:
            ask_everything(editor, text, random)
        if step % 50 == 0:
            assert in_sync(editor, text), f"seed {SEED}, script {script}, step {step}"
    assert in_sync(editor, text)


def test_every_beginning_of_a_config_is_answered(editor: Editor) -> None:
    random = Random(SEED)
    for version, end in enumerate(range(0, len(CONFIG), max(1, len(CONFIG) * 3 // STEPS)), 2):
        editor.change(URI, version, {"text": CONFIG[:end]})
        ask_everything(editor, CONFIG[:end], random)


def test_random_characters_are_answered(editor: Editor) -> None:
    random = Random(SEED)
    for version in range(2, 2 + STEPS // 5):
        text = bytes(random.randrange(256) for _ in range(random.randint(0, 400))).decode("latin-1")
        editor.change(URI, version, {"text": text})
        ask_everything(editor, text, random)


MONSTERS = {
    "objects": '{"a":' * 5000 + "1" + "}" * 5000,
    "open objects": '{"passes":' * 5000,
    "arrays": "[" * 5000 + "]" * 5000,
    "open arrays": '{"passes": ' + "[" * 5000,
    "one line": '{"input_model": "' + "x" * 2_000_000 + '"}',
    "many keys": "{" + ",".join(f'"k{i}": {i}' for i in range(20_000)) + "}",
    "many strays": ",:}" * 5000,
    "number": '{"passes": ' + "9" * 100_000 + "}",
}


@pytest.mark.parametrize("name", MONSTERS)
@pytest.mark.timeout(240)
def test_monsters_are_answered(editor: Editor, name: str) -> None:
    text = MONSTERS[name]
    editor.change(URI, 2, {"text": text})
    ask_everything(editor, text, Random(SEED))
    assert in_sync(editor, text)


def test_damaged_messages_are_survived() -> None:
    random = Random(SEED)
    with Editor() as editor:
        editor.start(PULL)
        editor.open(URI, CONFIG)
        for _ in range(STEPS):
            message = {"jsonrpc": "2.0", "id": "odd", "method": f"textDocument/{random.choice(QUESTIONS)}"}
            message["params"] = random.choice([None, [], 7, {}, {"textDocument": None}, {"textDocument": {"uri": 3}}])
            body = bytearray(json.dumps(message).encode())
            if random.random() < 0.5:
                body[random.randrange(len(body))] = random.randrange(256)
            editor.send_body(bytes(body))
        assert editor.ask("documentSymbol", URI)
        assert editor.stop() == 0
