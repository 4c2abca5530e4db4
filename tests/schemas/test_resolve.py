"""A config of either generation means the same thing, and says so at every old name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from olivine_schemas import dialects
from olivine_schemas.language.data import TextGeneration
from olivine_schemas.language.engine import Engine
from olivine_schemas.language.models import ModelConfig
from olivine_schemas.language.passes import PARAMETERS, LoRAParameters
from olivine_schemas.language.training import TrainingArguments
from olivine_schemas.language.workflow import Workflow
from olivine_schemas.parser import parse
from olivine_schemas.problems import Severity, apply_edits
from olivine_schemas.resolve import Resolved, resolve
from olivine_schemas.tree import Object, child, to_data, walk

FIXTURES = Path(__file__).parent / "fixtures"
OLD_MARK = '"systems": {"any": {"type": "LocalSystem", "config": {"accelerators": ["cpu"]}}}'


def resolved(text: str) -> Resolved:
    return resolve(parse(text).tree)


def meaning(text: str) -> Any:
    return to_data(resolved(text).workflow)


def findings(text: str) -> list[tuple[str, str, str]]:
    """Severity, code and underlined text of every problem."""
    return [(p.severity.value, p.code, text[p.span.start : p.span.end]) for p in resolved(text).problems]


def same_meaning() -> dict[str, tuple[str, str]]:
    """The cases of same-meaning.txt: a title, an old form, three dashes, today's form."""
    cases = (FIXTURES / "same-meaning.txt").read_text().removeprefix("=== ").split("\n=== ")
    titled = (case.partition("\n") for case in cases)
    return {title: tuple(both.split("\n---\n")) for title, _, both in titled}  # type: ignore[misc]


SAME = same_meaning()


@pytest.mark.parametrize(("old", "today"), SAME.values(), ids=SAME)
def test_both_forms_mean_the_same(old: str, today: str) -> None:
    assert meaning(old) == meaning(today)
    assert meaning(today) != {}


def test_a_whole_config_means_the_same_in_both_generations() -> None:
    old = (FIXTURES / "moods-2024.json").read_text()
    today = (FIXTURES / "moods-today.json").read_text()
    assert meaning(old) == meaning(today)
    assert list(meaning(old)["passes"]) == ["tune", "merge"]
    assert (resolved(old).generation, resolved(today).generation) == ("old", "new")
    assert resolved(today).problems == ()
    workflow = Workflow.model_validate(meaning(old))
    assert workflow.system("cluster").provider == "CUDAExecutionProvider"


FOUND = {
    "renamed key": ('{"passes": {"a": {"type": "LoRA", "lora_r": 8}}}', [("hint", "old-name", '"lora_r"')]),
    "both names": (
        '{"passes": {"a": {"type": "LoRA", "lora_r": 8, "r": 4}}}',
        [("warning", "ignored-setting", '"lora_r"')],
    ),
    "nested and flat": (
        '{"passes": {"a": {"type": "LoRA", "r": 8, "config": {"r": 4}}}}',
        [("warning", "ignored-setting", '"r"')],
    ),
    "a setting of QLoRA on LoRA": (
        '{"passes": {"a": {"type": "LoRA", "double_quant": true}, "b": {"type": "QLoRA", "double_quant": true}}}',
        [("warning", "ignored-setting", '"double_quant"')],
    ),
    "what asks for nothing is no news": ('{"passes": {"a": {"type": "LoRA", "disable_search": false}}}', []),
    "pass left out of the only flow": (
        '{"pass_flows": [["a"]], "passes": {"a": {"type": "X"}, "b": {"type": "Y"}}}',
        [("warning", "ignored-setting", '"b"')],
    ),
    "name inside an old map": (
        '{"data_configs": {"a": {"name": "b"}}}',
        [("hint", "old-form", '"data_configs"'), ("warning", "ignored-setting", '"name"')],
    ),
    "one hint for hf_config": (
        '{"input_model": {"config": {"hf_config": {"model_name": "m", "from_pretrained_args": {}}}}}',
        [("hint", "old-form", '"hf_config"')],
    ),
    "one hint for params_config": (
        '{"data_configs": [{"name": "d", "params_config": {"split": "train"}, "components": {}}]}',
        [("hint", "old-form", '"params_config"')],
    ),
    "renamed pass type": ('{"passes": {"a": {"type": "OrtPerfTuning"}}}', [("hint", "old-name", '"OrtPerfTuning"')]),
    "old optimizer": (
        '{"passes": {"a": {"type": "LoRA", "training_args": {"optim": "adamw_hf"}}}}',
        [("hint", "old-name", '"adamw_hf"')],
    ),
    "providers that a system has already": (
        """{"engine": {"host": "s", "target": "s", "execution_providers": ["CPUExecutionProvider"]},
            "systems": {"s": {"accelerators": [{"execution_providers": ["CUDAExecutionProvider"]}]}}}""",
        [("warning", "ignored-setting", '"execution_providers"')],
    ),
    "today's nested form is as good as the flat one": (
        '{"engine": {"host": "h"}, "passes": {"a": {"type": "LoRA", "config": {"r": 4}}}}',
        [],
    ),
}


@pytest.mark.parametrize(("text", "expected"), FOUND.values(), ids=FOUND)
def test_what_is_old_or_without_effect_is_told_at_its_key(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert findings(text) == expected


@pytest.mark.parametrize(("old", "today"), SAME.values(), ids=SAME)
def test_fixes_of_old_names_keep_the_meaning(old: str, today: str) -> None:
    edits = [edit for problem in resolved(old).problems for fix in problem.fixes for edit in fix.edits]
    fixed = apply_edits(old, edits)
    assert meaning(fixed) == meaning(old)
    assert not [p for p in resolved(fixed).problems if p.code == "old-name"]


def test_old_training_defaults_are_written_out() -> None:
    text = "{" + OLD_MARK + ', "passes": {"a": {"type": "QLoRA"}}}'
    config = meaning(text)["passes"]["a"][0]["config"]
    assert config["lora_dropout"] == 0.0
    assert config["training_args"]["max_steps"] == 10000
    assert config["training_args"]["gradient_accumulation_steps"] == 16


@pytest.mark.parametrize("length", ["max_steps", "num_train_epochs"])
def test_a_given_length_of_training_stays_the_only_one(length: str) -> None:
    text = "{" + OLD_MARK + ', "passes": {"a": {"type": "LoRA", "training_args": {"' + length + '": 3}}}}'
    arguments = meaning(text)["passes"]["a"][0]["config"]["training_args"]
    assert arguments.keys() & {"max_steps", "num_train_epochs"} == {length}


def test_several_flows_are_kept_as_alternatives() -> None:
    text = '{"engine": {"pass_flows": [["a"], ["b"]]}, "passes": {"a": {"type": "X"}, "b": {"type": "Y"}}}'
    assert meaning(text)["engine"] == {"pass_flows": [["a"], ["b"]]}


def test_nodes_keep_the_places_of_the_text() -> None:
    text = (FIXTURES / "moods-2024.json").read_text()
    workflow = resolved(text).workflow
    for path, written in {
        ("passes", "tune", 0, "config", "r"): "4",
        ("input_model", "config", "model_path"): '"models/tiny-chat"',
        ("data_configs", 0, "pre_process_data_config", "params", "max_seq_len"): "256",
        ("systems", "cluster", "config", "accelerators", 0, "device"): '"gpu"',
        ("engine", "output_dir"): '"out"',
    }.items():
        node = child(workflow, *path)
        assert node is not None
        assert text[node.span.start : node.span.end] == written


def test_the_document_itself_is_not_changed() -> None:
    tree = parse((FIXTURES / "moods-2024.json").read_text()).tree
    before = to_data(tree)
    resolve(tree)
    assert to_data(tree) == before == json.loads((FIXTURES / "moods-2024.json").read_text())


WRONG = ["3", '"x"', "[]", "[1, null]", "{}", '{"a": 1}', '{"config": 5}', '[{"config": [2]}]', "true", ""]
PLACES = [
    "%s",
    '{"input_model": %s}',
    '{"input_model": {"type": %s, "config": {"hf_config": {}, "model_path": %s}}}',
    '{"input_model": {"type": "PyTorchModel", "config": {"hf_config": %s, "load_kwargs": %s}}}',
    '{"systems": %s}',
    '{"systems": {"s": %s}, "engine": {"host": "s", "execution_providers": ["x"]}}',
    '{"systems": {"s": {"type": %s, "accelerators": %s, "local_docker_config": %s}}}',
    '{"data_configs": %s}',
    '{"data_configs": [%s]}',
    '{"data_configs": {"d": %s}}',
    '{"data_configs": [{"name": %s, "params_config": %s, "components": %s, "load_dataset_config": %s}]}',
    '{"data_configs": [{"params_config": {"component_kwargs": %s, "data_files": %s, "label_cols": %s}}]}',
    '{"data_configs": [{"components": {"pre_process_data": %s}}]}',
    '{"passes": %s}',
    '{"passes": {"a": %s}}',
    '{"passes": {"a": {"type": %s, "config": %s}}}',
    '{"passes": {"a": {"type": "LoRA", "training_args": %s, "host": %s}}}',
    '{"passes": {"a": {"type": "LoRA", "training_args": {"extra_args": %s, "group_by_length": %s, "optim": %s}}}}',
    '{"engine": %s}',
    '{"engine": {"pass_flows": %s, "execution_providers": %s, "search_strategy": %s, "cache_config": %s}}',
    '{"evaluators": %s}',
    '{"evaluators": {"e": {"metrics": %s, "type_args": %s}}}',
    '{"evaluators": {"e": {"metrics": [{"sub_types": %s, "user_config": %s}]}}}',
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_types_anywhere_are_survived(place: str, wrong: str) -> None:
    workflow = resolved(place.replace("%s", wrong)).workflow
    assert isinstance(workflow, Object)
    assert all(node.span.start <= node.span.end for _, node in walk(workflow))


def old_names(model: Any) -> dict[str, str]:
    extras = {name: field.json_schema_extra or {} for name, field in model.model_fields.items()}
    return {old: name for name, extra in extras.items() for old in extra.get("x-old-names", [])}


@pytest.mark.parametrize(
    ("model", "block"),
    [
        (LoRAParameters, "fine_tuning"),
        (TextGeneration, "pre_process_data"),
        (TrainingArguments, "training_args"),
        (ModelConfig, "model"),
    ],
)
def test_the_typed_models_and_the_tables_agree_on_old_names(model: Any, block: str) -> None:
    names = old_names(model)
    assert names
    assert names.items() <= dialects.RENAMED[block].items()


def test_the_tables_know_every_engine_setting_and_every_pass_that_runs() -> None:
    assert set(Engine.model_fields) <= dialects.ENGINE_KEYS
    assert set(PARAMETERS) <= set(dialects.PASS_TYPES.values())


def test_ignored_settings_are_the_only_warnings() -> None:
    text = (FIXTURES / "moods-2024.json").read_text()
    assert {(p.severity, p.code) for p in resolved(text).problems} == {
        (Severity.HINT, "old-name"),
        (Severity.HINT, "old-form"),
    }
