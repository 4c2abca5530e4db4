"""Fixes change exactly what they say, and leave a sound document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olivine_schemas.edits import insert_member, remove_member, rename_key, replace_value
from olivine_schemas.parser import parse
from olivine_schemas.problems import Edit, apply_edits
from olivine_schemas.tree import Node, Object, child, to_data, walk

KEYS = st.text(alphabet='ab"\\/é{],: \n', min_size=1, max_size=3)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(alphabet='xy"\\/*{],:é\n\u2028', max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)
LAYOUTS = st.sampled_from([None, 1, 2, 4, "\t"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document in one of the usual layouts, some with comments after values and before closing brackets."""
    text = json.dumps(draw(DOCUMENTS), indent=draw(LAYOUTS), ensure_ascii=draw(st.booleans()))
    comments = draw(
        st.lists(st.sampled_from(["", " // why, {\n", " /* so, ] */ ", "\n// on its own line\n"]), max_size=6)
    )
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    spans = [node.span.end for _, node in walk(parse(text).tree)]
    places = sorted({spans[draw(st.integers(0, len(spans) - 1))] for _ in comments})
    return apply_edits(text, [Edit(_at(place), comment) for place, comment in zip(places, comments, strict=False)])


def _at(place: int) -> Any:
    from olivine_schemas.problems import Span

    return Span(place, place)


def _objects(text: str) -> list[tuple[tuple[str | int, ...], Object]]:
    return [(path, node) for path, node in walk(parse(text).tree) if isinstance(node, Object)]


def _sound(text: str) -> Any:
    parsed = parse(text)
    assert [problem.code for problem in parsed.problems if problem.code != "comment"] == [], text
    return to_data(parsed.tree)


def _holder(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


@given(documents(), st.data())
def test_a_removed_member_is_gone_and_nothing_else(text: str, data: st.DataObject) -> None:
    objects = [(path, node) for path, node in _objects(text) if node.members]
    if not objects:
        return
    path, node = data.draw(st.sampled_from(objects))
    member = data.draw(st.sampled_from(node.members))
    expected = to_data(parse(text).tree)
    del _holder(expected, path)[member.name]
    assert _sound(apply_edits(text, remove_member(text, node, member))) == expected


@given(documents(), st.data(), KEYS, VALUES)
def test_an_inserted_member_is_there_and_nothing_else_changed(
    text: str, data: st.DataObject, key: str, value: Any
) -> None:
    path, node = data.draw(st.sampled_from(_objects(text)))
    expected = to_data(parse(text).tree)
    if key in _holder(expected, path):
        return
    _holder(expected, path)[key] = value
    assert _sound(apply_edits(text, insert_member(text, node, key, value))) == expected


@given(documents(), st.data(), VALUES)
def test_a_replaced_value_is_the_new_one(text: str, data: st.DataObject, value: Any) -> None:
    values = [(path, node) for path, node in walk(parse(text).tree) if path]
    if not values:
        return
    path, node = data.draw(st.sampled_from(values))
    expected = to_data(parse(text).tree)
    _holder(expected, path[:-1])[path[-1]] = value
    assert _sound(apply_edits(text, replace_value(node, value))) == expected


def _node(text: str, *path: str | int) -> Node:
    node = child(parse(text).tree, *path)
    assert node is not None
    return node


REMOVALS = [
    ('{"a": 1, "b": 2}', "a", '{"b": 2}'),
    ('{"a": 1, "b": 2}', "b", '{"a": 1}'),
    ('{"a": 1}', "a", "{}"),
    ('{\n  "a": 1,\n  "b": 2\n}', "a", '{\n  "b": 2\n}'),
    ('{\n  "a": 1,\n  "b": 2\n}', "b", '{\n  "a": 1\n}'),
    ('{\n  "a": 1, // why\n  "b": 2\n}', "b", '{\n  "a": 1 // why\n}'),
    ('{\n  "a": 1, // why\n  "b": 2\n}', "a", '{\n  "b": 2\n}'),
    ('{\n  // head\n  "a": {\n    "x": 1\n  },\n  "b": 2\n}', "a", '{\n  // head\n  "b": 2\n}'),
    ('{"a": 1, "b": 2,}', "b", '{"a": 1}'),
    ('{\r\n  "a": 1,\r\n  "b": 2\r\n}', "b", '{\r\n  "a": 1\r\n}'),
]


@pytest.mark.parametrize(("text", "key", "expected"), REMOVALS)
def test_removing_a_member_leaves_a_tidy_text(text: str, key: str, expected: str) -> None:
    root = _node(text)
    assert isinstance(root, Object)
    member = root.member(key)
    assert member is not None
    assert apply_edits(text, remove_member(text, root, member)) == expected


INSERTIONS: list[tuple[str, tuple[str, ...], Any, str]] = [
    ("{}", (), 1, '{"k": 1}'),
    ('{"a": 1}', (), 2, '{"a": 1, "k": 2}'),
    ('{"a": 1}', (), {"x": [1]}, '{"a": 1, "k": {"x": [1]}}'),
    ('{\n  "a": 1\n}', (), 2, '{\n  "a": 1,\n  "k": 2\n}'),
    ('{\n  "a": 1 // why\n}', (), 2, '{\n  "a": 1, // why\n  "k": 2\n}'),
    ('{\n  "a": 1, // why\n}', (), 2, '{\n  "a": 1, // why\n  "k": 2\n}'),
    ('{\n\t"a": 1\n}', (), {"x": 1}, '{\n\t"a": 1,\n\t"k": {\n\t\t"x": 1\n\t}\n}'),
    ('{\n  "a": {}\n}', ("a",), {"x": 1}, '{\n  "a": {\n    "k": {\n      "x": 1\n    }\n  }\n}'),
    ('{\n  "a": {\n  }\n}', ("a",), 1, '{\n  "a": {\n    "k": 1\n  }\n}'),
    ('{\r\n  "a": 1\r\n}', (), 2, '{\r\n  "a": 1,\r\n  "k": 2\r\n}'),
]


@pytest.mark.parametrize(("text", "path", "value", "expected"), INSERTIONS)
def test_inserting_a_member_follows_the_style_of_its_object(
    text: str, path: tuple[str, ...], value: Any, expected: str
) -> None:
    node = _node(text, *path)
    assert isinstance(node, Object)
    assert apply_edits(text, insert_member(text, node, "k", value)) == expected


def test_renaming_a_key_quotes_it() -> None:
    text = '{"lora_droput": 0.1}'
    root = _node(text)
    assert isinstance(root, Object)
    assert apply_edits(text, rename_key(root.members[0], 'a"b')) == '{"a\\"b": 0.1}'
