"""Measurements: known answers, and the same numbers from torch and from ONNX."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import PHRASES

from olivine_pipeline.evaluate import HeldOut, Sample, answers, evaluate, held_out, size_bytes
from olivine_pipeline.evaluate.held_out import spread

TEMPLATE = "### Text: {phrase}\n### The tone is:\n{tone}"
BUILD = """
import sys
from onnxruntime_genai.models.builder import create_model, parse_extra_options
model, out, precision = sys.argv[1:]
extra = parse_extra_options(None, model, out, precision, "cpu", out + "-cache", ["hf_token=false"])
create_model(None, model, out, precision, "cpu", out + "-cache", **extra)
"""


@pytest.fixture(scope="module")
def data() -> HeldOut:
    return held_out(PHRASES, TEMPLATE)


@pytest.fixture
def torch_model(tiny_model: Path) -> Any:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from olivine_pipeline.evaluate.torch_stage import TorchModel

    return TorchModel(AutoModelForCausalLM.from_pretrained(tiny_model), AutoTokenizer.from_pretrained(tiny_model))


@pytest.fixture(scope="module")
def onnx_folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx") / "fp32"
    subprocess.run([sys.executable, "-c", BUILD, tiny_model, folder, "fp32"], check=True, capture_output=True)
    return folder


class Rigged:
    """A model of one token a character that finds `favourite` likely everywhere, and writes it."""

    def __init__(self, favourite: str) -> None:
        self.favourite = favourite
        self.asked = 0

    def tokens(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))

    def logits(self, batch: Sequence[Sequence[int]], last: int) -> list[Any]:
        self.asked += len(batch)
        row = np.full(128, -10.0, dtype=np.float32)
        row[self.tokens(self.favourite)] = 0.0
        return [np.tile(row, (min(last, len(tokens)), 1)) for tokens in batch]

    def generate(self, prompt: Sequence[int], new_tokens: int, *, stop_at_end: bool) -> Iterator[int]:
        written = self.tokens(f"\n {self.favourite} \nand more")
        yield from (written if stop_at_end else written * new_tokens)[:new_tokens]


def test_label_is_split_off_the_template(data: HeldOut) -> None:
    assert data.labels == ["fear", "joy", "sad", "surprise"]
    assert data.samples[0] == Sample(f"### Text: {PHRASES[0]['phrase']}\n### The tone is:\n", "sad")
    assert data.texts[0] == data.samples[0].prompt + "sad"


@pytest.mark.parametrize(
    ("template", "prompt", "label"),
    [
        ("{phrase} is {tone}<|end|>", "The x is ", "a"),
        ("{{json}} {phrase}: {tone}", "{json} The x: ", "a"),
        ("{phrase} {number}", "The x ", "1"),
    ],
)
def test_prompt_of_other_templates(template: str, prompt: str, label: str) -> None:
    rows = [{"phrase": "The x", "tone": "a", "number": 1}, {"phrase": "The y", "tone": "b", "number": 2}] * 3
    assert held_out(rows, template).samples[0] == Sample(prompt, label)


@pytest.mark.parametrize(
    "template",
    [
        "{tone} is what I feel about {phrase}",  # ends in text, not in a label
        "{tone}",  # nothing to ask
        "{tone} {phrase} {tone}",  # gives the label away
    ],
)
def test_no_accuracy_without_a_label_to_guess(template: str) -> None:
    found = held_out(PHRASES, template)
    assert (found.samples, found.labels) == ([], [])
    assert len(found.texts) == len(PHRASES)


def test_few_held_out_rows_find_their_labels_in_the_training_rows() -> None:
    assert held_out(PHRASES[:2], TEMPLATE).labels == []
    assert len(held_out(PHRASES[:2], TEMPLATE, training_rows=PHRASES).labels) == 4


def test_the_same_rows_are_measured_every_time() -> None:
    chosen = spread(range(1000), 10)
    assert chosen == sorted(set(chosen)) == spread(range(1000), 10)
    assert spread([1, 2], 10) == [1, 2]


@pytest.mark.parametrize(("favourite", "accuracy"), [("joy", 1.0), ("sad", 0.0), ("s", 0.0)])
def test_accuracy_of_a_rigged_model(favourite: str, accuracy: float) -> None:
    samples = [Sample(f"Phrase {number}: ", "joy") for number in range(9)]
    found = evaluate(Rigged(favourite), None, HeldOut([], samples, ["sad", "joy", "sadder", "jolly"]), size_bytes=1)
    assert found.accuracy == accuracy
    assert (found.perplexity, found.first_token_ms, found.tokens_per_second, found.size_bytes) == (None, None, None, 1)


def test_a_right_model_is_asked_once_a_prompt() -> None:
    scorer = Rigged("joy")
    evaluate(scorer, None, HeldOut([], [Sample("It is ", "joy")] * 9, ["sad", "joy", "fear"]), size_bytes=1)
    assert scorer.asked == 9


def test_label_tokens_may_reach_over_the_end_of_the_prompt(torch_model: Any) -> None:
    prompt, labels = "It rained on the day.\ns", ["ad", "urprise"]
    ids = [torch_model.tokens(prompt + label) for label in labels]
    assert ids[0][: len(torch_model.tokens(prompt))] != torch_model.tokens(prompt), "the tokenizer merges over the seam"
    sums = [-_loss(torch_model, tokens, start=len(torch_model.tokens("It rained on the day.\n"))) for tokens in ids]
    best = labels[int(np.argmax(sums))]
    assert evaluate(torch_model, None, HeldOut([], [Sample(prompt, best)], labels), size_bytes=1).accuracy == 1.0


def _loss(model: Any, tokens: list[int], start: int = 1) -> float:
    """Summed negative log-likelihood of the tokens from `start`, from transformers' own loss."""
    import torch

    ids = torch.tensor([tokens])
    labels = ids.clone()
    labels[:, :start] = -100
    with torch.no_grad():
        loss = model.model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
    return float(loss) * (len(tokens) - start)


def test_accuracy_is_that_of_scoring_every_label_whole(torch_model: Any, data: HeldOut) -> None:
    right = 0
    for sample in data.samples:
        start = len(torch_model.tokens(sample.prompt))
        losses = [_loss(torch_model, torch_model.tokens(sample.prompt + label), start) for label in data.labels]
        right += data.labels[int(np.argmin(losses))] == sample.label
    found = evaluate(torch_model, None, replace(data, texts=[]), size_bytes=1)
    assert found.accuracy == right / len(data.samples)


def test_perplexity_is_that_of_transformers_loss(torch_model: Any, data: HeldOut) -> None:
    sequences = [torch_model.tokens(text) for text in data.texts]
    expected = math.exp(sum(_loss(torch_model, s) for s in sequences) / sum(len(s) - 1 for s in sequences))
    found = evaluate(torch_model, None, HeldOut(data.texts), size_bytes=1)
    assert found.perplexity == pytest.approx(expected, rel=1e-4)


def test_greedy_tokens_are_those_of_transformers(torch_model: Any) -> None:
    import torch

    prompt = torch_model.tokens("We danced")
    written = list(torch_model.generate(prompt, 12, stop_at_end=False))
    whole = torch_model.model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt)),
        do_sample=False,
        max_new_tokens=12,
        min_new_tokens=12,
    )
    assert whole[0, len(prompt) :].tolist() == written


def test_training_goes_on_after_an_evaluation_that_was_stopped(torch_model: Any, data: HeldOut) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    torch_model.model.train()
    with pytest.raises(KeyboardInterrupt):
        evaluate(torch_model, torch_model, data, size_bytes=1, on_progress=stop)
    assert torch_model.model.training
    torch_model.model(input_ids=_ids(torch_model), labels=_ids(torch_model)).loss.backward()
    assert all(parameter.grad is not None for parameter in torch_model.model.parameters())


def _ids(model: Any) -> Any:
    import torch

    return torch.tensor([model.tokens("We danced in the kitchen")])


def test_progress_ends_at_its_total(torch_model: Any, data: HeldOut) -> None:
    seen: list[tuple[int, int]] = []
    few = HeldOut(data.texts[:3], data.samples[:5], data.labels)
    evaluate(torch_model, torch_model, few, size_bytes=1, on_progress=lambda *p: seen.append(p))
    assert seen[-1] == (12, 12)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_onnx_measures_what_torch_measures(torch_model: Any, onnx_folder: Path, data: HeldOut) -> None:
    from olivine_pipeline.evaluate.onnx_stage import measure_onnx

    prompts = [sample.prompt for sample in data.samples[:3]]
    seen: list[tuple[int, int]] = []
    onnx, onnx_answers = measure_onnx(onnx_folder, data, prompts, on_progress=lambda *p: seen.append(p))
    torch = evaluate(torch_model, torch_model, data, size_bytes=1)
    assert onnx.perplexity == pytest.approx(torch.perplexity, rel=1e-3)
    assert onnx.accuracy == torch.accuracy
    assert onnx_answers == answers(torch_model, prompts)
    assert onnx.first_token_ms and onnx.tokens_per_second
    assert onnx.size_bytes == sum((onnx_folder / name).stat().st_size for name in ("model.onnx", "model.onnx.data"))
    assert seen[-1][0] == seen[-1][1] > 0


def test_onnx_batches_are_those_of_single_sequences(onnx_folder: Path) -> None:
    from olivine_pipeline.evaluate.onnx_model import OnnxScorer

    scorer = OnnxScorer(onnx_folder)
    sequences = [[9, 8, 7, 6, 5], [4, 5], [20] * 4]
    for together, tokens in zip(scorer.logits(sequences, 3), sequences, strict=True):
        np.testing.assert_allclose(together, scorer.logits([tokens], 3)[0], atol=1e-5)


def test_onnx_tokenizer_is_that_of_transformers(tiny_model: Path, torch_model: Any, data: HeldOut) -> None:
    from olivine_pipeline.evaluate.onnx_model import OnnxTokenizer

    tokenizer = OnnxTokenizer(tiny_model)
    for text in [*data.texts, "<|user|>\nhow?<|end|>", " ünïcödé 🙂\n"]:
        assert tokenizer.tokens(text) == torch_model.tokens(text)
        assert tokenizer.text(tokenizer.tokens(text)) == torch_model.text(torch_model.tokens(text))


def test_onnx_side_leaves_torch_alone(onnx_folder: Path) -> None:
    modules = "olivine_pipeline.evaluate.onnx_stage, olivine_pipeline.evaluate.onnx_model"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_nothing_is_kept_to_be_told_to_anyone(onnx_folder: Path, tmp_path: Path) -> None:
    code = "import pathlib, sys; from olivine_pipeline.evaluate.onnx_model import GenaiModel; "
    code += "GenaiModel(pathlib.Path(sys.argv[1]))"
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(onnx_folder)], env=environment | homes, check=True)
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.parametrize("damage", ["weights", "config"])
def test_a_broken_onnx_model_is_told_in_words(onnx_folder: Path, tmp_path: Path, data: HeldOut, damage: str) -> None:
    from olivine_pipeline.evaluate.onnx_stage import measure_onnx

    for file in onnx_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    if damage == "weights":
        (tmp_path / "model.onnx").write_bytes(b"not a model")
    else:
        config = json.loads((tmp_path / "genai_config.json").read_text())
        del config["model"]["decoder"]
        (tmp_path / "genai_config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="converted model does not run") as told:
        measure_onnx(tmp_path, data, [])
    assert "Traceback" not in str(told.value)


def test_stopping_an_onnx_evaluation_ends_its_process(onnx_folder: Path, data: HeldOut) -> None:
    import psutil

    from olivine_pipeline.evaluate.onnx_stage import measure_onnx

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_onnx(onnx_folder, data, [], on_progress=stop)
    assert not [child for child in psutil.Process().children() if "onnx_stage" in " ".join(child.cmdline())]


def test_answers_are_the_first_line_with_text() -> None:
    assert answers(Rigged("joy"), ["How is it? "]) == ["joy"]


@pytest.mark.parametrize(
    ("files", "size"),
    [
        ({"model.safetensors": 5, "optimizer.pt": 9, "tokenizer.json": 3}, 5),
        ({"model.onnx": 2, "model.onnx.data": 7, "genai_config.json": 1}, 9),
        ({"pytorch_model.bin": 4, "training_args.bin": 1}, 4),
        ({"model.safetensors": 5, "pytorch_model.bin": 4}, 5),
        ({}, 0),
    ],
)
def test_size_counts_the_weights_that_are_loaded(tmp_path: Path, files: dict[str, int], size: int) -> None:
    for name, length in files.items():
        (tmp_path / name).write_bytes(b"x" * length)
    assert size_bytes(tmp_path) == size
