"""What a plan says its passes will take, against what they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runs import LORA, todays_config, write_workspace

from olivine_pipeline.estimate import Estimate, estimate_passes
from olivine_pipeline.plan import plan

UNNAMED = {name: value for name, value in LORA.items() if name != "target_modules"}
QLORA = {**UNNAMED, "type": "QLoRA"}


def estimate(model: Path, folder: Path, entry: dict[str, Any]) -> Estimate:
    """The estimate of a config's only pass."""
    write_workspace(folder, model, todays_config(only=entry))
    return estimate_passes(plan(folder / "olive-config.json"))[0]


@pytest.mark.parametrize(
    ("entry", "adapted", "saved"),
    [
        (LORA, ["o_proj", "qkv_proj"], None),
        (UNNAMED, ["o_proj", "qkv_proj"], None),
        (QLORA, "all-linear", None),
        ({**LORA, "modules_to_save": ["lm_head"]}, ["o_proj", "qkv_proj"], ["lm_head"]),
    ],
    ids=["named", "unnamed", "QLoRA", "modules to save"],
)
def test_an_adapter_has_the_size_that_peft_gives_it(
    entry: dict[str, Any], adapted: Any, saved: list[str] | None, tiny_model: Path, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    made = get_peft_model(model, LoraConfig(r=4, target_modules=adapted, modules_to_save=saved, task_type="CAUSAL_LM"))
    trained = sum(weight.numel() for weight in made.parameters() if weight.requires_grad)
    assert estimate(tiny_model, tmp_path / "planned", entry).disk_bytes == 4 * trained


def test_quantized_constants_take_less_memory(tiny_model: Path, tmp_path: Path) -> None:
    plain = estimate(tiny_model, tmp_path / "plain", QLORA).memory_bytes
    double = estimate(tiny_model, tmp_path / "double", {**QLORA, "double_quant": True}).memory_bytes
    assert plain and double and plain > double


def test_a_model_for_a_gpu_has_smaller_scales(tiny_model: Path, tmp_path: Path) -> None:
    build = {"type": "ModelBuilder", "precision": "int4"}
    config = todays_config(build=build)
    here = {"type": "LocalSystem", "accelerators": [{"device": "cpu"}]}
    there = {
        "type": "LocalSystem",
        "accelerators": [{"device": "gpu", "execution_providers": ["CUDAExecutionProvider"]}],
    }
    config["systems"] = {"here": here, "there": there}
    sizes = []
    for target in ("here", "there"):
        folder = write_workspace(tmp_path / target, tiny_model, {**config, "host": "here", "target": target})
        sizes += [each.disk_bytes for each in estimate_passes(plan(folder / "olive-config.json"))]
    assert sizes[0] and sizes[1] and sizes[0] > sizes[1]
