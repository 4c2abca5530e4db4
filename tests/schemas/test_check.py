"""The whole check: every problem once, at its place, whatever the text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olivine_schemas.check import check
from olivine_schemas.problems import Severity, apply_edits
from olivine_schemas.tree import Object, to_data

FIXTURES = Path(__file__).parent / "fixtures"
CORPUS = Path(os.environ.get("OLIVINE_CORPUS", "no-corpus"))
"""A folder of real configs, tested too where it is given."""
CONFIGS = [path.read_text() for path in [*FIXTURES.glob("moods-*.json"), *CORPUS.glob("cookbook/*")]]


def findings(text: str, yaml: bool = False) -> list[tuple[str, str, str]]:
    """Severity, code and underlined text of every problem."""
    return [(p.severity.value, p.code, text[p.span.start : p.span.end]) for p in check(text, yaml=yaml).problems]


def with_model(rest: str) -> str:
    return '{"input_model": {"type": "HfModel", "model_path": "m"}, ' + rest + "}"


@pytest.mark.parametrize("name", ["moods-2024.json", "moods-today.json"])
def test_good_configs_of_both_generations_have_no_errors(name: str) -> None:
    checked = check((FIXTURES / name).read_text())
    assert checked.errors == ()
    assert checked.workflow is not None
    assert checked.generation == ("old" if "2024" in name else "new")


def test_every_stage_is_heard_in_the_order_of_the_text() -> None:
    text = with_model(
        '"passes": {"a": {"type": "LoRA", "lora_r": "x", "train_data_config": "d"}}, // rest\n "pases": {}'
    )
    found = findings(text)
    assert ("hint", "old-name", '"lora_r"') in found  # resolve
    assert ("error", "wrong-type", '"x"') in found  # schema
    assert ("error", "dangling-data-config", '"d"') in found  # rules
    assert ("warning", "comment", "// rest") in found  # parser
    assert ("error", "unknown-key", '"pases"') in found
    spans = [problem.span for problem in check(text).problems]
    assert spans == sorted(spans)


def test_a_syntax_error_is_the_only_problem_of_the_member_it_damages() -> None:
    text = with_model('"passes": {"a": {"type": "ModelBuilder", "precision": int4}}')
    assert [(severity, underlined) for severity, _, underlined in findings(text)] == [("error", "int4")]


def test_a_setting_without_effect_is_a_warning_that_offers_to_remove_it() -> None:
    text = with_model('"passes": {"a": {"type": "LoRA", "double_quant": true, "train_data_config": "d"}}')
    (problem,) = [p for p in check(text).problems if "double_quant" in p.message]
    assert (problem.severity, problem.code) == (Severity.WARNING, "ignored-setting")
    (fix,) = problem.fixes
    repaired = json.loads(apply_edits(text, fix.edits))
    assert repaired["passes"]["a"] == {"type": "LoRA", "train_data_config": "d"}


def test_an_unknown_setting_that_is_only_warned_of_does_not_reach_the_run() -> None:
    text = with_model('"passes": {"a": {"type": "ModelBuilder", "precision": "int4", "save_as_external_data": true}}')
    assert findings(text) == [("warning", "unknown-key", '"save_as_external_data"')]
    assert to_data(check(text).workflow)["passes"]["a"][0]["config"] == {"precision": "int4"}


def test_old_names_are_hints_and_never_unknown_keys() -> None:
    text = (FIXTURES / "moods-2024.json").read_text()
    assert {(severity, code) for severity, code, _ in findings(text) if code.startswith("old-")} == {
        ("hint", "old-name"),
        ("hint", "old-form"),
    }
    assert "unknown-key" not in {code for _, code, _ in findings(text)}


def test_yaml_means_what_json_means() -> None:
    text = """input_model:
  type: HfModel
  model_path: m
passes:
  a: {type: LoRA, r: 8, train_data_config: d}
"""
    in_json = with_model('"passes": {"a": {"type": "LoRA", "r": 8, "train_data_config": "d"}}')
    checked = check(text, yaml=True)
    assert to_data(checked.workflow) == to_data(check(in_json).workflow)
    assert findings(text, yaml=True) == [("error", "dangling-data-config", "d")]


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '"x"', "}", "{", '{"a"', "\ufeff{}", "\x00", "{" * 5000, "[" * 5000]
)
@pytest.mark.parametrize("yaml", [False, True])
def test_what_is_no_config_is_refused(text: str, yaml: bool) -> None:
    checked = check(text, yaml=yaml)
    assert checked.errors
    assert isinstance(checked.workflow, Object) or checked.workflow is None


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A real config with a few pieces cut out, doubled, moved or overwritten."""
    text = draw(st.sampled_from(CONFIGS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 60)))
        put = draw(
            st.one_of(
                st.sampled_from(
                    ["", '"', "{", "}", "[", "]", ",", ":", "null", "3", "true", "[]", "{}", '"x"', "//", "\n"]
                ),
                st.just(text[start:end] * 2),
                st.text(max_size=5),
            )
        )
        text = text[:start] + put + text[end:]
    return text


@settings(max_examples=300, deadline=None)
@given(damaged(), st.booleans())
def test_any_damage_gives_problems_inside_the_text_and_never_an_exception(text: str, yaml: bool) -> None:
    checked = check(text, yaml=yaml)
    spans = [problem.span for problem in checked.problems]
    assert all(0 <= span.start <= span.end <= len(text) for span in spans)
    assert len(spans) == len(set(spans))
    for problem in checked.problems:
        for fix in problem.fixes:
            assert isinstance(apply_edits(text, fix.edits), str)


@st.composite
def reshaped(draw: st.DrawFn) -> str:
    """A real config, sound as JSON, in which some values are of any other type."""
    data = json.loads(draw(st.sampled_from([text for text in CONFIGS if text.lstrip().startswith("{")])))
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "config", "name", "x"]), inner)
        ),
        max_leaves=6,
    )
    for _ in range(draw(st.integers(1, 4))):
        block = data
        while True:
            keys = list(block) if isinstance(block, dict) else range(len(block))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(block[key], (dict, list)) or draw(st.integers(0, 3)) == 0:
                block[key] = draw(values)
                break
            block = block[key]
    return json.dumps(data, indent=2)


@settings(max_examples=300, deadline=None)
@given(reshaped())
def test_values_of_any_type_anywhere_are_survived(text: str) -> None:
    checked = check(text)
    assert checked.workflow is not None
    assert all(0 <= problem.span.start <= problem.span.end <= len(text) for problem in checked.problems)
