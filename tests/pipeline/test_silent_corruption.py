"""Ways in which libraries give a wrong model without an error, each with the remedy that these tests hold in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jobs import input_model, run_pass, site, workflow

from olivine_pipeline.errors import RunError
from olivine_pipeline.evaluate.onnx_model import open_verified
from olivine_pipeline.passes.lora import QLORA, _quantization
from olivine_pipeline.passes.merge import MERGE_ADAPTER_WEIGHTS
from olivine_pipeline.passes.model_builder import MODEL_BUILDER
from olivine_schemas.language.passes import ModelBuilderParameters, QLoRAParameters

QLORA_SETTINGS = {
    "train_data_config": "phrases",
    "target_modules": ["o_proj", "qkv_proj"],
    "r": 8,
    "alpha": 64,
    "training_args": {"max_steps": 8, "learning_rate": 0.01, "gradient_checkpointing": False},
}


@pytest.fixture(scope="module")
def tied_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with one matrix for embeddings and output layer, as small language models have."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("tied")
    config = AutoConfig.from_pretrained(tiny_model, tie_word_embeddings=True)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


def quantized_base(model: Path):
    from olivine_pipeline.devices import cpu
    from olivine_pipeline.loader import load_base

    parameters = QLoRAParameters(train_data_config="phrases", torch_dtype="float32")
    return load_base(input_model(model), cpu(), "float32", _quantization(parameters))


def test_evaluating_leaves_4_bit_weights_as_they_are(tiny_model: Path) -> None:
    import torch
    from bitsandbytes.functional import dequantize_4bit, has_avx512bf16

    if not has_avx512bf16():
        pytest.skip("bitsandbytes repacks 4-bit weights on processors with AVX512-BF16 only")
    model = quantized_base(tiny_model)
    weight = model.model.layers[0].self_attn.o_proj.weight
    before = dequantize_4bit(weight.data, weight.quant_state).clone()
    with torch.no_grad():
        model(input_ids=torch.arange(10, 74)[None])
    after = dequantize_4bit(weight.data, weight.quant_state)
    assert torch.equal(before, after)


def test_merging_a_qlora_adapter_keeps_what_it_learned(tiny_model: Path, phrases: Path, tmp_path: Path) -> None:
    import torch

    from olivine_pipeline.devices import cpu
    from olivine_pipeline.loader import load_base, load_model

    flow = workflow(phrases / "train.json")
    adapter = run_pass(QLORA, QLORA_SETTINGS, input_model(tiny_model), tmp_path / "qlora", flow=flow)
    merged = run_pass(MERGE_ADAPTER_WEIGHTS, {}, adapter, tmp_path / "merged")
    tokens = torch.arange(10, 74)[None]
    with torch.no_grad():
        tuned_model = load_model(adapter, cpu(), None)
        tuned = tuned_model(input_ids=tokens).logits.float()
        with tuned_model.disable_adapter():
            base = tuned_model(input_ids=tokens).logits.float()
        result = load_base(merged, cpu(), "float32")(input_ids=tokens).logits
    learned = (tuned - base).norm()
    lost = (tuned - result).norm()
    assert lost < 0.1 * learned


def test_quantization_options_reach_the_builder(tiny_model: Path, tmp_path: Path) -> None:
    import onnx

    settings = {
        "precision": "int4",
        "int4_block_size": 16,
        "int4_accuracy_level": 1,
        "int4_nodes_to_exclude": ["/lm_head/MatMul"],
    }
    built = run_pass(MODEL_BUILDER, settings, input_model(tiny_model), tmp_path / "onnx")
    graph = onnx.load(Path(built.location, "model.onnx"), load_external_data=False).graph
    quantized = [node for node in graph.node if node.op_type == "MatMulNBits"]
    attributes = [{a.name: a.i for a in node.attribute} for node in quantized]
    assert quantized and {a["block_size"] for a in attributes} == {16}
    assert {a["accuracy_level"] for a in attributes} == {1}
    assert not any("lm_head" in node.name for node in quantized)


def test_batches_of_similar_length_do_not_depend_on_earlier_random_numbers() -> None:
    import torch

    from olivine_pipeline.trainer import EpochLengthGroupedSampler

    lengths = [(7 * i) % 50 + 1 for i in range(200)]

    def order(global_seed: int, epoch: int) -> list[int]:
        torch.manual_seed(global_seed)
        sampler = EpochLengthGroupedSampler(4, lengths, seed=42)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, epoch=1) == order(99, epoch=1)
    assert order(0, epoch=1) != order(0, epoch=2)


@pytest.mark.parametrize(
    ("precision", "provider"),
    [
        ("fp32", "CUDAExecutionProvider"),
        ("fp32", "DmlExecutionProvider"),
        ("fp16", "CPUExecutionProvider"),
        ("bf16", "CPUExecutionProvider"),
    ],
)
def test_a_precision_that_builds_but_does_not_run_is_refused(
    precision: str, provider: str, tiny_model: Path, tmp_path: Path
) -> None:
    parameters = ModelBuilderParameters.model_validate({"precision": precision})
    with pytest.raises(RunError, match=precision):
        MODEL_BUILDER.settle(parameters, site(tmp_path, provider), input_model(tiny_model))


@pytest.mark.parametrize(
    "settings",
    [
        {"int4_is_symmetric": False},
        {"int4_algo_config": "k_quant_mixed"},
        {"int4_algo_config": "rtn_last"},
        {"extra_options": {"matmul_mixed_precision": "last_matmul:int8"}},
    ],
    ids=json.dumps,
)
def test_quantized_tied_embeddings_load(settings: dict, tied_model: Path, tmp_path: Path) -> None:
    built = run_pass(MODEL_BUILDER, {"precision": "int4", **settings}, input_model(tied_model), tmp_path / "onnx")
    open_verified(Path(built.location))
