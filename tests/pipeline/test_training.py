"""What a training pass does with its evaluation data, its schedule and its device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jobs import input_model, run_pass, site, workflow

from olivine_pipeline.devices import Device
from olivine_pipeline.journal import EventFile, Journal
from olivine_pipeline.passes.base import Site
from olivine_pipeline.passes.lora import LORA, usable_dtype
from olivine_schemas.language.passes import LoRAParameters


def train(model: Path, phrases: Path, folder: Path, training_args: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Train a small adapter and return its record."""
    arguments = {"gradient_checkpointing": False, "per_device_train_batch_size": 4, **training_args}
    parameters = {
        "train_data_config": "phrases",
        "target_modules": ["o_proj", "qkv_proj"],
        "r": 4,
        "training_args": arguments,
    }
    flow = workflow(phrases / "train.json", strategy="line-by-line")
    adapter = run_pass(LORA, {**parameters, **settings}, input_model(model), folder, flow=flow)
    return dict(json.loads(Path(adapter.location, "training.json").read_text()))


def test_the_whole_curve_is_recorded(tiny_model: Path, phrases: Path, tmp_path: Path) -> None:
    record = train(tiny_model, phrases, tmp_path / "a", {"max_steps": 6, "eval_steps": 2}, eval_dataset_size=0.25)
    assert [point["step"] for point in record["losses"]] == [1, 2, 3, 4, 5, 6]
    assert [point["step"] for point in record["eval_losses"]] == [2, 4, 6]
    assert record["rows"] == 18


def test_a_count_of_rows_is_held_out(tiny_model: Path, phrases: Path, tmp_path: Path) -> None:
    record = train(tiny_model, phrases, tmp_path / "a", {"max_steps": 1}, eval_dataset_size=5)
    assert record["rows"] == 19


def test_an_argument_that_the_trainer_does_not_have_is_left_out_with_a_warning(
    tiny_model: Path, phrases: Path, tmp_path: Path
) -> None:
    parameters = {
        "train_data_config": "phrases",
        "target_modules": ["o_proj"],
        "training_args": {"max_steps": 1, "horoscope": "leo"},
    }
    flow = workflow(phrases / "train.json", strategy="line-by-line")
    journal = Journal([EventFile(str(tmp_path / "events.jsonl"))])
    run_pass(LORA, parameters, input_model(tiny_model), tmp_path / "a", flow=flow, journal=journal)
    journal.close()
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert ["horoscope" in event["message"] for event in events if event["type"] == "warning"] == [True]


def test_training_stops_when_evaluation_gets_no_better(tiny_model: Path, phrases: Path, tmp_path: Path) -> None:
    schedule = {"max_steps": 12, "eval_steps": 1, "early_stopping_patience": 2, "early_stopping_threshold": 10.0}
    record = train(tiny_model, phrases, tmp_path / "a", schedule, eval_dataset_size=0.25)
    assert record["steps"] == 3


def test_the_best_checkpoint_is_what_remains(tiny_model: Path, phrases: Path, tmp_path: Path) -> None:
    """A learning rate that blows the model up after the first evaluation leaves the adapter of the first."""
    from safetensors.numpy import load_file

    wild = {"learning_rate": 1.0, "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 0, "eval_steps": 1}
    train(tiny_model, phrases, tmp_path / "one", {**wild, "max_steps": 1}, eval_dataset_size=0.25)
    best = {**wild, "max_steps": 4, "load_best_model_at_end": True}
    record = train(tiny_model, phrases, tmp_path / "best", best, eval_dataset_size=0.25)
    losses = [point["loss"] for point in record["eval_losses"]]
    assert losses.index(min(losses)) == 0
    one, kept = (load_file(tmp_path / name / "out" / "adapter_model.safetensors") for name in ("one", "best"))
    assert all((one[name] == kept[name]).all() for name in one)


@pytest.mark.parametrize(
    ("dtype", "device", "used"),
    [
        ("bfloat16", Device("cpu", "old", 2, False, 0), "float32"),
        ("bfloat16", Device("cpu", "new", 2, True, 0), "bfloat16"),
        ("bfloat16", Device("cuda", "V100", 1, False, 0), "float16"),
        ("float16", Device("cpu", "new", 2, True, 0), "float32"),
        ("float16", Device("cuda", "A100", 1, True, 0), "float16"),
    ],
)
def test_the_number_format_is_one_that_the_device_computes_in(
    dtype: str, device: Device, used: str, tmp_path: Path
) -> None:
    assert usable_dtype(dtype, device) == used
    here = site(tmp_path)
    place = Site(here.host, here.target, device, tmp_path)
    parameters = LoRAParameters.model_validate({"train_data_config": "d", "torch_dtype": dtype})
    settled = LORA.settle(parameters, place, input_model(tmp_path))
    assert settled.parameters.torch_dtype == used
    assert bool(settled.notes) == (used != dtype)


def test_all_linear_layers_are_adapted_where_the_config_says_so(
    tiny_model: Path, phrases: Path, tmp_path: Path
) -> None:
    settings = {"train_data_config": "phrases", "target_modules": "all-linear", "training_args": {"max_steps": 1}}
    flow = workflow(phrases / "train.json", strategy="line-by-line")
    adapter = run_pass(LORA, settings, input_model(tiny_model), tmp_path / "a", flow=flow)
    config = json.loads(Path(adapter.location, "adapter_config.json").read_text())
    adapted = {name.rpartition(".")[2] for name in config["target_modules"]}
    assert adapted == {"down_proj", "gate_up_proj", "o_proj", "qkv_proj"}


def test_an_adapter_names_its_base_as_the_config_does(tiny_model: Path, phrases: Path, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(tiny_model)
    flow = workflow(phrases / "train.json", strategy="line-by-line")
    settings = {"train_data_config": "phrases", "training_args": {"max_steps": 1, "gradient_checkpointing": False}}
    adapter = run_pass(LORA, settings, input_model(tmp_path / "model"), tmp_path / "a", flow=flow)
    config = json.loads(Path(adapter.location, "adapter_config.json").read_text())
    assert not Path(config["base_model_name_or_path"]).is_absolute()
    assert sorted(config["target_modules"]) == ["o_proj", "qkv_proj"]
