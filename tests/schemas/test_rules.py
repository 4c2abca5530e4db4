"""Rules on configs that are damaged, and on those of other people: they never raise, and raise no false alarm."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from cases import case_paths, read_case
from olivine_schemas.check import check
from olivine_schemas.facts import DatasetFacts, DeviceFacts, ModelFacts
from olivine_schemas.problems import Severity, apply_edits
from olivine_schemas.rules import RULES

CORPUS = Path(os.environ.get("OLIVINE_CORPUS", "no-corpus"))
CODES = {rule.code for rule in RULES}
ODD_VALUES: list[Any] = [None, True, 0, -1, 1.5, "", "x", [], {}, ["x"], [None], {"type": 3}, [[{}]], {"x": {"y": []}}]


class BadNews:
    """Facts that give every rule about the outside something to say."""

    def path_exists(self, path: str) -> bool | None:
        return False

    def neighbours(self, path: str) -> tuple[str, ...] | None:
        return ("dataset/phrases.json",)

    def text(self, path: str) -> str | None:
        return "def f(): pass\n- python=3.8"

    def dataset(self, files: tuple[str, ...], loader: str) -> DatasetFacts | None:
        return DatasetFacts(("a",), 1, {"a": 1})

    def model(self, path: str) -> ModelFacts | None:
        return ModelFacts("phi3", frozenset({"layer.a"}), 8, frozenset({"<|x|>"}), has_config=False)

    def devices(self) -> DeviceFacts | None:
        return DeviceFacts(has_cuda=False, bf16=False)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in below for place in places(item, (*path, key)))]


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_value(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("path", case_paths(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_value_anywhere_makes_a_rule_raise(path: Path) -> None:
    try:
        config = json.loads(read_case(path).text)
    except ValueError:
        return  # the case is about syntax
    rng = random.Random(path.name)
    for place in places(config):
        for odd in rng.sample(ODD_VALUES, 3):
            check(json.dumps(with_value(config, place, odd)), BadNews())


@pytest.mark.parametrize("path", case_paths(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_fix_on_damaged_text_can_be_applied(path: Path) -> None:
    text = read_case(path).text
    rng = random.Random(path.name)
    for _ in range(20):
        at = rng.randrange(len(text))
        damaged = text[:at] + rng.choice(["", "{", "]", '"', ","]) + text[at + rng.randrange(8) :]
        checked = check(damaged, BadNews())
        for problem in checked.problems:
            assert 0 <= problem.span.start <= problem.span.end <= len(damaged)
            for fix in (*problem.fixes, *problem.suggestions):
                assert all(0 <= edit.span.start <= edit.span.end <= len(damaged) for edit in fix.edits)
                apply_edits(damaged, fix.edits)


def test_a_secret_is_never_repeated() -> None:
    secret = "hf_" + "aBcD" * 8
    checked = check(json.dumps({"input_model": {"type": "HfModel", "model_path": "a/b"}, "x": secret, "pases": secret}))
    assert "literal-secret" in {problem.code for problem in checked.problems}
    assert not any(secret in problem.message for problem in checked.problems)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="OLIVINE_CORPUS names no folder of real configs")
def test_configs_that_run_have_no_error_of_a_rule() -> None:
    for entry in json.loads((CORPUS / "index.json").read_text()):
        if entry["olive_0_13"] == "ok":
            found = check((CORPUS / entry["file"]).read_text()).problems
            assert not [p for p in found if p.code in CODES and p.severity is Severity.ERROR], entry["file"]
