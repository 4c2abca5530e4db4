"""The real server over its standard streams, as an editor meets it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from editor import PULL, SECONDS, Editor
from pygls.exceptions import JsonRpcRequestCancelled

from olivine_server.workspace import Workspace

URI = "file:///folder/olive-config.json"
TYPO = '{"input_model": {"type": "HfModel", "model_path": "org/model"}, "passes": {"ft": {"type": "LoRB"}}}'
SOUND = '{"input_model": {"type": "HfModel", "model_path": "org/model"}, "passes": {}}'


def codes(items: list[dict[str, Any]]) -> list[str]:
    return [item["code"] for item in items]


def place(line: int, start: int, end: int) -> dict[str, Any]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


# Diagnostics


def test_opening_a_config_shows_what_is_wrong_with_it() -> None:
    with Editor() as editor:
        editor.start()
        editor.open(URI, TYPO)
        (item,) = editor.diagnostics()
    assert item["code"] == "unknown-type"
    assert item["severity"] == 1
    assert item["source"] == "olivine"
    assert item["codeDescription"]["href"].endswith("#unknown-type")
    assert item["range"] == place(0, TYPO.index('"LoRB"'), TYPO.index('"LoRB"') + 6)


def test_an_edit_takes_the_diagnostic_away() -> None:
    with Editor() as editor:
        editor.start()
        editor.open(URI, TYPO)
        editor.diagnostics(1)
        at = TYPO.index("LoRB")
        editor.change(URI, 2, {"range": place(0, at, at + 4), "text": "MergeAdapterWeights"})
        assert "unknown-type" not in codes(editor.diagnostics(2))


def test_closing_takes_every_diagnostic_away() -> None:
    with Editor() as editor:
        editor.start()
        editor.open(URI, TYPO)
        assert editor.diagnostics()
        editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert editor.diagnostics() == []


def test_a_client_that_pulls_gets_the_same_and_is_told_when_nothing_changed() -> None:
    with Editor() as editor:
        editor.start(PULL)
        editor.open(URI, TYPO)
        first = editor.ask("diagnostic", URI)
        assert first["kind"] == "full"
        assert codes(first["items"]) == ["unknown-type"]
        again = editor.ask("diagnostic", URI, previousResultId=first["resultId"])
        assert again == {"kind": "unchanged", "resultId": first["resultId"]}
        editor.change(URI, 2, {"text": "\n" + TYPO})
        moved = editor.ask("diagnostic", URI, previousResultId=first["resultId"])
        assert moved["kind"] == "full"
        assert moved["items"][0]["range"]["start"]["line"] == 1


def test_of_edits_that_come_together_the_last_is_checked() -> None:
    with Editor() as editor:
        editor.start()
        editor.open(URI, SOUND)
        editor.diagnostics(1)
        for version in range(2, 60):
            editor.change(URI, version, {"text": TYPO if version % 2 else SOUND + " " * version})
        assert codes(editor.diagnostics(59)) == ["unknown-type"]


@pytest.mark.parametrize("name", ["olive_config.json", "x.olive.json", "olive-config.yaml", "Olive-Config.JSON"])
def test_a_config_is_known_by_its_name(name: str) -> None:
    with Editor() as editor:
        editor.start(PULL)
        editor.open(f"file:///folder/{name}", "{}", "plaintext")
        assert editor.ask("diagnostic", f"file:///folder/{name}")["items"]


def test_other_files_are_left_alone() -> None:
    with Editor() as editor:
        editor.start(PULL)
        editor.open("file:///folder/package.json", "{,}", "json")
        assert editor.ask("diagnostic", "file:///folder/package.json")["items"] == []
        assert editor.ask("hover", "file:///folder/package.json", position={"line": 0, "character": 1}) is None


def test_a_file_that_appears_ends_the_complaint_about_it(tmp_path: Path) -> None:
    config = tmp_path / "olive-config.json"
    loading = {"data_name": "json", "data_files": "rows.json", "split": "train"}
    text = json.dumps(
        {
            "input_model": {"type": "HfModel", "model_path": "org/model"},
            "data_configs": [{"name": "rows", "type": "HuggingfaceContainer", "load_dataset_config": loading}],
            "passes": {"ft": {"type": "LoRA", "train_data_config": "rows"}},
        }
    )
    with Editor() as editor:
        editor.start()
        editor.open(config.as_uri(), text)
        assert "missing-data-file" in codes(editor.diagnostics())
        (tmp_path / "rows.json").write_text('[{"text": "one"}]')
        changes = [{"uri": (tmp_path / "rows.json").as_uri(), "type": 1}]
        editor.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        assert "missing-data-file" not in codes(editor.diagnostics())


# Settings


def test_a_severity_can_be_set_and_a_code_turned_off() -> None:
    can = {"workspace": {"configuration": True}, **PULL}
    with Editor(settings={"severities": {"unknown-type": "hint"}}) as editor:
        editor.start(can)
        editor.open(URI, TYPO)
        editor.ask("hover", URI, position={"line": 0, "character": 0})
        assert [item["severity"] for item in editor.ask("diagnostic", URI)["items"]] == [4]
        editor.settings = {"severities": {"unknown-type": "off"}}
        editor.notify("workspace/didChangeConfiguration", {"settings": None})
        editor.ask("hover", URI, position={"line": 0, "character": 0})
        assert editor.ask("diagnostic", URI)["items"] == []


def test_settings_may_come_with_the_start() -> None:
    with Editor() as editor:
        editor.start(PULL, initializationOptions={"severities": {"unknown-type": "warning", "x": 3}})
        editor.open(URI, TYPO)
        assert [item["severity"] for item in editor.ask("diagnostic", URI)["items"]] == [2]


# Positions


@pytest.mark.parametrize(
    ("offered", "agreed", "column"),
    [(None, "utf-16", 8), (["utf-16"], "utf-16", 8), (["utf-8", "utf-16"], "utf-8", 12), (["utf-32"], "utf-32", 6)],
)
def test_columns_count_in_the_units_agreed_on(offered: list[str] | None, agreed: str, column: int) -> None:
    text = '{"😀😀":tru}'
    with Editor() as editor:
        result = editor.start({"general": {"positionEncodings": offered}, **PULL})
        assert result["capabilities"]["positionEncoding"] == agreed
        editor.open(URI, text)
        starts = [item["range"]["start"]["character"] for item in editor.ask("diagnostic", URI)["items"]]
    assert column in starts


@pytest.mark.parametrize(
    ("units", "codec", "size"), [("utf-8", "utf-8", 1), ("utf-16", "utf-16-le", 2), ("utf-32", "utf-32-le", 4)]
)
def test_an_edit_behind_an_emoji_and_a_line_separator_goes_where_it_should(units: str, codec: str, size: int) -> None:
    text = '{"passes": {"a😀é\u2028\f b": {"type": "LoRB"}}}'
    at = len(text[: text.index("LoRB")].encode(codec)) // size
    with Editor() as editor:
        editor.start({"general": {"positionEncodings": [units]}, **PULL})
        editor.open(URI, text)
        told = {item["code"]: item["range"] for item in editor.ask("diagnostic", URI)["items"]}
        assert told["unknown-type"] == place(0, at - 1, at + 5)
        editor.change(URI, 2, {"range": place(0, at, at + 4), "text": "LoRA"})
        assert "unknown-type" not in codes(editor.ask("diagnostic", URI)["items"])
        assert editor.ask("hover", URI, position={"line": 0, "character": at + 1})["range"] == place(0, at - 1, at + 5)


# YAML

YAML_URI = "file:///folder/olive-config.yaml"
YAML = """\
input_model: {type: HfModel, model_path: org/model}
data_configs:
  - name: rows  # 😀
    type: HuggingfaceContainer
passes:
  ft:
    type: LoRB
    train_data_config: rows
"""


def test_a_yaml_config_is_checked_explained_and_navigated() -> None:
    name, use = place(2, 10, 14), place(7, 23, 27)
    with Editor() as editor:
        editor.start(PULL)
        editor.open(YAML_URI, YAML)
        (item,) = editor.ask("diagnostic", YAML_URI)["items"]
        assert (item["code"], item["range"]) == ("unknown-type", place(6, 10, 14))
        hover = editor.ask("hover", YAML_URI, position={"line": 2, "character": 5})
        assert hover["range"] == place(2, 4, 8)
        assert editor.ask("definition", YAML_URI, position=use["start"]) == [{"uri": YAML_URI, "range": name}]
        references = {"context": {"includeDeclaration": True}, "position": name["start"]}
        found = editor.ask("references", YAML_URI, **references)
        assert [one["range"] for one in found] == [name, use]
        assert [one["name"] for one in editor.ask("documentSymbol", YAML_URI)] == [
            "input_model",
            "data_configs",
            "passes",
        ]
        editor.change(YAML_URI, 2, {"range": place(6, 10, 14), "text": "LoRA"})
        assert codes(editor.ask("diagnostic", YAML_URI)["items"]) == []
        editor.change(YAML_URI, 3, {"range": place(7, 23, 27), "text": "lines"})
        assert codes(editor.ask("diagnostic", YAML_URI)["items"]) == ["dangling-data-config"]


# Answers


def test_a_cancelled_request_is_answered_as_cancelled() -> None:
    with Editor() as editor:
        editor.start()
        editor.open(URI, json.dumps({"passes": {f"p{i}": {"type": "LoRA"} for i in range(2000)}}))
        id_ = editor.begin("textDocument/documentSymbol", {"textDocument": {"uri": URI}})
        other = editor.begin("textDocument/foldingRange", {"textDocument": {"uri": URI}})
        editor.notify("$/cancelRequest", {"id": other})
        assert editor.answer(id_)["result"]
        assert editor.answer(other)["error"]["code"] == -32800
        assert editor.ask("foldingRange", URI) == []


ENDLESS = """
import sys
from olivine_server.connection import Connection
connection = Connection()
def forever(params):
    connection.notify("begun", None)
    while True:
        connection.stop_if_cancelled()
handlers = {"initialize": lambda params: {}, "forever": forever, "next": lambda params: "served"}
sys.exit(connection.serve(handlers, lambda: None))
"""


def test_a_request_cancelled_in_its_middle_is_stopped() -> None:
    with Editor(script=ENDLESS) as editor:
        editor.start()
        id_ = editor.begin("forever", None)
        editor.note("begun")
        editor.notify("$/cancelRequest", {"id": id_})
        assert editor.answer(id_)["error"]["code"] == -32800
        assert editor.request("next", None) == "served"
        assert editor.logged == []
        assert editor.stop() == 0


def test_a_check_that_nobody_waits_for_stops_and_the_next_one_is_whole() -> None:
    steps: list[None] = []

    def between() -> None:
        steps.append(None)
        if len(steps) == 5:
            raise JsonRpcRequestCancelled

    document = Workspace(between).open(URI, "olive-config", 1, TYPO)
    assert document is not None
    with pytest.raises(JsonRpcRequestCancelled):
        document.checked  # noqa: B018
    assert len(steps) == 5
    assert [problem.code for problem in document.checked.problems] == ["unknown-type"]


def test_an_answer_that_is_no_json_is_an_error_and_the_next_is_served() -> None:
    script = ENDLESS.replace("while True", "return {forever}\n    while True")
    with Editor(script=script) as editor:
        editor.start()
        assert editor.answer(editor.begin("forever", None))["error"]["code"] == -32603
        assert editor.request("next", None) == "served"


def test_a_notification_that_fails_is_logged_once() -> None:
    with Editor() as editor:
        editor.start(PULL)
        editor.open(URI, TYPO)
        for _ in range(3):
            editor.notify("textDocument/didChange", {"textDocument": {}})
        assert codes(editor.ask("diagnostic", URI)["items"]) == ["unknown-type"]
        (log,) = editor.logged
        assert "textDocument/didChange" in log


def test_a_request_that_fails_is_answered_and_logged_once_and_the_next_is_served() -> None:
    with Editor() as editor:
        editor.start()
        editor.open(URI, TYPO)
        for _ in range(3):
            broken = editor.begin("textDocument/hover", {"textDocument": {"uri": URI}, "position": "nowhere"})
            assert editor.answer(broken)["error"]["code"] == -32603
        assert editor.ask("documentSymbol", URI)
        assert len(editor.logged) == 1
        assert "textDocument/hover" in editor.logged[0]


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"\xff\xfe", b'{"id": 1, "method": 7}', b"[" * 100_000])
def test_a_message_that_is_none_does_not_stop_the_server(body: bytes) -> None:
    with Editor() as editor:
        editor.start()
        editor.send_body(body)
        editor.open(URI, TYPO)
        assert editor.ask("documentSymbol", URI)


def test_unknown_methods_are_refused_and_unknown_notifications_ignored() -> None:
    with Editor() as editor:
        editor.start()
        editor.notify("$/setTrace", {"value": "off"})
        assert editor.answer(editor.begin("olivine/nothing", None))["error"]["code"] == -32601
        assert editor.stop() == 0


def test_before_initialize_and_after_shutdown_there_are_errors_only() -> None:
    with Editor() as editor:
        early = editor.begin("textDocument/hover", {})
        assert editor.answer(early)["error"]["code"] == -32002
        editor.start()
        editor.request("shutdown", None)
        late = editor.begin("textDocument/hover", {})
        assert editor.answer(late)["error"]["code"] == -32600
        editor.notify("exit", None)
        assert editor.process.wait(SECONDS) == 0


def test_leaving_without_shutdown_is_an_error() -> None:
    with Editor() as editor:
        editor.start()
        editor.notify("exit", None)
        assert editor.process.wait(SECONDS) == 1


def test_the_server_ends_with_its_editor() -> None:
    with Editor() as editor:
        editor.start()
        assert editor.process.stdin is not None
        editor.process.stdin.close()
        assert editor.process.wait(SECONDS) == 1


def test_it_serves_over_tcp() -> None:
    import socket

    command = [sys.executable, "-m", "olivine_server", "--tcp", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if "127.0.0.1" in line and "Serving" in line)
        host, port = re.findall(r"[\d.]+", told)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}).encode()
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert b"capabilities" in connection.recv(4096)
        assert process.wait(SECONDS) == 1


def test_it_starts_without_what_only_the_pipeline_needs() -> None:
    heavy = "pydantic, torch, transformers, numpy, yaml, rich"
    code = f"import sys, olivine_server.lsp; print([m for m in '{heavy}'.split(', ') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
