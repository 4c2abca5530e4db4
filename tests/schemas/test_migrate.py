"""A config of 2024 becomes one of today that means the same."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from olivine_schemas.migrate import migrate, migration
from olivine_schemas.parser import parse
from olivine_schemas.resolve import resolve
from olivine_schemas.tree import to_data

FIXTURES = Path(__file__).parent / "fixtures"
CORPUS = Path(os.environ.get("OLIVINE_CORPUS", "no-corpus"))
"""A folder of real configs, tested too where it is given."""


def meaning(text: str) -> Any:
    return to_data(resolve(parse(text).tree).workflow)


def test_a_config_of_2024_is_written_as_one_writes_it_today() -> None:
    migrated = migrate((FIXTURES / "moods-2024.json").read_text())
    today = json.loads((FIXTURES / "moods-today.json").read_text())
    path = today["data_configs"][0]["load_dataset_config"]["data_files"]
    today["data_configs"][0]["load_dataset_config"]["data_files"] = {"type": path.pop("type"), "config": path}
    metric = today["evaluators"]["speed"]["metrics"][0]
    metric["user_config"] = {"io_bind": metric.pop("io_bind")}
    assert json.loads(migrated) == today
    assert list(json.loads(migrated)) == list(today)


def test_what_is_written_today_comes_back_as_it_is() -> None:
    text = '{ "input_model": {"type": "HfModel", "model_path": "m"},\n\n "passes": {"a": {"type":"LoRA", "r":8}} }'
    assert migration(text).text is text


@pytest.mark.parametrize("text", ['{"passes": {', "", "[1]", '{"a": 1, "a": 2}', '{"a": }'])
def test_a_damaged_text_comes_back_as_it_is_with_the_reason(text: str) -> None:
    result = migration(text)
    assert result.text is text
    assert "syntax errors" in result.notes[0]


def test_indentation_line_ends_numbers_and_comments_stay() -> None:
    text = """{
  // the machine
  "engine": {"host": "s"}, // only one
  "passes": {
    /* adapters */
    "tune": {"type": "LoRA", "config": {
      "lora_r": 8,  // rank
      "training_args": {"learning_rate": 1e-4}
    }}
  }
  // the end
}
"""
    expected = """{
  // the machine
  // only one
  "host": "s",
  "passes": {
    /* adapters */
    "tune": {
      "type": "LoRA",
      // rank
      "r": 8,
      "training_args": {
        // the end
        "learning_rate": 1e-4
      }
    }
  }
}
"""
    assert migrate(text) == expected
    assert migrate(text.replace("\n", "\r\n")) == expected.replace("\n", "\r\n")


def test_what_is_left_out_is_told() -> None:
    text = '{"passes": {"a": {"type": "LoRA", "config": {"double_quant": true, "r": 8}}}}'
    result = migration(text)
    assert json.loads(result.text) == {"passes": {"a": {"type": "LoRA", "r": 8}}}
    assert len(result.notes) == 1
    assert "double_quant" in result.notes[0]


def test_settings_that_would_change_their_meaning_beside_the_block_stay_inside() -> None:
    text = '{"engine": {"host": "h"}, "passes": {"a": {"type": "X", "config": {"host": "a parameter"}}}}'
    migrated = migrate(text)
    assert json.loads(migrated)["passes"]["a"] == {"type": "X", "config": {"host": "a parameter"}}
    assert meaning(migrated) == meaning(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"engine": {"host": "h", "type": "x", "name": 1}, "input_model": {"config": {}}}',
        '{"engine": {"host": "h"}, "passes": [{"type": "LoRA"}]}',
        '{"engine": {"host": "h"}, "systems": [{"config": {}}], "evaluators": [{"metrics": 1}], "data_configs": 3}',
    ],
)
def test_mistakes_stay_what_they_are(text: str) -> None:
    assert meaning(migrate(text)) == meaning(text)
    assert migrate(text) != text


def test_a_document_nested_too_deep_to_print_comes_back_as_it_is() -> None:
    text = '{"engine": {"host": "h"}, "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    result = migration(text)
    assert result.text is text
    assert "deep" in result.notes[0]


def documents() -> list[Path]:
    found = [FIXTURES / "moods-2024.json", FIXTURES / "moods-today.json"]
    return found + sorted(path for folder in ("cookbook", "old") for path in (CORPUS / folder).glob("*.json"))


def same_meaning() -> list[str]:
    cases = (FIXTURES / "same-meaning.txt").read_text().removeprefix("=== ").split("\n=== ")
    return [text for case in cases for text in case.partition("\n")[2].split("\n---\n")]


@pytest.mark.parametrize("text", [*(path.read_text() for path in documents()), *same_meaning()])
def test_the_migrated_config_means_the_same_and_is_of_today(text: str) -> None:
    result = migration(text)
    again = resolve(parse(result.text).tree)
    assert to_data(again.workflow) == meaning(text)
    assert list(meaning(text).get("passes") or {}) == list(to_data(again.workflow).get("passes") or {})
    assert migrate(result.text) == result.text
    if result.text is not text:
        assert again.generation == "new"
        assert not [problem for problem in again.problems if problem.code.startswith("old-")]
