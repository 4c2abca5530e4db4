"""Typical mistakes in a config: each is refused at its place, or warned about, before a model is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs import LORA, TRAINING, todays_config

Change = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Mistake:
    """A mistake: how it gets into a sound config, the code it is told by, and the text that stands where it is told.

    A run refuses errors. It goes on with warnings, and does what is meant by what gets a hint.
    """

    name: str
    code: str
    at: str
    change: Change = lambda config: None
    text: tuple[str, str] | None = None
    severity: str = "error"

    def config(self) -> str:
        """The config's text with the mistake in it."""
        config = sound_config()
        self.change(config)
        text = json.dumps(config, indent=4)
        if self.text:
            assert self.text[0] in text
            text = text.replace(*self.text, 1)
        return text


def sound_config() -> dict[str, Any]:
    """A config without problems: LoRA, merge and build on this machine's processor."""
    accelerator = {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
    return {
        **todays_config(),
        "systems": {"here": {"type": "LocalSystem", "accelerators": [accelerator]}},
        "host": "here",
        "target": "here",
    }


def _tune(**settings: Any) -> Change:
    return lambda config: config["passes"].update(tune={**LORA, **settings})


def _qlora(**settings: Any) -> dict[str, Any]:
    return {**LORA, "type": "QLoRA", **settings}


def _training(**arguments: Any) -> Change:
    return _tune(training_args={**TRAINING, **arguments})


def _passes(**passes: Any) -> Change:
    return lambda config: config.update(passes=passes)


def _build(**settings: Any) -> Change:
    return lambda config: config["passes"]["build"].update(settings)


def _loading(**settings: Any) -> Change:
    return lambda config: config["data_configs"][0]["load_dataset_config"].update(settings)


def _text(**settings: Any) -> Change:
    return lambda config: config["data_configs"][0]["pre_process_data_config"].update(settings)


def _device(**settings: Any) -> Change:
    return lambda config: config["systems"]["here"]["accelerators"][0].update(settings)


def _cloud(config: dict[str, Any]) -> None:
    config["systems"]["cloud"] = {"type": "AzureML", "accelerators": [{"device": "gpu"}]}


MERGE = {"type": "MergeAdapterWeights"}
BUILD = {"type": "ModelBuilder", "precision": "int4"}

MISTAKES = [
    Mistake("top-level typo", "unknown-key", '"pases"', text=('"passes"', '"pases"')),
    Mistake("typo in a pass", "unknown-key", '"lora_dropuot"', text=('"lora_dropout"', '"lora_dropuot"')),
    Mistake("old name lora_r", "old-name", '"lora_r"', text=('"r"', '"lora_r"'), severity="hint"),
    Mistake("old name lora_alpha", "old-name", '"lora_alpha"', text=('"alpha"', '"lora_alpha"'), severity="hint"),
    Mistake("unknown pass type", "unknown-type", '"LoRAA"', _tune(type="LoRAA")),
    Mistake("dangling data config", "dangling-data-config", '"phrasess"', _tune(train_data_config="phrasess")),
    Mistake("dangling host", "dangling-system", '"there"', lambda config: config.update(host="there")),
    Mistake("missing column", "template-placeholder", "phrases}", text=("{phrase}", "{phrases}")),
    Mistake("QLoRA, no merge", "qlora-then-builder", '"ModelBuilder"', _passes(tune=_qlora(), build=BUILD)),
    Mistake(
        "eval_steps > max_steps",
        "eval-never-runs",
        '"steps"',
        _training(eval_steps=9, eval_strategy="steps"),
        severity="warning",
    ),
    Mistake("precision int5", "unknown-value", '"int5"', _build(precision="int5")),
    Mistake("torch_dtype bf16", "unknown-value", '"bf16"', _tune(torch_dtype="bf16")),
    Mistake("strategy line_by_line", "unknown-value", '"line_by_line"', _text(strategy="line_by_line")),
    Mistake("rank in words", "wrong-type", '"sixty"', _tune(r="sixty")),
    Mistake("max_steps in words", "wrong-type", '"many"', _training(max_steps="many")),
    Mistake("learning_rate in words", "wrong-type", '"fast"', _training(learning_rate="fast")),
    Mistake("two data configs of a name", "duplicate-name", '"phrases"', text=('"held_out"', '"phrases"')),
    Mistake("key twice", "duplicate-key", '"r"', text=('"r": 4,', '"r": 4, "r": 8,')),
    Mistake("trailing comma", "trailing-comma", ",", text=('"here"\n}', '"here",\n}'), severity="warning"),
    Mistake("comment", "comment", "//", text=('"r": 4,', '"r": 4, // rank\n'), severity="warning"),
    Mistake("missing data file", "missing-data-file", '"data/trian.json"', _loading(data_files="data/trian.json")),
    Mistake(
        "missing model folder", "missing-model", '"./modle"', lambda c: c["input_model"].update(model_path="./modle")
    ),
    Mistake(
        "unknown provider",
        "unknown-provider",
        '"FooExecutionProvider"',
        _device(execution_providers=["FooExecutionProvider"]),
    ),
    Mistake("provider without suffix", "unknown-provider", '"CUDA"', _device(execution_providers=["CUDA"])),
    Mistake(
        "CUDA on a CPU",
        "device-provider-mismatch",
        '"cpu"',
        _device(execution_providers=["CUDAExecutionProvider"]),
        severity="warning",
    ),
    Mistake("device gpuu", "unknown-value", '"gpuu"', _device(device="gpuu")),
    Mistake("double_quant on LoRA", "ignored-setting", '"double_quant"', _tune(double_quant=True), severity="warning"),
    Mistake("negative rank", "out-of-range", "-8", _tune(r=-8)),
    Mistake("dropout above 1", "out-of-range", "1.5", _tune(lora_dropout=1.5)),
    Mistake("max_step", "unknown-key", '"max_step"', text=('"max_steps"', '"max_step"')),
    Mistake(
        "evaluation_strategy", "old-name", '"evaluation_strategy"', _training(evaluation_strategy="no"), severity="hint"
    ),
    Mistake(
        "group_by_length",
        "old-name",
        '"group_by_length"',
        text=('"train_sampling_strategy": "group_by_length"', '"group_by_length": true'),
        severity="hint",
    ),
    Mistake("build before LoRA", "conversion-before-training", '"LoRA"', _passes(build=BUILD, tune=LORA)),
    Mistake("merge without adapter", "merge-without-adapter", '"MergeAdapterWeights"', _passes(merge=MERGE)),
    Mistake("target_modules not in the model", "unknown-target-module", '"q_proj"', _tune(target_modules=["q_proj"])),
    Mistake(
        "train_data_config missing",
        "missing-key",
        '"LoRA"',
        _passes(tune={k: v for k, v in LORA.items() if k != "train_data_config"}),
    ),
    Mistake("too little text to join", "too-little-text", '"join"', _text(strategy="join", max_seq_len=100_000)),
    Mistake(
        "source_max_len in today's form",
        "old-name",
        '"source_max_len"',
        text=('"max_seq_len"', '"source_max_len"'),
        severity="hint",
    ),
    Mistake(
        "corpus_strategy in today's form",
        "old-name",
        '"corpus_strategy"',
        text=('"strategy"', '"corpus_strategy"'),
        severity="hint",
    ),
    Mistake("AzureML without settings", "missing-key", '"AzureML"', _cloud),
    Mistake("split trian", "unknown-split", '"trian"', _loading(split="trian")),
    Mistake(
        "data_configs as a map",
        "dangling-data-config",
        '"held_out"',
        lambda config: config.update(data_configs={"phrases": {}}),
    ),
    Mistake("acelerators", "unknown-key", '"acelerators"', text=('"accelerators"', '"acelerators"')),
]
"""The mistakes of which Microsoft Olive 0.13 accepts, or tells late, all but a few."""

NOT_HERE = [
    Mistake(
        "device gpu where there is none",
        "device-not-here",
        '"here"',
        _device(device="gpu", execution_providers=["CUDAExecutionProvider"]),
    ),
    Mistake("fp16 on the CPU", "builder-precision-device", '"fp16"', _build(precision="fp16")),
    Mistake("bf16 on the CPU", "builder-precision-device", '"bf16"', _build(precision="bf16")),
    Mistake("search", "search-not-supported", "{", lambda c: c.update(search_strategy={"execution_order": "joint"})),
    Mistake(
        "alternatives",
        "search-not-supported",
        "{",
        lambda c: c["passes"].update(build=[BUILD, {**BUILD, "precision": "int8"}]),
    ),
    Mistake(
        "a pass that is only checked", "pass-not-run", '"OnnxConversion"', _passes(convert={"type": "OnnxConversion"})
    ),
    Mistake("results over the input model", "output-taken", '"."', lambda c: c.update(output_dir=".")),
    Mistake(
        "unknown builder option",
        "unknown-builder-option",
        '"int4_blocksize"',
        _build(extra_options={"int4_blocksize": 16}),
    ),
]
"""What is right in another place, and cannot run here or is not run by Olivine."""


def write_mistake(mistake: Mistake, folder: Path) -> Path:
    """Put the mistake's config into a workspace."""
    path = folder / "olive-config.json"
    path.write_text(mistake.config(), encoding="utf-8")
    return path
