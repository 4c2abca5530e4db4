"""Hover: `|` is the cursor, and what is asserted is the token it is for and what it tells."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.facts import NO_FACTS, Facts
from olivine_server.features.hover import hover
from olivine_server.features.inlay import inlay_hints
from olivine_server.workspace import Document

CONFIG = """{
    "input_model": {"type": "HfModel", "model_path": "model"},
    "systems": {"here": {"type": "LocalSystem", "accelerators": [
        {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}]}},
    "data_configs": [{
        "name": "phrases",
        "load_dataset_config": {"data_name": "json", "data_files": "train.json", "split": "train"},
        "pre_process_data_config": {"strategy": "line-by-line", "text_cols": ["phrase"], "max_seq_len": 64}
    }],
    "evaluators": {"speed": {"metrics": [{"name": "latency", "type": "latency", "sub_types": [{"name": "avg"}]}]}},
    "passes": {
        "tune": {
            "type": "LoRA", "train_data_config": "phrases", "target_modules": ["q_proj"], "r": 4, "lora_alpha": 8,
            "eval_dataset_size": 0.2, "torch_dtype": "bfloat16",
            "training_args": {
                "per_device_train_batch_size": 2,
                "gradient_accumulation_steps": 4,
                "num_train_epochs": 3,
                "group_by_length": true
            }
        },
        "merge": {"type": "MergeAdapterWeights"},
        "build": {"type": "ModelBuilder", "precision": "int4"},
        "old": {"type": "OnnxConversion"}
    },
    "host": "here",
    "evaluator": "speed"
}"""


@pytest.fixture
def folder(tmp_path: Path) -> DiskFacts:
    (tmp_path / "train.json").write_text(json.dumps([{"phrase": "hello", "tone": "warm"}] * 100))
    (tmp_path / "model").mkdir()
    shapes = {"model.embed_tokens": [1000, 64], "model.layers.0.q_proj": [64, 64], "model.layers.0.mlp": [128, 64]}
    header = {
        f"{name}.weight": {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()
    }
    data = json.dumps(header).encode()
    (tmp_path / "model" / "model.safetensors").write_bytes(struct.pack("<Q", len(data)) + data)
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 1, "vocab_size": 1000}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    return DiskFacts(tmp_path)


def told(near: str, facts: Facts = NO_FACTS, text: str = CONFIG) -> tuple[str, str]:
    """The token and the words of the hover in the middle of a piece of the config, which is in it once."""
    assert text.count(near) == 1
    found = hover(Document("", text), text.index(near) + len(near) // 2, facts)
    assert found is not None
    return text[found.span.start : found.span.end], found.markdown


@pytest.mark.parametrize(
    ("near", "token", "words"),
    [
        ('"per_device_train_batch_size"', '"per_device_train_batch_size"', ["default `8`", "2 × 4 = **8**"]),
        ('"gradient_accumulation_steps"', '"gradient_accumulation_steps"', ["a whole number", "2 × 4 = **8**"]),
        ('"r"', '"r"', ["Rank of the adapter", "default `64`", "`lora_r`"]),
        ('"lora_alpha"', '"lora_alpha"', ["Today's name is `alpha`", "Scaling"]),
        ('"group_by_length"', '"group_by_length"', ["Today's name is `train_sampling_strategy`"]),
        ('"bfloat16"', '"bfloat16"', ["torch_dtype", "`float32`"]),
        ('"LoRA"', '"LoRA"', ["Olivine runs it", "low-rank adapters", "`train_data_config`"]),
        ('"OnnxConversion"', '"OnnxConversion"', ["does not run it"]),
        ('"HfModel"', '"HfModel"', ["hub name or a folder"]),
        ('"host"', '"host"', ["System that runs the passes"]),
        ('"tune"', '"tune"', ["Pass **tune**: `LoRA`"]),
        ('"CPUExecutionProvider"', '"CPUExecutionProvider"', ["Drives a cpu"]),
        ('"q_proj"', '"q_proj"', ["linear layers"]),
    ],
)  # fmt: skip
def test_a_token_is_explained(near: str, token: str, words: list[str]) -> None:
    found, markdown = told(near)
    assert found == token
    for word in words:
        assert word in markdown


@pytest.mark.parametrize(
    ("near", "words"),
    [
        ('"train_data_config": "phrases"', ["name of the data"]),
        (' "phrases", "target', ["Data config **phrases**", "`train.json`", "100 rows", "`phrase`, `tone`"]),
        (': "here"', ["LocalSystem", "`cpu`", "`CPUExecutionProvider`"]),
        (': "speed"', ["Measures `latency`"]),
        ('"train.json"', ["100 rows"]),
        ('"model_path": "model', ["model_path"]),
        (' "model"', ["llama", "76.3 k parameters", "As int4 about", "of memory"]),
        ('"int4"', ["As int4 about"]),
        ('"num_train_epochs"', ["80 sequences / 8 = **10** steps", "**30** steps = 3 epochs"]),
        ('"r"', ["**512** parameters (0.67% of", "1 layers", "adapter 2.05 kB", "Training takes about 70"]),
        ('"torch_dtype"', ["Training takes about 70"]),
    ],
)  # fmt: skip
def test_references_and_numbers_tell_what_the_files_say(folder: DiskFacts, near: str, words: list[str]) -> None:
    _, markdown = told(near, folder)
    for word in words:
        assert word.lower() in markdown.lower()


@pytest.mark.parametrize("marked", ["|", "{ | }", '{ "nonsense|": 1 }', "[|]", '{ "passes": {| } }', '{ "a": |'])
def test_nothing_is_told_where_nothing_is_known(marked: str) -> None:
    assert hover(Document("", marked.replace("|", "")), marked.index("|")) is None


def test_yaml_is_explained_too() -> None:
    text = "log_severity_level: 1\npasses:\n  ft:\n    type: LoRA\n"
    found = hover(Document("", text, yaml=True), text.index("LoRA") + 1)
    assert found is not None
    assert "low-rank" in found.markdown


def hints(text: str, facts: Facts = NO_FACTS) -> dict[str, str]:
    """The hints by the text before them, up to the start of the line."""
    found = inlay_hints(Document("", text), facts)
    return {text[text.rfind("\n", 0, hint.offset) + 1 : hint.offset].strip(): hint.label for hint in found}


def test_hints_follow_the_numbers(folder: DiskFacts) -> None:
    assert list(hints(CONFIG, folder).values()) == [
        "512 trainable parameters",
        "effective batch 8",
        "30 steps, 3 epochs",
    ]
    assert hints(CONFIG, folder)['"gradient_accumulation_steps": 4,'] == "effective batch 8"


def test_hints_say_what_can_be_known_without_files() -> None:
    assert list(hints(CONFIG).values()) == ["effective batch 8"]
    assert "100 steps" in hints(CONFIG.replace('"num_train_epochs": 3', '"max_steps": 100')).values()


def test_what_is_estimated_says_so(folder: DiskFacts) -> None:
    joined = CONFIG.replace('"line-by-line"', '"join"').replace('"max_seq_len": 64', '"max_seq_len": 8')
    assert any(label.startswith("about ") for label in hints(joined, folder).values())


def test_defaults_of_the_old_generation_count_and_get_no_hint_of_their_own() -> None:
    old = """{"input_model": {"type": "PyTorchModel", "config": {"hf_config": {"model_name": "m"}}}, "passes": {"p":
    {"type": "LoRA", "config": {"training_args": {
    "per_device_train_batch_size": 2}}}}}"""
    assert hints(old)['"per_device_train_batch_size": 2'] == "effective batch 32"


def test_a_data_config_tells_at_its_own_name_what_it_holds(folder: DiskFacts) -> None:
    _, markdown = told('"name": "phrases"', folder)
    assert "100 rows with columns `phrase`, `tone`" in markdown
