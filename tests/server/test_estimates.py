"""The formulas behind hover, hints and plans, on numbers worked out by hand."""

from __future__ import annotations

from inspect import isfunction
from pathlib import Path

import pytest

from olivine_schemas import estimates

SHAPES = {
    "model.embed_tokens": (1000, 64),
    "model.layers.0.q_proj": (64, 64),
    "model.layers.0.v_proj": (16, 64),
    "model.layers.1.q_proj": (64, 64),
    "model.layers.1.v_proj": (16, 64),
    "lm_head": (1000, 64),
}


@pytest.mark.parametrize(
    ("targets", "saved", "expected"),
    [
        (["q_proj"], [], 2 * 8 * 128),
        (["q_proj", "v_proj"], [], 2 * 8 * 128 + 2 * 8 * 80),
        (["all-linear"], [], 2 * 8 * 128 + 2 * 8 * 80),
        (["model.layers.0.q_proj"], [], 8 * 128),
        (["proj"], [], 0),
        (["q_proj"], ["lm_head"], 2 * 8 * 128 + 64_000),
        (["q_proj", "lm_head"], ["lm_head"], 2 * 8 * 128 + 64_000),
    ],
)
def test_trainable_parameters(targets: list[str], saved: list[str], expected: int) -> None:
    assert estimates.trainable_parameters(SHAPES, 8, targets, saved) == expected


@pytest.mark.parametrize(
    ("count", "batch", "accumulation", "expected"),
    [(100, 8, 1, 13), (100, 8, 4, 4), (96, 8, 4, 3), (3, 8, 4, 1), (0, 8, 1, 1)],
)
def test_steps_per_epoch_are_those_of_the_trainer(count: int, batch: int, accumulation: int, expected: int) -> None:
    assert estimates.steps_per_epoch(count, batch, accumulation) == expected


def test_max_steps_overrules_the_epochs() -> None:
    assert estimates.total_steps(13, 3.0) == 39
    assert estimates.total_steps(13, 0.5) == 7
    assert estimates.total_steps(13, 3.0, max_steps=5) == 5
    assert estimates.effective_batch(2, 4) == 8


@pytest.mark.parametrize(
    ("strategy", "options", "expected"),
    [
        ("line-by-line", {}, 100),
        ("line-by-line", {"max_samples": 7}, 7),
        ("join", {"text_bytes": 40_000, "max_seq_len": 1000}, 10),
        ("join", {"text_bytes": 400, "max_seq_len": 1000}, 0),
        ("join-sliding-window", {"text_bytes": 40_000, "max_seq_len": 1000, "stride": 500}, 19),
        ("join-random", {}, None),
        ("line-by-line-random", {"max_samples": 7}, 7),
    ],
)
def test_sequences(strategy: str, options: dict[str, int], expected: int | None) -> None:
    assert estimates.sequences(100, strategy, **options) == expected


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [(100, None, 0), (100, 0.1, 10), (100, 0.101, 11), (100, 5, 5), (100, 500, 99), (1, 0.5, 0)],
)
def test_held_out(count: int, size: float | None, expected: int) -> None:
    assert estimates.held_out(count, size) == expected


def test_weights_in_memory_depend_on_the_number_format() -> None:
    assert estimates.weight_bytes(1000, "float32") == 4000
    assert estimates.weight_bytes(1000, "bfloat16") == 2000
    assert estimates.weight_bytes(1000, "bfloat16", nf4=True) == 562.5
    assert estimates.weight_bytes(1000, "bfloat16", nf4=True, double_quant=True) == pytest.approx(515.875)


def test_checkpointing_saves_activations_and_longer_sequences_take_more() -> None:
    def activations(seq_len: int, checkpointing: bool) -> float:
        return estimates.activation_bytes(1, seq_len, 64, 4, 1000, "bfloat16", checkpointing=checkpointing)

    assert activations(10, False) == 4 * 34 * 640 + 100_000
    assert activations(10, True) == 4 * 2 * 640 + 34 * 640 + 100_000
    assert activations(20, True) == 2 * activations(10, True)


def test_memory_is_the_sum_of_its_parts() -> None:
    assert estimates.training_memory_bytes(1e9, 1000, 2e9) == 3e9 + 16_000 + 700e6
    assert estimates.adapter_bytes(1000) == 4000
    assert estimates.build_memory_bytes(1000) == 7400


def test_int4_has_a_scale_and_a_zero_point_for_each_block() -> None:
    assert estimates.int4_bytes(32) == 16 + 4 + 0.5
    assert estimates.int4_bytes(32, scale_bits=16) == 16 + 2 + 0.5
    assert estimates.int4_bytes(64, block=64) == 32 + 4 + 0.5
    assert estimates.int4_bytes(42, embedding=10) == 16 + 4 + 0.5 + 40


def test_the_manual_names_every_formula() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "estimates.md").read_text(encoding="utf-8")
    functions = {name for name, value in vars(estimates).items() if isfunction(value)}
    without_formula = {"adapted_layers"}
    assert {name for name in functions if f"`{name}`" not in manual} == without_formula
