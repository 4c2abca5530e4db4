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


SAME = {
    "flat and nested passes": (
        '{"passes": {"a": {"type": "LoRA", "host": "h", "config": {"r": 8}}}}',
        '{"passes": {"a": {"type": "LoRA", "host": "h", "r": 8}}}',
    ),
    "one pass and a list of one": (
        '{"passes": {"a": {"type": "MergeAdapterWeights"}}}',
        '{"passes": {"a": [{"type": "MergeAdapterWeights", "config": {}}]}}',
    ),
    "letter case of types": (
        '{"input_model": {"type": "hfmodel"}, "systems": {"s": {"type": "localsystem"}}, "passes": {"a": {"type": "qlora"}}}',
        '{"input_model": {"type": "HfModel"}, "systems": {"s": {"type": "LocalSystem"}}, "passes": {"a": {"type": "QLoRA"}}}',
    ),
    "engine block and top level": (
        '{"engine": {"host": "h", "cache_dir": "c"}}',
        '{"cache_dir": "c", "host": "h"}',
    ),
    "azureml_client in the engine": (
        '{"engine": {"azureml_client": {"aml_config_path": "aml.json"}, "host": "h"}}',
        '{"host": "h", "azureml_client": {"aml_config_path": "aml.json"}}',
    ),
    "cache_config": ('{"cache_config": {"cache_dir": "c", "clean_cache": true}}', '{"cache_dir": "c", "clean_cache": true}'),
    "null is not written": (
        '{"systems": null, "host": null, "passes": {"a": {"type": "LoRA", "training_args": null}}}',
        '{"passes": {"a": {"type": "LoRA"}}}',
    ),
    "$schema": ('{"$schema": "https://example.org/schema.json", "host": "h"}', '{"host": "h"}'),
    "model_loading_args and feature": (
        '{"input_model": {"type": "PyTorchModel", "config": {"hf_config": '
        '{"model_name": "m", "feature": "causal-lm", "model_loading_args": {"trust_remote_code": true}}}}}',
        '{"input_model": {"type": "HfModel", "model_path": "m", "task": "causal-lm", "load_kwargs": {"trust_remote_code": true}}}',
    ),
    "model_path beside hf_config": (
        '{"input_model": {"type": "PyTorchModel", "config": {"hf_config": {"model_name": "m", "task": "t"},'
        ' "model_path": {"type": "folder", "config": {"path": "p"}}}}}',
        '{"input_model": {"type": "HfModel", "model_path": {"type": "folder", "path": "p"}, "task": "t"}}',
    ),
    "load_kwargs extra_args": (
        '{"input_model": {"type": "HfModel", "load_kwargs": {"device_map": null, "extra_args": {"revision": "main"}}}}',
        '{"input_model": {"type": "HfModel", "load_kwargs": {"device_map": null, "revision": "main"}}}',
    ),
    "accelerators by name": (
        '{"systems": {"s": {"type": "LocalSystem", "config": {"accelerators": ["GPU", "cpu"]}}}}',
        '{"systems": {"s": {"type": "LocalSystem", "accelerators": [{"device": "gpu"}, {"device": "cpu"}]}}}',
    ),
    "system alias": (
        '{"systems": {"s": {"type": "AzureNDV2System", "config": {"aml_compute": "c"}}}}',
        '{"systems": {"s": {"type": "AzureML", "aml_compute": "c", "accelerators": [{"device": "gpu"}]}}}',
    ),
    "local_docker_config": (
        '{"systems": {"s": {"type": "Docker", "config": {"local_docker_config": {"image_name": "i", "dockerfile": "d"}}}}}',
        '{"systems": {"s": {"type": "Docker", "image_name": "i", "dockerfile": "d"}}}',
    ),
    "execution providers without a system": (
        '{"engine": {"execution_providers": ["CUDAExecutionProvider"]}}',
        '{"target": {"type": "LocalSystem", "accelerators": [{"execution_providers": ["CUDAExecutionProvider"]}]}}',
    ),
    "components": (
        '{"data_configs": [{"name": "d", "type": "HuggingfaceContainer", "params_config": {"data_name": "json", "seed": 1},'
        ' "components": {"pre_process_data": {"name": "p", "type": "mine", "params": {"seed": 0, "x": 2}}}}]}',
        '{"data_configs": [{"name": "d", "type": "HuggingfaceContainer", "load_dataset_config": {"data_name": "json"},'
        ' "pre_process_data_config": {"type": "mine", "seed": 1, "x": 2}}]}',
    ),
    "component_kwargs before params_config": (
        '{"data_configs": [{"name": "d", "params_config": {"split": "test",'
        ' "component_kwargs": {"load_dataset": {"split": "train"}}}}]}',
        '{"data_configs": [{"name": "d", "load_dataset_config": {"split": "train"}}]}',
    ),
    "pool of a dummy container": (
        '{"data_configs": [{"name": "d", "type": "DummyDataContainer",'
        ' "params_config": {"input_shapes": [[1, 4]], "max_samples": 3, "batch_size": 1}}]}',
        '{"data_configs": [{"name": "d", "type": "DummyDataContainer",'
        ' "load_dataset_config": {"input_shapes": [[1, 4]], "max_samples": 3}, "dataloader_config": {"batch_size": 1}}]}',
    ),
    "old text generation reads line by line": (
        '{"data_configs": [{"name": "d", "params_config": {"component_kwargs": {"pre_process_data": {"text_cols": "t"}}}}]}',
        '{"data_configs": [{"name": "d", "pre_process_data_config": {"text_cols": "t", "strategy": "line-by-line"}}]}',
    ),
    "old pairs have no strategy": (
        '{"data_configs": [{"name": "d", "params_config": {"component_kwargs": {"pre_process_data":'
        ' {"dataset_type": "pair", "input_col": "q", "output_col": "a", "target_max_len": 9}}}}]}',
        '{"data_configs": [{"name": "d", "pre_process_data_config":'
        ' {"dataset_type": "pair", "input_col": "q", "output_col": "a", "target_max_len": 9}}]}',
    ),
    "the model's own name in the data": (
        '{"input_model": {"type": "HfModel", "model_path": "m", "task": "text-generation"}, "data_configs": [{"name": "d",'
        ' "pre_process_data_config": {"text_cols": "t", "model_name": "m", "task": "text-generation"}}]}',
        '{"input_model": {"type": "HfModel", "model_path": "m", "task": "text-generation"}, "data_configs": [{"name": "d",'
        ' "pre_process_data_config": {"text_cols": "t"}}]}',
    ),
    "label_cols": (
        '{"data_configs": [{"name": "d", "pre_process_data_config": {"label_cols": ["y"]}}]}',
        '{"data_configs": [{"name": "d", "pre_process_data_config": {"label_col": "y"}}]}',
    ),
    "training arguments": (
        '{"passes": {"a": {"type": "LoRA", "training_args": {"per_gpu_train_batch_size": 2, "no_cuda": true,'
        ' "optim": "adamw_hf", "group_by_length": true, "extra_args": {"warmup_ratio": 0.2}}}}}',
        '{"passes": {"a": {"type": "LoRA", "training_args": {"per_device_train_batch_size": 2, "use_cpu": true,'
        ' "optim": "adamw_torch", "train_sampling_strategy": "group_by_length", "warmup_steps": 0.2}}}}',
    ),
    "search settings": (
        '{"search_strategy": {"execution_order": "joint", "search_algorithm": "exhaustive",'
        ' "search_algorithm_config": {"num_samples": 3, "seed": 0}}}',
        '{"search_strategy": {"execution_order": "joint", "sampler": "sequential", "max_samples": 3, "seed": 0}}',
    ),
    "metric settings": (
        '{"evaluators": {"e": {"metrics": [{"name": "m", "type": "accuracy", "sub_types": [{"name": "auc"}],'
        ' "user_config": {"batch_size": 2}}]}}}',
        '{"evaluators": {"e": {"metrics": [{"name": "m", "type": "accuracy", "sub_types": [{"name": "auroc"}],'
        ' "batch_size": 2}]}}}',
    ),
    "renamed pass types": (
        '{"passes": {"a": {"type": "OrtPerfTuning"}}}',
        '{"passes": {"a": {"type": "OrtSessionParamsTuning"}}}',
    ),
}  # fmt: skip


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
    "both names": ('{"passes": {"a": {"type": "LoRA", "lora_r": 8, "r": 4}}}', [("warning", "ignored-setting", '"lora_r"')]),
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
        '{"input_model": {"type": "PyTorchModel", "config": {"hf_config": {"model_name": "m", "from_pretrained_args": {}}}}}',
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
        '{"engine": {"host": "s", "target": "s", "execution_providers": ["CPUExecutionProvider"]}, "systems": {"s":'
        ' {"type": "LocalSystem", "accelerators": [{"execution_providers": ["CUDAExecutionProvider"]}]}}}',
        [("warning", "ignored-setting", '"execution_providers"')],
    ),
    "today's nested form is as good as the flat one": (
        '{"engine": {"host": "h"}, "passes": {"a": {"type": "LoRA", "config": {"r": 4}}}}',
        [],
    ),
}  # fmt: skip


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
    text = '{%s, "passes": {"a": {"type": "QLoRA"}}}' % OLD_MARK
    config = meaning(text)["passes"]["a"][0]["config"]
    assert config["lora_dropout"] == 0.0
    assert config["training_args"]["max_steps"] == 10000
    assert config["training_args"]["gradient_accumulation_steps"] == 16


@pytest.mark.parametrize("length", ["max_steps", "num_train_epochs"])
def test_a_given_length_of_training_stays_the_only_one(length: str) -> None:
    text = '{%s, "passes": {"a": {"type": "LoRA", "training_args": {"%s": 3}}}}' % (OLD_MARK, length)
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
