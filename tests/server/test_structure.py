"""Outline, folding, selection, links, lenses and formatting."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import at_cursor, texts

from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.problems import Span, apply_edits
from olivine_server.features.folding import foldings
from olivine_server.features.formatting import formatting
from olivine_server.features.lenses import RUN, SUBMIT, lenses
from olivine_server.features.links import links
from olivine_server.features.selection import selections
from olivine_server.features.symbols import Symbol, symbols
from olivine_server.workspace import Document, is_config, path_of, uri_of


def outline(symbol: Symbol) -> str:
    inner = "".join(f" [{outline(each)}]" for each in symbol.children)
    return f"{symbol.name}:{symbol.detail}{inner}"


# Outline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"passes": {"ft": {"type": "LoRA"}}}', ["passes: [ft:LoRA [type:LoRA]]"]),
        ('{"data_configs": [{"name": "rows"}]}', ["data_configs: [rows: [name:rows]]"]),
        ('{"a": [1, true, null, ""], "": 2}', ["a: [1:1] [True:True] [None:null] [3:]", '"":2']),
        ('{"a": {"b": ', ["a: [b:]"]),
        ("", []),
    ],
)
def test_the_outline_names_blocks_and_their_types(text: str, expected: list[str]) -> None:
    assert [outline(symbol) for symbol in symbols(Document("", text))] == expected


def test_the_outline_of_a_very_deep_document_ends() -> None:
    assert symbols(Document("", '{"a":' * 5000))


def test_a_name_stands_inside_its_symbol() -> None:
    (symbol,) = symbols(Document("", '{"passes": {}}'))
    assert symbol.span.start <= symbol.name_span.start
    assert symbol.name_span.end <= symbol.span.end


# Folding


@pytest.mark.parametrize(
    ("text", "yaml", "expected"),
    [
        ('{\n "a": {\n  "b": 1\n },\n "c": [1, 2]\n}', False, [(0, 4), (1, 2)]),
        ('{"a": [{\n "b": 1\n}]}', False, [(0, 1)]),
        ('{\n "a": {\n  "b": 1\n', False, [(0, 2), (1, 2)]),
        ("a:\n  b: 1\n  c: 2\n\nd: 3\n", True, [(0, 4), (1, 2)]),
        ("{}", False, []),
    ],
)
def test_blocks_of_several_lines_fold(text: str, yaml: bool, expected: list[tuple[int, int]]) -> None:
    assert foldings(Document("", text, yaml=yaml)) == expected


# Selection


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        (
            '{"a": {"b": "c|d"}}',
            ["cd", '"cd"', '"b": "cd"', '{"b": "cd"}', '"a": {"b": "cd"}', '{"a": {"b": "cd"}}'],
        ),
        ('{"a|b": 1}', ["ab", '"ab"', '"ab": 1', '{"ab": 1}']),
        ('{"a": [1, 2|3]}', ["23", "[1, 23]", '"a": [1, 23]', '{"a": [1, 23]}']),
        ('{"a": |', [" ", '"a": ', '{"a": ']),
        ("|", [""]),
    ],
)
def test_a_selection_grows_from_the_word_to_the_document(marked: str, expected: list[str]) -> None:
    document, offset = at_cursor(marked)
    assert texts(document, selections(document, offset)) == expected


def test_a_selection_in_a_very_deep_document_grows_in_a_hundred_steps() -> None:
    document, offset = at_cursor("[" * 3000 + "|")
    assert len(selections(document, offset)) == 100


# Links


def test_paths_that_are_there_are_links(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "rows.json").write_text("[]")
    text = (
        '{"input_model": {"type": "HfModel", "model_path": "model"}, "data_configs": [{"name": "d",'
        ' "load_dataset_config": {"data_files": ["rows.json", "gone.json", "*.json"]}}]}'
    )
    uri = uri_of(tmp_path / "olive-config.json")
    found = links(Document(uri, text, facts=DiskFacts(tmp_path)))
    assert [(text[one.span.start : one.span.end], path_of(one.target)) for one in found] == [
        ("model", tmp_path / "model" / "config.json"),
        ("rows.json", tmp_path / "rows.json"),
    ]


def test_a_model_of_the_hub_is_a_link(tmp_path: Path) -> None:
    text = '{"input_model": {"type": "HfModel", "model_path": "org/model-1b"}}'
    found = links(Document(uri_of(tmp_path / "olive-config.json"), text, facts=DiskFacts(tmp_path)))
    assert [one.target for one in found] == ["https://huggingface.co/org/model-1b"]


# Lenses

LOCAL = '{"passes": {"ft": {"type": "LoRA"}, "merge": {"type": "MergeAdapterWeights"}}}'


def test_a_run_is_offered_above_the_config_and_each_pass() -> None:
    found = lenses(Document("", LOCAL))
    assert [(one.command, one.up_to) for one in found] == [(RUN, None), (RUN, "ft"), (RUN, "merge")]
    assert LOCAL[found[1].span.start : found[1].span.end] == '"ft"'


CLOUD = '"systems": {"cloud": {"type": "AzureML"}}'


@pytest.mark.parametrize(
    ("block", "offered"),
    [
        (f'{CLOUD}, "host": "cloud"', SUBMIT),
        ('"engine": {"host": {"type": "AzureML"}}', SUBMIT),
        (CLOUD, RUN),
        (f'{CLOUD}, "engine": {{"target": "cloud"}}', RUN),
        (f'{CLOUD}, "host": "gone"', RUN),
    ],
)
def test_a_config_is_submitted_where_its_host_is_in_the_cloud(block: str, offered: str) -> None:
    assert next(iter(lenses(Document("", f"{{{block}, {LOCAL[1:]}")))).command == offered


def test_a_config_is_submitted_where_the_host_of_a_pass_is_in_the_cloud() -> None:
    text = f"{{{CLOUD}, {LOCAL[1:]}".replace('"LoRA"', '"LoRA", "host": "cloud"')
    assert next(iter(lenses(Document("", text)))).command == SUBMIT


@pytest.mark.parametrize("text", ["", "{}", '{"passes": {}}', '{"passes": [1]}', "[]"])
def test_nothing_to_run_brings_no_lens(text: str) -> None:
    assert lenses(Document("", text)) == []


# Formatting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1}', '{\n\t"a": 1\n}'),
        ('{\n  "a":1, // why\n"b": {}}', '{\n  "a": 1, // why\n  "b": {}\n}'),
        ('{"a":', '{"a":'),
    ],
)
def test_formatting_keeps_comments_and_the_indentation_there_is(text: str, expected: str) -> None:
    assert apply_edits(text, formatting(Document("", text), "\t")) == expected


def test_formatting_a_range_leaves_the_rest() -> None:
    text = '{\n  "a":1,\n  "b":2\n}'
    assert apply_edits(text, formatting(Document("", text), "  ", Span(3, 10))) == '{\n  "a": 1,\n  "b":2\n}'


def test_yaml_is_not_laid_out_as_json() -> None:
    assert formatting(Document("", "a:   1", yaml=True), "  ") == []


# Documents


@pytest.mark.parametrize(
    ("uri", "language", "expected"),
    [
        ("file:///x/olive-config.json", "json", True),
        ("file:///x/my%20run.olive.json", "jsonc", True),
        ("file:///x/olive_config.yml", "yaml", True),
        ("untitled:Untitled-1", "olive-config", True),
        ("file:///x/settings.json", "json", False),
        ("file:///x/not-olive-config.json", "json", False),
    ],
)
def test_a_config_is_known_by_language_or_name(uri: str, language: str, expected: bool) -> None:
    assert is_config(uri, language) is expected


@pytest.mark.parametrize("name", ["plain.json", "a b#c?.json", "ü😀.json", "100%.json"])
def test_paths_survive_their_uris(tmp_path: Path, name: str) -> None:
    assert path_of(uri_of(tmp_path / name)) == tmp_path / name
    assert path_of((tmp_path / name).as_uri()) == tmp_path / name


def test_windows_paths_lose_their_leading_slash() -> None:
    path = path_of("file:///c%3A/folder/olive-config.json")
    assert path is not None
    assert path.as_posix() == "c:/folder/olive-config.json"
    assert path_of("untitled:Untitled-1") is None
