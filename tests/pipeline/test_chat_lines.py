"""`olivine chat --json`: what a program that talks to a model is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SECONDS = 120


class Chat:
    """A chat process."""

    def __init__(self, model: Path | str, *options: str) -> None:
        command = [sys.executable, "-m", "olivine_pipeline", "chat", str(model), "--json", *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def send(self, line: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
        self.process.stdin.flush()

    def event(self) -> dict[str, Any]:
        assert self.process.stdout
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told

    def answer(self) -> list[dict[str, Any]]:
        """The events up to the end of an answer."""
        events = [self.event()]
        while events[-1]["type"] == "token":
            events.append(self.event())
        return events

    def end(self) -> int:
        """Close the conversation; the exit code."""
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode


@pytest.fixture(scope="module")
def chat(tiny_model: Path) -> Iterator[Chat]:
    """A conversation that is going on, with a model that answers at length."""
    talking = Chat(tiny_model)
    ready = talking.event()
    assert (ready["type"], ready["kind"], ready["template"]) == ("ready", "transformers", True)
    yield talking
    talking.process.kill()
    talking.process.communicate()


def test_an_answer_comes_token_by_token_and_ends_with_its_speed(chat: Chat) -> None:
    chat.send({"id": 7, "prompt": "hello", "max_tokens": 5})
    *tokens, done = chat.answer()
    assert [token["id"] for token in tokens] == [7] * 5
    assert (done["type"], done["id"], done["tokens"], done["reason"]) == ("done", 7, 5, "length")
    assert done["tokens_per_second"] > 0
    assert done["first_token_ms"] > 0


def test_pieces_make_up_the_answer_a_person_gets(chat: Chat, tiny_model: Path) -> None:
    chat.send({"prompt": "We danced", "max_tokens": 12})
    told = "".join(event.get("text", "") for event in chat.answer())
    command = [sys.executable, "-m", "olivine_pipeline", "chat", str(tiny_model), "--raw", "--max-tokens", "12"]
    printed = subprocess.run(
        [*command, "--prompt", "We danced"], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert printed.stdout == told + "\n"
    assert told


def test_a_chat_template_goes_around_the_prompt_where_that_is_asked(chat: Chat) -> None:
    answers = []
    for wish in ({}, {"chat": True}):
        chat.send({"prompt": "We danced", "max_tokens": 12, **wish})
        answers.append("".join(event.get("text", "") for event in chat.answer()))
    assert answers[0] != answers[1]


@pytest.mark.parametrize("waiting", [0, 2])
def test_stop_ends_the_answer_and_those_that_wait(chat: Chat, waiting: int) -> None:
    chat.send({"id": 0, "prompt": "hello", "max_tokens": 1_000_000 if not waiting else 100_000})
    assert chat.event()["type"] == "token"
    for number in range(waiting):
        chat.send({"id": number + 1, "prompt": "hello", "max_tokens": 100_000})
    chat.send({"stop": True})
    for number in range(waiting + 1):
        done = chat.answer()[-1]
        assert (done["type"], done["id"], done["reason"]) == ("done", number, "stopped")
    chat.send({"prompt": "hello", "max_tokens": 2})
    assert chat.answer()[-1]["reason"] == "length"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("what?", "one JSON object"),
        ("[1]", "one JSON object"),
        ({"id": 3}, '"prompt"'),
        ({"id": 3, "prompt": "a", "max_tokens": 0}, '"max_tokens"'),
        ({"id": 3, "prompt": "a", "temperature": "hot"}, '"temperature"'),
    ],
)
def test_a_request_that_cannot_be_met_is_told_and_the_next_one_answered(chat: Chat, line: Any, says: str) -> None:
    chat.send(line)
    error = chat.event()
    assert error["type"] == "error"
    assert says in error["message"]
    assert error["id"] == (3 if isinstance(line, dict) else None)
    chat.send({"prompt": "hello", "max_tokens": 1})
    assert chat.answer()[-1]["tokens"] == 1


def test_the_end_of_the_requests_ends_the_process_in_the_middle_of_an_answer(tiny_model: Path) -> None:
    chat = Chat(tiny_model)
    chat.send({"prompt": "hello", "max_tokens": 1_000_000})
    chat.event(), chat.event()
    assert chat.end() == 0


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    chat = Chat(tmp_path / "none")
    error = chat.event()
    assert error["type"] == "error"
    assert "there is no such folder" in error["message"]
    assert chat.process.wait(SECONDS) == 3
    chat.end()
