"""Definition, references and rename: `|` is the cursor, and what is asserted is the text after a rename."""

from __future__ import annotations

import pytest
from marked import at_cursor, texts

from olivine_schemas.problems import apply_edits
from olivine_server.features.navigation import named_at, rename, rename_span

DATA = '{"data_configs": [{"name": "%s"}], "passes": {"ft": {"type": "LoRA", "train_data_config": "%s"}}}'
NESTED = (
    '{"data_configs": {"%s": {"type": "HuggingfaceContainer"}},'
    ' "passes": {"ft": {"type": "LoRA", "config": {"train_data_config": "%s"}}}}'
)
SYSTEM = (
    '{"systems": {"%s": {"type": "LocalSystem"}}, "host": "%s", "target": "%s",'
    ' "passes": {"ft": {"type": "LoRA", "host": "%s"}}}'
)
ENGINE = '{"systems": {"%s": {"type": "LocalSystem"}}, "engine": {"host": "%s", "target": "%s"}, "passes": {}}'
EVALUATOR = (
    '{"evaluators": {"%s": {"metrics": []}}, "evaluator": "%s", "passes": {"ft": {"type": "LoRA", "evaluator": "%s"}}}'
)
METRIC = (
    '{"data_configs": [{"name": "%s"}], "evaluators": {"e": {"metrics": [{"name": "m", "type": "accuracy",'
    ' "data_config": "%s"}]}}, "passes": {}}'
)
FLOWS = '{"passes": {"%s": {"type": "LoRA"}, "m": {"type": "MergeAdapterWeights"}}, "pass_flows": [["%s", "m"]]}'
LEFT_OUT = (
    '{"data_configs": [{"name": "%s"}], "passes": {"a": {"type": "LoRA", "train_data_config": "%s"},'
    ' "b": {"type": "ModelBuilder"}}, "engine": {"pass_flows": [["b"]]}}'
)
DOCUMENTS = {
    "pass that does not run": LEFT_OUT,
    "data config": DATA,
    "data config of 2024": NESTED,
    "system": SYSTEM,
    "engine": ENGINE,
    "evaluator": EVALUATOR,
    "metric": METRIC,
    "pass": FLOWS,
}
CASES = [(name, place) for name, text in DOCUMENTS.items() for place in range(text.count("%s"))]


def marked_at(document: str, place: int) -> str:
    """The document whose names are `old`, with the cursor in one of them."""
    words = ["o|ld" if i == place else "old" for i in range(document.count("%s"))]
    return document % tuple(words)


@pytest.mark.parametrize(("name", "place"), CASES)
def test_a_name_is_changed_wherever_it_is_meant(name: str, place: int) -> None:
    document, offset = at_cursor(marked_at(DOCUMENTS[name], place))
    edits = rename(document, offset, "new")
    assert apply_edits(document.text, edits) == document.text.replace('"old"', '"new"')


@pytest.mark.parametrize(("name", "place"), CASES)
def test_a_reference_leads_to_its_definition(name: str, place: int) -> None:
    document, offset = at_cursor(marked_at(DOCUMENTS[name], place))
    named = named_at(document, offset)
    assert named is not None
    assert named.definition.start == document.text.index('"old"')
    assert texts(document, list(named.references)) == ['"old"'] * (DOCUMENTS[name].count("%s") - 1)


@pytest.mark.parametrize(
    "marked",
    [
        '{"passes": {"ft": {"type": "Lo|RA"}}}',
        '{"pas|ses": {}}',
        '{"host": "no|where", "passes": {}}',
        '{"input_model": {"type": "HfModel", "model_path": "ft|"}, "passes": {"ft": {"type": "LoRA"}}}',
        "|",
        "{|",
    ],
)
def test_what_is_no_name_cannot_be_renamed(marked: str) -> None:
    document, offset = at_cursor(marked)
    assert rename_span(document, offset) is None
    with pytest.raises(ValueError, match="no name here"):
        rename(document, offset, "new")


@pytest.mark.parametrize(("new", "says"), [("m", '"m" is taken in passes'), (" ", "at least one character")])
def test_a_name_that_cannot_be_given_is_refused(new: str, says: str) -> None:
    document, offset = at_cursor(marked_at(FLOWS, 0))
    with pytest.raises(ValueError, match=says):
        rename(document, offset, new)


def test_a_data_config_is_given_no_name_that_olive_refuses() -> None:
    marked = (
        '{"data_configs": [{"name": "ph|rases"}], "passes": {"t": {"type": "LoRA", "train_data_config": "phrases"}}}'
    )
    document, offset = at_cursor(marked)
    with pytest.raises(ValueError, match="letters, digits"):
        rename(document, offset, "my phrases")
    assert apply_edits(document.text, rename(document, offset, "my-phrases")).count("my-phrases") == 2


def test_a_name_with_quotes_is_written_as_json() -> None:
    document, offset = at_cursor(marked_at(FLOWS, 1))
    assert '"a \\"b\\" 😀"' in apply_edits(document.text, rename(document, offset, 'a "b" 😀'))


YAML = """\
systems:
  here: {type: LocalSystem}
host: he|re
passes:
  ft:
    type: LoRA
    host: "here"
"""


@pytest.mark.parametrize(
    ("new", "written"),
    [("there", ["there", "there", '"there"']), ("on", ['"on"'] * 3), ("a: b", ['"a: b"'] * 3)],
)
def test_yaml_keeps_its_way_of_quoting_where_it_can(new: str, written: list[str]) -> None:
    document, offset = at_cursor(YAML, yaml=True)
    expected = document.text.replace('"here"', "%s").replace("here", "%s") % tuple(written)
    assert apply_edits(document.text, rename(document, offset, new)) == expected


def test_a_name_can_be_followed_in_damaged_text() -> None:
    document, offset = at_cursor('{"systems": {"s": {"type": "LocalSystem"}} "host": "s|", "passes": {"a": ')
    named = named_at(document, offset)
    assert named is not None
    assert named.table == "systems"
