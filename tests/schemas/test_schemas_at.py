"""What may stand at a path: the look-up behind completion and hover."""

from __future__ import annotations

from olivine_schemas.language.passes import PassParameters
from olivine_schemas.language.raw import parameter_schema
from olivine_schemas.parser import parse
from olivine_schemas.schema import Property, Subschema, schemas_at, validate

CONFIG = """{
  "input_model": {"type": "HfModel", "config": {"model_path": "m"}},
  "systems": {"here": {"type": "LocalSystem", "accelerators": [{"device": "cpu"}]}},
  "data_configs": [{"name": "phrases", "pre_process_data_config": {"max_seq_len": 8}}],
  "passes": {
    "tune": {"type": "lora", "training_args": {"max_steps": 3}},
    "build": [{"type": "ModelBuilder", "config": {"precision": "int4"}}],
    "new": {}
  }
}"""


def at(*path: str | int) -> list[Subschema]:
    return schemas_at(parse(CONFIG).tree, path)


def keys(*path: str | int) -> dict[str, Property]:
    return {one.name: one for subschema in at(*path) for one in subschema.properties}


def value(*path: str | int) -> Property:
    return at(*path)[0].value


def test_top_level_offers_tables_and_engine_keys() -> None:
    assert {"input_model", "passes", "engine", "output_dir", "log_severity_level"} <= keys().keys()
    assert keys()["input_model"].required
    assert keys()["pass_flows"].deprecated


def test_a_pass_offers_its_own_keys_and_the_parameters_of_its_type() -> None:
    inside = keys("passes", "tune")
    assert {"type", "host", "evaluator", "config", "r", "training_args"} <= inside.keys()
    assert "precision" not in inside
    assert inside["train_data_config"].required
    assert inside["train_data_config"].reference == "data_configs"
    assert (inside["r"].default, inside["r"].search, inside["r"].expects) == (64, (16, 32, 64), "a whole number")
    assert inside["r"].description.startswith("Rank of the adapter")
    assert (inside["lora_r"].deprecated, inside["lora_r"].renamed_to) == (True, "r")


def test_an_alternative_in_nested_form_offers_parameters_in_config() -> None:
    assert keys("passes", "build", 0, "config")["precision"].values == ("fp32", "fp16", "bf16", "int8", "int4")
    assert not keys("passes", "build", 0, "config")["precision"].open


def test_a_pass_without_type_offers_the_types() -> None:
    types = keys("passes", "new")["type"].values
    assert {"LoRA", "QLoRA", "MergeAdapterWeights", "ModelBuilder", "OnnxConversion"} <= set(types)
    assert "OrtPerfTuning" not in types


def test_a_type_value_offers_the_types_with_what_they_do() -> None:
    types = at("passes", "new", "type")[0].types
    assert types["MergeAdapterWeights"] == "Fold the adapter into the base weights and save a full-precision model."
    assert set(at("systems", "here", "type")[0].types) >= {"LocalSystem", "AzureML"}


def test_deep_blocks() -> None:
    arguments = keys("passes", "tune", "training_args")
    assert (arguments["max_steps"].default, arguments["learning_rate"].default) == (-1, 2e-4)
    assert arguments["evaluation_strategy"].renamed_to == "eval_strategy"
    assert value("systems", "here", "accelerators", 0, "device").values[:3] == ("cpu", "cpu_spr", "gpu")
    assert "line-by-line" in value("data_configs", 0, "pre_process_data_config", "strategy").values
    assert value("passes", "tune", "host").reference == "systems"
    assert value("passes", "tune", "allow_tf32").values == (True, False)


def test_a_component_takes_further_keys_and_a_pass_does_not() -> None:
    assert at("data_configs", 0, "pre_process_data_config")[0].open
    assert not any(one.open for one in at("passes", "tune"))


def test_nothing_is_known_below_what_is_not_there() -> None:
    for path in [("nonsense",), ("passes", "tune", "r", "x"), ("data_configs", "x"), ("systems", 3)]:
        assert at(*path) == [] or not keys(*path)


class PruneParameters(PassParameters):
    """Take out the least important weights."""

    ratio: float
    """Share of the weights."""
    gradually: bool = False
    """In steps."""


def test_a_pass_of_another_package_is_known_by_its_parameter_model() -> None:
    extra = {"Prune": parameter_schema(PruneParameters)}

    def told(body: str) -> list[str]:
        text = f'{{"input_model": {{"type": "HfModel", "model_path": "m"}}, "passes": {{"p": {body}}}}}'
        return [one.message for one in validate(parse(text).tree, extra)]

    assert told('{"type": "Prune", "ratio": 0.5}') == []
    assert told('{"type": "Prune", "config": {"ratio": 0.5, "gradualy": true}}') == [
        '"gradualy" is not a setting of Prune; did you mean "gradually"?'
    ]
    assert told('{"type": "Prune"}') == ['Prune needs "ratio".']
