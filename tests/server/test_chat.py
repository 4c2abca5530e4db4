"""Talking to what a run has made, from the editor."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from desk import Desk, command, config, refusal
from editor import Editor, Json

from olivine_schemas import runs
from olivine_schemas.check import check
from olivine_schemas.ledger.folder import RunFolder, create
from olivine_schemas.runs import RunArguments, RunState, dump_event
from olivine_server.runs.chat import prompt_of

FOREVER = 1_000_000


def finished(desk: Desk, model: Path | None) -> RunFolder:
    """A run that has ended and left a model, or nothing."""
    folder = create(desk.folder, desk.config, desk.config.read_text(), RunArguments())
    events: list[runs.Event] = [runs.RunStarted(1.0, str(desk.config), [], "cpu", 1)]
    if model:
        events.append(runs.Artifact(2.0, "model", "MergeAdapterWeights", str(model), 1))
    folder.events.write_text("".join(dump_event(event) + "\n" for event in events))
    record = folder.read()
    assert record
    folder.write(replace(record, state=RunState.SUCCEEDED, started=1.0, ended=2.0))
    return folder


@pytest.fixture
def left(desk: Desk) -> RunFolder:
    """A run that has left a model beside the one it started from."""
    made = desk.folder / "models" / "merged"
    shutil.copytree(desk.folder / "model", made)
    return finished(desk, made)


@pytest.fixture
def editor(desk: Desk, left: RunFolder) -> Iterator[Editor]:
    with desk.sit_down() as editor:
        yield editor


def answer(editor: Editor, number: int) -> list[Json]:
    """The events of an answer up to its end."""
    events: list[Json] = []
    while not events or events[-1]["type"] not in ("done", "error"):
        event = editor.note("olivine/chatToken")
        if event.get("id") == number:
            events.append(event)
    return events


def talkers(editor: Editor) -> list[psutil.Process]:
    """The processes of models that the editor's server has started."""
    return [each for each in psutil.Process(editor.process.pid).children() if "chat" in each.cmdline()]


def test_result_and_base_answer_side_by_side(editor: Editor, left: RunFolder) -> None:
    told = command(editor, "chatModels", runId=left.id)
    assert [each["side"] for each in told["models"]] == ["result", "base"]
    assert told["template"] == "### Text: {phrase}\n### Tone: "
    assert told["fields"] == ["phrase"]
    texts = {}
    for side in ("result", "base"):
        asked = command(editor, "chat", runId=left.id, side=side, prompt="We danced", maxTokens=6, temperature=0)
        *tokens, done = answer(editor, asked["id"])
        assert {event["side"] for event in [*tokens, done]} == {side}
        assert (done["type"], done["tokens"]) == ("done", 6)
        texts[side] = "".join(event["text"] for event in tokens)
    assert texts["result"] == texts["base"], "one is a copy of the other"
    assert len(talkers(editor)) == 2


def test_an_answer_is_stopped_and_the_next_one_comes(editor: Editor, left: RunFolder) -> None:
    asked = command(editor, "chat", runId=left.id, side="result", prompt="hello", maxTokens=FOREVER)
    while editor.note("olivine/chatToken")["type"] != "token":
        pass
    command(editor, "chatStop", runId=left.id)
    assert answer(editor, asked["id"])[-1]["reason"] == "stopped"
    asked = command(editor, "chat", runId=left.id, side="result", prompt="hello", maxTokens=1)
    assert answer(editor, asked["id"])[-1]["reason"] == "length"
    assert len(talkers(editor)) == 1


def test_a_model_whose_process_dies_ends_its_answer_and_is_loaded_again(editor: Editor, left: RunFolder) -> None:
    asked = command(editor, "chat", runId=left.id, side="result", prompt="hello", maxTokens=FOREVER)
    [process] = talkers(editor)
    process.kill()
    assert "ended" in answer(editor, asked["id"])[-1]["message"]
    asked = command(editor, "chat", runId=left.id, side="result", prompt="hello", maxTokens=1)
    assert answer(editor, asked["id"])[-1]["type"] == "done"


@pytest.mark.parametrize("end", ["close", "kill"])
def test_no_model_stays_loaded_without_its_conversation_or_its_server(
    editor: Editor, left: RunFolder, end: str
) -> None:
    command(editor, "chat", runId=left.id, side="result", prompt="hello", maxTokens=FOREVER)
    [process] = talkers(editor)
    if end == "close":
        command(editor, "chatClose", runId=left.id)
    else:
        editor.process.kill()
    assert psutil.wait_procs([process], timeout=60)[1] == []


def test_what_cannot_be_talked_to_is_refused(desk: Desk) -> None:
    run = finished(desk, None)
    with desk.sit_down() as editor:
        assert "no model" in refusal(editor, "chatModels", {"runId": run.id})["message"]
        assert "no model" in refusal(editor, "chat", {"runId": run.id, "side": "result", "prompt": "a"})["message"]


def test_nothing_is_loaded_in_a_workspace_that_is_not_trusted(desk: Desk, left: RunFolder) -> None:
    with desk.sit_down(trusted=False) as editor:
        assert "not trusted" in refusal(editor, "chat", {"runId": left.id, "side": "base", "prompt": "a"})["message"]


@pytest.mark.parametrize(
    ("settings", "template", "fields"),
    [
        ({"text_template": "### Text: {phrase}\n### Tone:\n{tone}"}, "### Text: {phrase}\n### Tone:\n", ["phrase"]),
        ({"text_template": "{a} and {b}: {c}!"}, "{a} and {b}: ", ["a", "b"]),
        ({"text_template": "say {word}"}, "say ", []),
        ({"text_template": "{{literally}} {a} {b}"}, "{literally} {a} ", ["a"]),
        ({"input_template": "Q: {q} A:", "output_template": "{a}"}, "Q: {q} A:", ["q"]),
        ({"text_template": "broken {"}, "", []),
        ({}, "", []),
    ],
)
def test_the_prompt_is_what_comes_before_the_answer(settings: Json, template: str, fields: list[str]) -> None:
    flow = config()
    before = flow["data_configs"][0]["pre_process_data_config"]
    del before["text_template"]
    before.update(settings)
    told = prompt_of(check(json.dumps(flow)).workflow)
    assert (told["template"], told["fields"]) == (template, fields)
