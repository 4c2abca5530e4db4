"""Values set for one run change what they name and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from olivine_schemas.overrides import OverrideRefused, override, parse_override

TEXT = """{
    // a comment stays
    "passes": {
        "tune": {"type": "LoRA", "r": 8},
        "a.b": {"type": "LoRA"}
    },
    "list": [1, {"x": 2}]
}
"""
YAML = "passes:\n  tune:\n    type: LoRA\n    r: 8\nbase: &b {x: 1}\nother: *b\n"


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("passes.tune.r", 16, '"r": 8', '"r": 16'),
        ("passes.tune.type", "QLoRA", '"tune": {"type": "LoRA"', '"tune": {"type": "QLoRA"'),
        ("passes.tune.alpha", 4.5, '"r": 8}', '"r": 8, "alpha": 4.5}'),
        ("passes.a.b.type", "x", '"a.b": {"type": "LoRA"', '"a.b": {"type": "x"'),
        ("list.0", None, "[1,", "[null,"),
        ("list.1.x", [1, {"y": True}], '"x": 2', '"x": [1, {"y": true}]'),
        ("passes.tune", {}, '{"type": "LoRA", "r": 8}', "{}"),
    ],
)
def test_the_rest_of_the_text_stays_as_it_is(path: str, value: Any, old: str, new: str) -> None:
    assert old in TEXT
    assert override(TEXT, {path: value}) == TEXT.replace(old, new)


def test_several_values_are_set_one_after_the_other() -> None:
    changed = override('{"a": {}}', {"a.b": {}, "a.b.c": 1, "d": 2})
    assert json.loads(changed) == {"a": {"b": {"c": 1}}, "d": 2}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("passes.tuna.r", "passes.tuna"),
        ("passes.tune.r.deep", "single value"),
        ("list.2", "list of 2"),
        ("list.x", "list of 2"),
        ("passes..r", "empty"),
        (".", "empty"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, words: str) -> None:
    with pytest.raises(OverrideRefused, match=words):
        override(TEXT, {path: 1})


@pytest.mark.parametrize("text", ["{", '{"passes": {"tune": ', ""])
def test_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(OverrideRefused, match="syntax"):
        override(text, {"passes": 1})


def test_yaml_keeps_its_layout() -> None:
    assert override(YAML, {"passes.tune.r": 16}, yaml=True) == YAML.replace("8", "16")


@pytest.mark.parametrize("path", ["passes.tune.alpha", "other.x"])
def test_yaml_that_would_come_out_otherwise_is_refused(path: str) -> None:
    with pytest.raises(OverrideRefused):
        override(YAML, {path: 1_000}, yaml=True)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a.b=8", ("a.b", 8)),
        ("a = [1, 2]", ("a", [1, 2])),
        ('a="8"', ("a", "8")),
        ("a=models/here", ("a", "models/here")),
        ("a=x=y", ("a", "x=y")),
        ("a=null", ("a", None)),
    ],
)
def test_values_are_json_or_else_text(text: str, parsed: tuple[str, Any]) -> None:
    assert parse_override(text) == parsed


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=[1", 'a="x', "a=True", "a=None"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(OverrideRefused):
        parse_override(text)
