"""Formatting changes space only, and changes nothing the second time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_edits import documents

from olivine_schemas.format import format_json
from olivine_schemas.parser import parse
from olivine_schemas.problems import apply_edits
from olivine_schemas.tree import to_data


def _format(text: str, indent: str | None = None) -> str:
    return apply_edits(text, format_json(text, indent))


@given(documents(), st.sampled_from([None, "  ", "\t"]))
def test_the_data_stays_and_a_second_time_changes_nothing(text: str, indent: str | None) -> None:
    formatted = _format(text, indent)
    before, after = parse(text), parse(formatted)
    assert to_data(after.tree) == to_data(before.tree)
    assert [formatted[c.start : c.end] for c in after.comments] == [text[c.start : c.end] for c in before.comments]
    assert _format(formatted, indent) == formatted


@given(documents())
def test_only_space_changes(text: str) -> None:
    for edit in format_json(text):
        assert (text[edit.span.start : edit.span.end] + edit.text).strip() == ""


CASES: list[tuple[str, Any, str]] = [
    ('{"a":1,"b":{"c":[1,2]}}', "  ", '{\n  "a": 1,\n  "b": {\n    "c": [1, 2]\n  }\n}'),
    ('{\n "a": {"x": []}, "b": { } }\n\n', None, '{\n "a": {\n  "x": []\n },\n "b": {}\n}\n'),
    ('{ // head\n"a": 1, // why\n\n\n/* b */ "b": 2\n// end\n}', "  ",
     '{ // head\n  "a": 1, // why\n\n  /* b */ "b": 2\n  // end\n}'),
    ('{"a": [\n1,\n2], "b": [{"x":1}]}', "  ",
     '{\n  "a": [\n    1,\n    2\n  ],\n  "b": [\n    {\n      "x": 1\n    }\n  ]\n}'),
    ('\ufeff  {"a":1,}', "  ", '\ufeff{\n  "a": 1,\n}'),
    ('{"a" 1}', None, '{"a" 1}'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "indent", "expected"), CASES)
def test_layout(text: str, indent: str | None, expected: str) -> None:
    assert _format(text, indent) == expected
