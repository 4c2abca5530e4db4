"""The parser reads sound JSON exactly, and broken JSON with one problem for one mistake."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olivine_schemas.parser import Parsed, parse
from olivine_schemas.problems import Severity, apply_edits
from olivine_schemas.tree import Array, Node, Object, Scalar, locate, to_data, walk

CORPUS = Path(os.environ.get("OLIVINE_CORPUS", "no-corpus"))
NASTY = st.text(alphabet="ab\"\\/*{}[],:'é \n\t\x00\u2028\ud800", max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NASTY
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY, inner, max_size=4), max_leaves=12
)
DOCUMENTS = st.dictionaries(NASTY, VALUES, max_size=4)
PIECES = [
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "\n",
    "a",
    "1",
    " ",
    '"a"',
    "//",
    "/*",
    "*/",
    "'",
    "\\",
    "true",
    '"k":',
    "\t",
]
RUBBISH = st.lists(st.sampled_from([*PIECES, "\u2028", "\ud800", "\x00", "\ufeff", "-", "."]), max_size=40).map("".join)


def _codes(parsed: Parsed) -> list[str]:
    return [problem.code for problem in parsed.problems]


def _children(node: Node) -> list[Node]:
    if isinstance(node, Object):
        return [child for member in node.members for child in (member.key, member.value)]
    return node.items if isinstance(node, Array) else []


def check_sane(text: str) -> Parsed:
    """Parse, and assert what holds for every text."""
    parsed = parse(text)
    for _, node in walk(parsed.tree):
        assert 0 <= node.span.start <= node.span.end <= len(text)
        end = node.span.start
        for child in _children(node):
            assert end <= child.span.start, "children stand in order and do not overlap"
            end = child.span.end
        assert end <= node.span.end
    for problem in parsed.problems:
        assert 0 <= problem.span.start <= problem.span.end <= len(text)
        for fix in problem.fixes:
            assert all(0 <= edit.span.start <= edit.span.end <= len(text) for edit in fix.edits)
    to_data(parsed.tree)
    return parsed


# Sound text


@given(DOCUMENTS, st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_sound_json_is_read_as_json_reads_it(data: dict[str, Any], indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    parsed = check_sane(text)
    assert parsed.problems == ()
    assert to_data(parsed.tree) == json.loads(text)


@given(st.lists(st.tuples(st.sampled_from("ab"), VALUES), min_size=1, max_size=5))
def test_of_duplicate_keys_the_last_counts_and_the_later_are_reported(pairs: list[tuple[str, Any]]) -> None:
    text = "{" + ", ".join(f'"{key}": {json.dumps(value)}' for key, value in pairs) + "}"
    parsed = parse(text)
    assert _codes(parsed) == ["duplicate-key"] * (len(pairs) - len(dict(pairs)))
    assert to_data(parsed.tree) == json.loads(text)


@given(DOCUMENTS, st.data())
def test_space_and_comments_change_nothing(data: dict[str, Any], draw: st.DataObject) -> None:
    text = json.dumps(data, indent=1)
    lines = [line + draw.draw(st.sampled_from(["", " // {", "\r", "\n\n", " /* ] */ "])) for line in text.split("\n")]
    parsed = check_sane("\n".join(lines))
    assert set(_codes(parsed)) <= {"comment"}
    assert to_data(parsed.tree) == data


@pytest.mark.skipif(not CORPUS.is_dir(), reason="OLIVINE_CORPUS names no folder of real configs")
def test_real_configs_are_read_as_json_reads_them() -> None:
    for file in CORPUS.rglob("*.json"):
        text = file.read_text(encoding="utf-8")
        try:
            expected = json.loads(text)
        except ValueError:
            continue
        parsed = parse(text)
        assert set(_codes(parsed)) <= {"duplicate-key"} or file.name == "index.json", file.name
        assert to_data(parsed.tree) == expected, file.name


# Any text


@given(RUBBISH)
def test_any_text_gives_a_tree(text: str) -> None:
    check_sane(text)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_tree(data: bytes) -> None:
    check_sane(data.decode("latin-1"))


HUGE = {
    "deep": '{"a":' * 5000 + "1" + "}" * 5000,
    "deep and unclosed": '{"a": [' * 5000,
    "deep array": '{"a":' + "[" * 5000,
    "one long line": '{"a": "' + "x" * 2_000_000 + '"}',
    "many on one line": "{" + ", ".join(f'"k{i}": {i}' for i in range(100_000)) + "}",
    "quotes": '"' * 20_000,
    "comments that never close": "{" + "/*\n" * 20_000,
    "commas": "{" + "," * 20_000,
    "colons": "{" + '"a":' * 5_000,
    "words": "{" + "a " * 20_000,
    "digits": '{"a": ' + "9" * 10_000 + "}",
    "closers": "{" + "}]" * 5_000,
    "openers": "{" + "{[" * 5_000,
    "quotes and commas": "{" + '",' * 20_000,
    "glued": "{" + 'a"b"c' * 5_000,
    "keys": '{"a": [' + '"x": ' * 5_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_size_and_depth_are_no_obstacle(text: str) -> None:
    check_sane(text)


# One mistake, one problem: the text, its code, the marked text, the data, the text after the first fix

MISTAKES: list[tuple[str, str, str, Any, str | None]] = [
    ('{"a": 1 "b": 2}', "missing-comma", "1", {"a": 1, "b": 2}, '{"a": 1, "b": 2}'),
    ('{"a": [1 2]}', "missing-comma", "1", {"a": [1, 2]}, '{"a": [1, 2]}'),
    ('{\n "a": {}\n "b": 2\n}', "missing-comma", "}", {"a": {}, "b": 2}, '{\n "a": {},\n "b": 2\n}'),
    ('{"a": 1, }', "trailing-comma", ",", {"a": 1}, '{"a": 1 }'),
    ('{"a": [1,]}', "trailing-comma", ",", {"a": [1]}, '{"a": [1]}'),
    ('{"a": 1 // why\n}', "comment", "// why", {"a": 1}, '{"a": 1 \n}'),
    ('{"a": /* why */ 1}', "comment", "/* why */", {"a": 1}, '{"a":  1}'),
    ('{"a": 1, /* why\n "b": 1}', "unclosed", "/* why", {"a": 1, "b": 1}, '{"a": 1, /* why */\n "b": 1}'),
    ('{"a" 1}', "missing-colon", '"a"', {"a": 1}, '{"a": 1}'),
    ('{"a" {"b": 1}}', "missing-colon", '"a"', {"a": {"b": 1}}, '{"a": {"b": 1}}'),
    ('{"a": }', "missing-value", '"a":', {}, None),
    ('{"a": , "b": 1}', "missing-value", '"a":', {"b": 1}, None),
    ('{"a":\n "b": 1}', "missing-value", '"a":', {"b": 1}, None),
    ('{"a", "b": 1}', "missing-value", '"a"', {"b": 1}, None),
    ('{"a"\n "b": 1}', "missing-value", '"a"', {"b": 1}, None),
    ('{"a": 1', "unclosed", "{", {"a": 1}, '{"a": 1}'),
    ('{"a": [{"b": 1', "unclosed", "{", {"a": [{"b": 1}]}, '{"a": [{"b": 1}]}'),
    ('{"a": [1, 2, "b": 3}', "unclosed", "[", {"a": [1, 2], "b": 3}, None),
    ('{\n"a": {\n  "x": 1,\n"b": 2\n}', "unclosed", "{", {"a": {"x": 1}, "b": 2}, '{\n"a": {\n  "x": 1},\n"b": 2\n}'),
    ('{\n "a": {\n  "x": 1,\n "b": 2\n}', "unclosed", "{", {"a": {"x": 1}, "b": 2}, None),
    ('{\n "a": [\n  1\n ,\n "b": 2\n}', "unclosed", "[", {"a": [1], "b": 2}, None),
    ('{\n "a": \n  "x": 1\n },\n "b": 2\n}', "unopened", '"', {"a": {"x": 1}, "b": 2}, None),
    ('{"a": "x", "y"], "b": 2}', "unopened", '"', {"a": ["x", "y"], "b": 2}, '{"a": ["x", "y"], "b": 2}'),
    ('"a": 1}', "unopened", '"', {"a": 1}, '{"a": 1}'),
    ('{\n "a": {\n  "x": 1}\n  "y": 2\n },\n "b": 2\n}', "unexpected-text", "}", {"a": {"x": 1, "y": 2}, "b": 2}, None),
    ('{"a": "x\n}', "unclosed", '"x', {"a": "x"}, '{"a": "x"\n}'),
    ('{"a": "x,\n "b": 1}', "unclosed", '"x', {"a": "x", "b": 1}, '{"a": "x",\n "b": 1}'),
    ('{"a": {"b": "x},\n "c": 1}', "unclosed", '"x', {"a": {"b": "x"}, "c": 1}, '{"a": {"b": "x"},\n "c": 1}'),
    ('{"a": ["x, "y"]}', "unclosed", '"x', {"a": ["x", "y"]}, '{"a": ["x", "y"]}'),
    ('{"a: "x", "b": 1}', "unclosed", '"a', {"a": "x", "b": 1}, '{"a": "x", "b": 1}'),
    ('{"a: {"x": 1}}', "unclosed", '"a', {"a": {"x": 1}}, '{"a": {"x": 1}}'),
    ('{a": "x"}', "unclosed", 'a"', {"a": "x"}, '{"a": "x"}'),
    ('{"a": x y", "b": 1}', "unclosed", 'x y"', {"a": "x y", "b": 1}, '{"a": "x y", "b": 1}'),
    ('{"a": "x""}', "unexpected-text", '"x""', {"a": "x"}, '{"a": "x"}'),
    ('{"a": "x"y"}', "unexpected-text", '"x"y"', {"a": 'x"y'}, '{"a": "x\\"y"}'),
    ('{"a": 1} x', "unexpected-text", "x", {"a": 1}, '{"a": 1} '),
    ('{"a": 1}}', "unexpected-text", "}", {"a": 1}, '{"a": 1}'),
    ('{"a": 1,, "b": 2}', "unexpected-text", ",", {"a": 1, "b": 2}, '{"a": 1, "b": 2}'),
    ('{"a":: 1}', "unexpected-text", ":", {"a": 1}, '{"a": 1}'),
    ('{"a",: 1}', "unexpected-text", ",", {"a": 1}, '{"a": 1}'),
    ('{"a": 1 x, "b": 2}', "unexpected-text", "x", {"a": 1, "b": 2}, '{"a": 1 , "b": 2}'),
    ('{x"a": 1}', "unexpected-text", "x", {"a": 1}, '{"a": 1}'),
    ('{"a": [1}}', "unexpected-text", "}", {"a": [1]}, '{"a": [1]}'),
    ('{"a": 1, } "b": 2}', "unexpected-text", "}", {"a": 1, "b": 2}, '{"a": 1,  "b": 2}'),
    ('{"a": }1, "b": 2}', "unexpected-text", "}", {"a": 1, "b": 2}, '{"a": 1, "b": 2}'),
    ('{"  "a": 1}', "unexpected-text", '"', {"a": 1}, '{  "a": 1}'),
    ('{: "a": 1}', "unexpected-text", ":", {"a": 1}, '{ "a": 1}'),
    ('{"a"x: 1}', "unexpected-text", 'x', {"a": 1}, '{"a": 1}'),
    ('{"a": \\ 1}', "unexpected-text", "\\", {"a": 1}, '{"a":  1}'),
    ('{"a": 1\n pas\n}', "unexpected-text", "pas", {"a": 1}, None),
    ('{"a": "x\ny"}', "control-character", "\n", {"a": "x\ny"}, '{"a": "x\\ny"}'),
    ('{a: 1}', "unexpected-text", "a", {"a": 1}, '{"a": 1}'),
    ('{ pas }', "unexpected-text", "pas", {}, '{ "pas" }'),
    ('{"a": tru}', "unexpected-text", "tru", {}, '{"a": true}'),
    ('{"a": LoRA, "b": 1}', "unexpected-text", "LoRA", {"b": 1}, '{"a": "LoRA", "b": 1}'),
    ("{'a': 1}", "single-quotes", "'a'", {"a": 1}, '{"a": 1}'),
    ("{\"a\": 'it\\'s \"so\"'}", "single-quotes", "'it\\'s \"so\"'", {"a": 'it\'s "so"'}, '{"a": "it\'s \\"so\\""}'),
    ('{"a": True}', "python-literal", "True", {"a": True}, '{"a": true}'),
    ('{"a": None}', "python-literal", "None", {"a": None}, '{"a": null}'),
    ('{"a": 01}', "bad-number", "01", {"a": 1}, '{"a": 1}'),
    ('{"a": .5}', "bad-number", ".5", {"a": 0.5}, '{"a": 0.5}'),
    ('{"a": 1.}', "bad-number", "1.", {"a": 1.0}, '{"a": 1.0}'),
    ('{"a": +1}', "bad-number", "+1", {"a": 1}, '{"a": 1}'),
    ('{"a": 0x10}', "bad-number", "0x10", {"a": 16}, '{"a": 16}'),
    ('{"a": -Infinity}', "bad-number", "-Infinity", {"a": float("-inf")}, None),
    ('{"a": "\\d"}', "bad-escape", "\\d", {"a": "\\d"}, '{"a": "\\\\d"}'),
    ('{"a": "C:\\new\\users"}', "bad-escape", "\\u", {"a": "C:\\new\\users"}, '{"a": "C:\\\\new\\\\users"}'),
    ('{"a": "x\ty"}', "control-character", "\t", {"a": "x\ty"}, '{"a": "x\\ty"}'),
    ('{"a": 1, "a": 2}', "duplicate-key", '"a"', {"a": 2}, None),
    ("", "empty-document", "", None, None),
    ("// nothing\n", "empty-document", "", None, None),
    ("[1]", "not-an-object", "[", [1], None),
    ('"a"', "not-an-object", '"a"', "a", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "marked", "data", "fixed"), MISTAKES)
def test_one_mistake_gives_one_problem(text: str, code: str, marked: str, data: Any, fixed: str | None) -> None:
    parsed = check_sane(text)
    others = {"comment"} - {code}
    problems = [problem for problem in parsed.problems if problem.code not in others]
    assert [(problem.code, text[problem.span.start : problem.span.end]) for problem in problems] == [(code, marked)]
    assert to_data(parsed.tree) == data
    if fixed is not None:
        fix, *_ = (*problems[0].fixes, *problems[0].suggestions)
        assert apply_edits(text, fix.edits) == fixed


def test_what_microsoft_olive_alone_refuses_is_a_warning() -> None:
    text = '\ufeff{"a": [1,], // why\n}'
    assert {problem.severity for problem in parse(text).problems} == {Severity.WARNING}
    comment = parse(text).comments[0]
    assert text[comment.start : comment.end] == "// why"


# The cursor: the text with a pipe at it, the path there, whether a key belongs there, the token to replace

CURSORS = [
    ('{"a": |}', ("a",), False, None),
    ('{"a":|', ("a",), False, None),
    ('{"a": |\n "b": 1}', ("a",), False, None),
    ('{"a": |, "b": 1}', ("a",), False, None),
    ('{"a": ,| "b": 1}', (), True, None),
    ('{"a": tr|u}', ("a",), False, "tru"),
    ('{"a": "Lo|', ("a",), False, '"Lo'),
    ('{"a": "Lo|\n}', ("a",), False, '"Lo'),
    ('{"a": 1, |}', (), True, None),
    ('{"a": 1|}', ("a",), False, "1"),
    ('{"a": 1 |}', (), True, None),
    ('{"pas|', ("pas",), True, '"pas'),
    ('{"pas|}', ("pas",), True, '"pas'),
    ('{"pas|"}', ("pas",), True, '"pas"'),
    ('{"pas|\n "b": 1}', ("pas",), True, '"pas'),
    ('{ pas| }', ("pas",), True, "pas"),
    ('{"pa|s": 1}', ("pas",), True, '"pas"'),
    ('{"pas" |: 1}', ("pas",), True, None),
    ('{|}', (), True, None),
    ('{|', (), True, None),
    ('|{}', (), False, None),
    ('{}|', (), False, None),
    ('|', (), False, None),
    ('{"a": ["x", |]}', ("a", 1), False, None),
    ('{"a": ["x",|', ("a", 1), False, None),
    ('{"a": [|]}', ("a", 0), False, None),
    ('{"a": [|"x"]}', ("a", 0), False, '"x"'),
    ('{"a": [{"x": 1}, {"y": |}]}', ("a", 1, "y"), False, None),
    ('{"a": {"b": {|', ("a", "b"), True, None),
    ('{"a": {"b": {\n  |\n "c": 1}', ("a", "b"), True, None),
    ('{"a": {"b": 1}|}', ("a",), False, None),
    ('{\n "a": {\n  "x": 1,\n  |\n "b": 2\n}', ("a",), True, None),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "path", "in_key", "token"), CURSORS)
def test_the_cursor_is_found_in_broken_text(
    marked: str, path: tuple[Any, ...], in_key: bool, token: str | None
) -> None:
    offset = marked.index("|")
    text = marked.replace("|", "")
    cursor = locate(parse(text).tree, offset)
    assert (cursor.path, cursor.in_key) == (path, in_key)
    assert (cursor.span and text[cursor.span.start : cursor.span.end]) == token
    assert locate(parse(text).tree, offset).path == path


# Damage to whole configs

CONFIG = json.dumps(
    {
        "input_model": {"type": "HfModel", "model_path": "microsoft/phi-2", "load_kwargs": {"trust_remote_code": True}},
        "data_configs": [
            {"name": "phrases", "type": "HuggingfaceContainer", "load_dataset_config": {"split": "train[:80%]"}},
            {"name": "eval", "pre_process_data_config": {"max_seq_len": 1024, "text_cols": ["phrase", "tone"]}},
        ],
        "passes": {"ft": {"type": "LoRA", "target_modules": ["q_proj", "k_proj"], "training_args": {"lr": 1e-4}}},
        "output_dir": "models/out",
    },
    indent=4,
)


def _leaves(tree: Node) -> dict[tuple[Any, ...], Any]:
    return {path: node.value for path, node in walk(tree) if isinstance(node, Scalar)}


@pytest.mark.parametrize("offset", range(0, len(CONFIG), 3))
def test_a_cut_config_keeps_what_was_written_and_where_the_cursor_is(offset: int) -> None:
    whole = parse(CONFIG).tree
    parsed = check_sane(CONFIG[:offset])
    before = {path: node.value for path, node in walk(whole) if isinstance(node, Scalar) and node.span.end <= offset}
    assert _leaves(parsed.tree).items() >= before.items()
    assert len(parsed.problems) == 1
    if offset > 1:
        assert locate(parsed.tree, offset).container_path == locate(whole, offset).container_path


def test_a_deleted_character_costs_no_other_line() -> None:
    whole = parse(CONFIG).tree
    kept = 0
    offsets = [offset for offset, char in enumerate(CONFIG) if char in '{}[]",:']
    for offset in offsets:
        line_start = CONFIG.rfind("\n", 0, offset) + 1
        line_end = (CONFIG + "\n").index("\n", offset)
        undamaged = {
            path: node.value
            for path, node in walk(whole)
            if isinstance(node, Scalar) and (node.span.end <= line_start or node.span.start >= line_end)
        }
        leaves = _leaves(check_sane(CONFIG[:offset] + CONFIG[offset + 1 :]).tree)
        kept += leaves.items() >= undamaged.items()
    assert kept >= 0.94 * len(offsets)


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_never_breaks_the_tree(seed: int) -> None:
    dice = random.Random(seed)
    text = CONFIG
    for _ in range(20):
        start = dice.randrange(len(text) + 1)
        text = text[:start] + dice.choice(PIECES) * dice.randrange(2) + text[start + dice.randrange(12) :]
        check_sane(text)
