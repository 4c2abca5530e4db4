"""Code actions: what is offered at `|`, and the text after it is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from marked import at_cursor

from olivine_schemas.check import check
from olivine_schemas.problems import Severity, Span, apply_edits
from olivine_schemas.resolve import resolve
from olivine_schemas.tree import to_data
from olivine_server.features.actions import FIX_ALL, KINDS, QUICK_FIX, REWRITE, Action, actions
from olivine_server.plugins import other_passes
from olivine_server.workspace import Document


def offered(marked: str, *only: str, yaml: bool = False) -> tuple[Document, dict[str, Action]]:
    document, offset = at_cursor(marked, yaml=yaml)
    found = actions(document, Span(offset, offset), {}, only or KINDS)
    return document, {action.title: action for action in found}


def check_action(marked: str, title: str, result: str, *, yaml: bool = False) -> Action:
    document, found = offered(marked, yaml=yaml)
    assert title in found
    assert apply_edits(document.text, found[title].edits) == result
    return found[title]


# Quick fixes


def test_the_only_repair_is_the_preferred_one() -> None:
    action = check_action('{"pas|es": {}}', 'Change to "passes"', '{"passes": {}}')
    assert action.kind == QUICK_FIX
    assert action.preferred
    assert action.problem is not None
    assert action.problem.code == "unknown-key"


def test_repairs_are_offered_where_the_problem_is_only() -> None:
    _, found = offered('{"pases": {}, "inp|ut_model": {"type": "HfModel", "model_path": "a/b"}}', QUICK_FIX)
    assert 'Change to "passes"' not in found


def test_a_code_that_is_off_has_no_repairs() -> None:
    document, offset = at_cursor('{"pas|es": {}}')
    assert actions(document, Span(offset, offset), {"unknown-key": "off"}, (QUICK_FIX,)) == []


DANGLING = '{"passes": {"ft": {"type": "LoRA", "train_data_config": "ro|ws"}}}'


STARTS = ["{", '{"data_configs": [], ', '{"data_configs": [{"name": "other"}], ', '{\n  "data_configs": [\n  ],\n  ']


@pytest.mark.parametrize("start", STARTS)
def test_a_data_config_that_is_named_can_be_created(start: str) -> None:
    document, found = offered(start + DANGLING[1:])
    action = found['Create the data config "rows"']
    after = apply_edits(document.text, action.edits)
    assert "rows" in [entry["name"] for entry in json.loads(after)["data_configs"]]
    assert "dangling-data-config" not in {problem.code for problem in check(after).problems}
    assert len(check(after).errors) < len(document.checked.errors)


@pytest.mark.parametrize(
    ("marked", "title", "path", "value"),
    [
        (
            '{"input_model": {"type": "Hf|Model"}, "passes": {}}',
            'Add the missing key "model_path"',
            ("input_model", "model_path"),
            "",
        ),
        (
            '{"data_configs": [{"name": "a"}, {"name": "b"}], "passes": {"ft": {"type": "Lo|RA"}}}',
            'Add "train_data_config": "a"',
            ("passes", "ft", "train_data_config"),
            "a",
        ),
        (
            '{"passes": {"f|t": {}}}',
            'Add the missing key "type"',
            ("passes", "ft", "type"),
            None,
        ),
    ],
)
def test_missing_keys_can_be_added(marked: str, title: str, path: tuple[str, ...], value: str | None) -> None:
    document, found = offered(marked)
    after = json.loads(apply_edits(document.text, found[title].edits))
    for step in path:
        after = after[step]
    assert after == value or (value is None and isinstance(after, str))


# Fixing all


def test_fixing_all_repairs_what_has_one_repair_and_keeps_comments() -> None:
    text = '|{\n  // mine\n  "pases": {"ft": {"type": "lora", "lora_r": 4,}}\n}'
    document, found = offered(text, "source.fixAll")
    (action,) = found.values()
    assert action.kind == FIX_ALL
    after = apply_edits(document.text, action.edits)
    assert "// mine" in after
    assert not [p for p in check(after).problems if len(p.fixes) == 1 and p.code != "comment"]


def test_where_there_is_nothing_to_fix_nothing_is_offered() -> None:
    assert offered('|{"passes": {}, "input_model": {"type": "HfModel", "model_path": "a/b"}}')[1] == {}


@pytest.mark.parametrize("text", ["|", "{|", "[|]", "|nul", '{"a": |', "\x00|"])
def test_damaged_text_has_actions_too(text: str) -> None:
    document, found = offered(text)
    for action in found.values():
        apply_edits(document.text, action.edits)


# Today's form

OLD = """{
  "input_model": {"type": "PyTorchModel", "config": {"hf_config": {"model_name": "org/model"}}},
  // the adapter
  "passes": {
    "f|t": {"type": "LoRA", "config": {"lora_r": 4, "train_data_config": "d"}}
  },
  "engine": {"cache_dir": "c", "output_dir": "o"}
}
"""


def test_a_whole_document_is_migrated_and_means_the_same() -> None:
    document, found = offered(OLD, REWRITE)
    after = apply_edits(document.text, found["Migrate to today's form: the whole document"].edits)
    assert "hf_config" not in after
    assert "// the adapter" in after
    assert to_data(check(after).workflow) == to_data(document.workflow)


def test_one_key_is_migrated_if_the_document_then_means_the_same() -> None:
    document, found = offered(OLD, REWRITE)
    for title, action in found.items():
        after = apply_edits(document.text, action.edits)
        assert to_data(resolve(check(after).tree).workflow) == to_data(document.workflow), title
    key = found['Migrate to today\'s form: "passes"']
    after = apply_edits(document.text, key.edits)
    assert '"engine"' in after
    assert "hf_config" in after
    assert '"r": 4' in after


def test_a_document_in_todays_form_stays() -> None:
    assert offered('|{"passes": {"ft": {"type": "LoRA", "r": 4}}}', REWRITE)[1] == {}


# YAML


def test_yaml_is_repaired_where_the_repair_holds_there() -> None:
    check_action("pas|es: {}\n", 'Change to "passes"', '"passes": {}\n', yaml=True)


@pytest.mark.parametrize("marked", ["passes:\n  ft:\n    type: LoRA\n    tra|in: 1\n", "a: &a [1]\nb: *|b\n", "{|"])
def test_no_repair_makes_yaml_worse(marked: str) -> None:
    document, found = offered(marked, yaml=True)
    before = sum(problem.severity is Severity.ERROR for problem in document.checked.problems)
    for action in found.values():
        after = check(apply_edits(document.text, action.edits), yaml=True).problems
        assert sum(problem.severity is Severity.ERROR for problem in after) <= before


# Extracting

INLINE = """{
  "input_model": {"type": "HfModel", "model_path": "a/b"},
  "passes": {"build": {"type": "ModelBuilder", "precision": "int4"}},
  "ho|st": {"type": "LocalSystem", "accelerators": [{"device": "cpu"}]}%s
}
"""


@pytest.mark.parametrize("rest", ["", ', "systems": {}', ', "systems": {"host": {"type": "LocalSystem"}}'])
def test_a_system_written_in_place_can_be_given_a_name(rest: str) -> None:
    document, found = offered(INLINE % rest, "refactor")
    (action,) = (one for title, one in found.items() if title.startswith("Extract"))
    assert action.kind == "refactor.extract"
    after = json.loads(apply_edits(document.text, action.edits))
    assert after["systems"][after["host"]] == json.loads(document.text)["host"]
    assert not check(json.dumps(after)).errors
    assert len(after["systems"]) == 1 + ('{"host"' in rest)


def test_a_data_config_in_a_pass_is_refused_and_moved_among_the_others() -> None:
    rows = '{"name": "rows", "load_dataset_config": {"data_name": "org/rows"}}'
    head = '{"input_model": {"type": "HfModel", "model_path": "a/b"}, "data_configs": [{"name": "rows"}], '
    document, found = offered(head + '"passes": {"t": {"type": "LoRA", "train_data_con|fig": ' + rows + "}}}")
    assert [problem.code for problem in document.checked.errors] == ["wrong-type"]
    action = found['Extract the data config "rows_2"']
    assert action.kind == QUICK_FIX
    after = apply_edits(document.text, action.edits)
    assert not check(after).errors
    assert json.loads(after)["data_configs"][1] == {**json.loads(rows), "name": "rows_2"}


@pytest.mark.parametrize("value", ['"here"', "{", "{}", "null", "[]"])
def test_nothing_else_is_extracted(value: str) -> None:
    _, found = offered('{"passes": {}, "ho|st": ' + value + "}")
    assert not [title for title in found if title.startswith("Extract")]


# Passes of other packages


def test_a_pass_of_an_installed_package_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "scale_weight-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: scale-weight\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[olivine.passes]\nScaleWeight = scale_weight:SCALE\n")
    text = (
        '{"input_model": {"type": "HfModel", "model_path": "a/b"}, "passes": {"s": {"type": "ScaleWeight", "by": 2}}}'
    )
    assert [problem.code for problem in Document("", text).checked.problems] == ["unknown-type"]
    monkeypatch.syspath_prepend(tmp_path)  # the package itself is not there: nothing may import it
    other_passes.cache_clear()
    assert Document("", text).checked.problems == ()
    other_passes.cache_clear()
