"""YAML becomes the same tree as JSON, with spans, and never raises."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from olivine_schemas.tree import Array, Node, Object, child, locate, to_data, walk
from olivine_schemas.yaml_tree import parse_yaml

CORPUS = Path(os.environ.get("OLIVINE_CORPUS", "no-corpus"))
PIECES = [
    "a",
    "b",
    ": ",
    "\n",
    "  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "<<: ",
    "!x ",
    '"',
    "'",
    "|\n",
    "? ",
    "1",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), VALUES, min_size=1, max_size=4), st.booleans())
def test_data_is_that_of_safe_load(data: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    parsed = parse_yaml(text)
    assert parsed.problems == ()
    assert to_data(parsed.tree) == yaml.safe_load(text)


@given(st.lists(st.sampled_from([*PIECES, "---\n", "%", "\t", "@", "\x07", "é", "\ud800"]), max_size=25).map("".join))
def test_any_text_gives_a_tree_inside_the_text(text: str) -> None:
    parsed = parse_yaml(text)
    assert isinstance(parsed.tree, Object) or parsed.problems
    for _, node in walk(parsed.tree):
        assert 0 <= node.span.start <= node.span.end <= len(text)
    for problem in parsed.problems:
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
    for offset in range(len(text) + 1):
        locate(parsed.tree, offset)


TYPES = "a: yes\nb: 1e-4\nc: 2020-01-01\nd: ~\ne:\nf: 0x1F\ng: '1'\nh: .5\n"
ANCHORS = "a: &x {b: 1, c: [1, 2]}\nd:\n  <<: *x\n  c: 3\ne: *x\nf: {<<: [*x, {g: 2}]}\n"


def test_scalars_have_the_types_of_yaml_and_dates_stay_text() -> None:
    assert to_data(parse_yaml(TYPES).tree) == {
        "a": True, "b": "1e-4", "c": "2020-01-01", "d": None, "e": None, "f": 31, "g": "1", "h": 0.5,
    }  # fmt: skip


def test_anchors_and_merge_keys_are_resolved() -> None:
    parsed = parse_yaml(ANCHORS)
    assert parsed.problems == ()
    assert to_data(parsed.tree) == yaml.safe_load(ANCHORS)


PROBLEMS = [
    ("a: 1\na: 2\n", "duplicate-key", "a", {"a": 2}),
    ("a: 1\nb: [1, 2\n", "invalid-yaml", "", {"a": 1, "b": [1, 2]}),
    ("a: *q", "unknown-anchor", "*q", {}),
    ("a: &a [*a]", "unknown-anchor", "*a", {"a": []}),
    ("", "empty-document", "", None),
    ("- 1", "not-an-object", "- 1", [1]),
    ("a: !foo bar", "invalid-yaml", "!foo bar", {}),
    ("a: 1\n---\nb: 2", "unexpected-text", "---", {"a": 1}),
    ("a:\n\t- b", "invalid-yaml", "\t", {}),
    ("a: \x07", "invalid-yaml", "\x07", None),
]


@pytest.mark.parametrize(("text", "code", "marked", "data"), PROBLEMS)
def test_one_mistake_gives_one_problem(text: str, code: str, marked: str, data: Any) -> None:
    parsed = parse_yaml(text)
    assert [problem.code for problem in parsed.problems] == [code]
    span = parsed.problems[0].span
    assert text[span.start : span.end] == marked
    assert to_data(parsed.tree) == data


def test_aliases_of_aliases_do_not_blow_up() -> None:
    names = "abcdefghij"
    text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in pairwise(names)
    )
    parsed = parse_yaml(text)
    assert [problem.code for problem in parsed.problems] == ["too-many-aliases"]
    assert sum(1 for _ in walk(parsed.tree)) < 200_000


def test_deep_nesting_is_read() -> None:
    parsed = parse_yaml("a: " + "[" * 1200 + "]" * 1200)
    assert parsed.problems == ()
    assert to_data(parsed.tree)["a"]


def _token(text: str, node: Node | None) -> str:
    assert node is not None
    return text[node.span.start : node.span.end]


def test_nodes_know_where_they_stand() -> None:
    text = 'passes:\n  ft:\n    type: "LoRA" # why\n    target_modules: [q_proj, k_proj]\n'
    tree = parse_yaml(text).tree
    assert _token(text, child(tree, "passes", "ft", "type")) == '"LoRA"'
    assert _token(text, child(tree, "passes", "ft", "target_modules", 1)) == "k_proj"
    assert isinstance(child(tree, "passes", "ft", "target_modules"), Array)
    assert locate(tree, text.index("k_proj") + 2).path == ("passes", "ft", "target_modules", 1)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="OLIVINE_CORPUS names no folder of real configs")
def test_real_configs_parse_as_safe_load_does() -> None:
    for file in CORPUS.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        parsed = parse_yaml(text)
        assert (parsed.problems, to_data(parsed.tree)) == ((), yaml.safe_load(text)), file.name
