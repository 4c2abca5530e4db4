"""The demo: its data is what its README says, and its two configs say the same."""

from __future__ import annotations

import json
import re
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from olivine_schemas.check import check
from olivine_schemas.tree import to_data

EXAMPLE = Path(__file__).parents[2] / "examples" / "phrase-tone"
CONFIGS = ("olive-config.json", "olive-config.today.json")
TONES = ("sad", "joy", "fear", "surprise")


def _rows(name: str) -> list[dict[str, str]]:
    lines = (EXAMPLE / "dataset" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


TRAINING = _rows("dataset-classification.json")
DEVELOPMENT = _rows("development.json")
HELD_OUT = _rows("held-out.json")
WRITTEN = pytest.mark.parametrize("rows", [DEVELOPMENT, HELD_OUT], ids=["development", "held out"])
EVERY = pytest.mark.parametrize("rows", [TRAINING, DEVELOPMENT, HELD_OUT], ids=["training", "development", "held out"])


def _words(phrase: str) -> list[str]:
    return re.findall(r"[a-z']+", phrase.lower())


def _runs_of_words(phrase: str, length: int = 5) -> set[tuple[str, ...]]:
    words = _words(phrase)
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


@EVERY
def test_rows_are_enough_different_and_balanced(rows: list[dict[str, str]]) -> None:
    assert len(rows) >= (800 if rows is TRAINING else 200)
    assert {tuple(row) for row in rows} == {("phrase", "tone")}
    assert len({row["phrase"].lower() for row in rows}) == len(rows)
    assert Counter(row["tone"] for row in rows) == dict.fromkeys(TONES, len(rows) / 4)


@EVERY
def test_no_phrase_gives_its_tone_away(rows: list[dict[str, str]]) -> None:
    label = re.compile(r"\b(sad|joy|fear|surpris)", re.IGNORECASE)
    assert [row["phrase"] for row in rows if label.search(row["phrase"])] == []
    assert [row["phrase"] for row in rows if re.search(r"[\[\]{}|]", row["phrase"])] == []


def test_no_common_word_stands_for_one_tone() -> None:
    tones: dict[str, Counter[str]] = {}
    for row in TRAINING:
        for word in set(_words(row["phrase"])):
            tones.setdefault(word, Counter())[row["tone"]] += 1
    common = {word: counts for word, counts in tones.items() if counts.total() >= len(TRAINING) * 0.03}
    assert len(common) > 20
    assert {word: counts for word, counts in common.items() if len(counts) == 1} == {}


@WRITTEN
def test_phrases_to_measure_on_are_built_differently(rows: list[dict[str, str]]) -> None:
    known = set().union(*(_runs_of_words(row["phrase"]) for row in TRAINING))
    assert [row["phrase"] for row in rows if known & _runs_of_words(row["phrase"])] == []


def test_settings_were_not_chosen_with_the_phrases_to_measure_on() -> None:
    known = set().union(*(_runs_of_words(row["phrase"]) for row in DEVELOPMENT))
    assert [row["phrase"] for row in HELD_OUT if known & _runs_of_words(row["phrase"])] == []
    assert all('"dataset/held-out.json"' in (EXAMPLE / name).read_text(encoding="utf-8") for name in CONFIGS)


def test_training_file_is_what_the_templates_make() -> None:
    assert runpy.run_path(str(EXAMPLE / "build_dataset.py"))["dataset"]() == TRAINING


@pytest.mark.parametrize("name", CONFIGS)
def test_config_has_no_problems_and_names_files_that_exist(name: str) -> None:
    text = (EXAMPLE / name).read_text(encoding="utf-8")
    assert check(text).errors == ()
    files = re.findall(r'"data_files": "([^"]+)"', text)
    assert len(files) == 2 and all((EXAMPLE / file).is_file() for file in files)


def test_old_and_todays_config_mean_the_same() -> None:
    old, today = (_meaning(name) for name in CONFIGS)
    assert old == today


def _meaning(name: str) -> Any:
    """The canonical form as plain data."""
    workflow = check((EXAMPLE / name).read_text(encoding="utf-8")).workflow
    assert workflow is not None
    return to_data(workflow)
