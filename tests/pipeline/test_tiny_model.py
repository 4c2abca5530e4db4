"""The model that the other tests lean on is what they take it for."""

from __future__ import annotations

import json
from pathlib import Path

from tiny_model import PHRASES, SPECIAL_TOKENS, build_tiny_model


def test_loads_with_phi3_module_names_and_whole_special_tokens(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    assert {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"} <= names
    assert model.config.vocab_size % 32 == 0 and model.config.vocab_size >= len(tokenizer)
    assert [len(tokenizer(token, add_special_tokens=False).input_ids) for token in SPECIAL_TOKENS] == [1] * 8
    text = "<|user|>\nCafé, naïve: 100 %<|end|>"
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_same_seed_gives_the_same_weights(tiny_model: Path, tmp_path: Path) -> None:
    again = build_tiny_model(tmp_path / "again")
    other = build_tiny_model(tmp_path / "other", seed=1)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (tiny_model, again, other)]
    assert weights[0] == weights[1] != weights[2]


def test_phrases_are_json_lines(phrases: Path) -> None:
    rows = [json.loads(line) for line in (phrases / "train.json").read_text(encoding="utf-8").splitlines()]
    assert rows == PHRASES
