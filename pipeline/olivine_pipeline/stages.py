"""The stages of a run and what they measure: the input model, then the result of every pass.

A measurement is an artifact like any other: made once for a model and held-out data, found again afterwards.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from olivine_schemas.language.data import DataConfig
from olivine_schemas.language.evaluators import Evaluator
from olivine_schemas.language.passes import LoRAParameters

from . import data
from .cancel import Cancel
from .digests import digest_of
from .errors import RunError
from .evaluate import HeldOut, StageMetrics, evaluate, held_out, size_bytes
from .evaluate.held_out import spread
from .journal import Journal
from .passes.base import ModelRef, Site
from .plan import Plan, data_digests
from .store import Store

REVISION = 1
"""Part of a measurement's key; raised when measuring changes."""
PROMPTS = 3
"""Held-out prompts that every stage answers for the report."""
NAMES = {"transformers": "merged", "adapter": "tuned", "onnx": "onnx"}


@dataclass(frozen=True)
class Stage:
    """A model of the run to be measured."""

    name: str
    model: ModelRef
    site: Site


@dataclass(frozen=True)
class Answer:
    """What a model wrote after a held-out prompt, and the right label, empty where there is none."""

    prompt: str
    expected: str
    text: str


@dataclass(frozen=True)
class Measured:
    """What a stage measured, and its answers to the sample prompts."""

    metrics: StageMetrics
    answers: list[Answer] = field(default_factory=list)


def stages_of(plan: Plan) -> list[Stage]:
    """The input model where it is to be measured, and every pass's result."""
    stages = (
        [Stage("base", plan.model, plan.passes[0].site if plan.passes else plan.site)]
        if plan.workflow.engine.evaluate_input_model
        else []
    )
    for planned in plan.passes:
        name = NAMES[planned.type.yields]
        taken = any(stage.name == name for stage in stages)
        stages.append(Stage(f"{name}-{planned.name}" if taken else name, planned.result, planned.site))
    return stages


@dataclass(frozen=True)
class HeldOutSource:
    """Where held-out text comes from: a data config of its own, or a share of the training data."""

    config: DataConfig | None
    training: DataConfig | None
    share: float | None = None
    seed: int | None = None


def held_out_source(plan: Plan) -> HeldOutSource:
    """The evaluator's data config, else the first training pass's evaluation data, else what it holds out."""
    workflow = plan.workflow
    trained = next(
        (p.settled.parameters for p in plan.passes if isinstance(p.settled.parameters, LoRAParameters)), None
    )
    training = workflow.data_config(trained.train_data_config) if trained else None
    evaluator = workflow.engine.evaluator
    chosen = evaluator if isinstance(evaluator, Evaluator) else workflow.evaluators.get(evaluator or "")
    name = next((metric.data_config for metric in chosen.metrics if metric.data_config), None) if chosen else None
    name = name or (trained.eval_data_config if trained else None)
    if name:
        return HeldOutSource(workflow.data_config(name), training)
    if trained and trained.eval_dataset_size:
        seed = (trained.training_args.model_extra or {}).get("data_seed")
        return HeldOutSource(None, training, trained.eval_dataset_size, seed)
    return HeldOutSource(None, None)


class Measurements:
    """Measures the stages of one plan, each once, and keeps what it measured in the store."""

    def __init__(self, plan: Plan, journal: Journal, cancel: Cancel) -> None:
        self._plan = plan
        self._journal = journal
        self._cancel = cancel
        self._source = held_out_source(plan)
        self._source_key = self._key_of_source(plan.store)
        self._data: HeldOut | None = None
        self._torch = TorchModels()

    @property
    def held_out(self) -> HeldOut:
        """The held-out data, read when first asked for."""
        if self._data is None:
            self._data = read_held_out(self._source, self._plan)
        return self._data

    def is_known(self, stage: Stage) -> bool:
        """Whether the store has the measurements of a stage."""
        again = self._plan.workflow.engine.clean_evaluation_cache
        return not again and _stored(self._plan.store, self._key(stage)) is not None

    def keep(self, stage: Stage, measured: Measured) -> None:
        """Remember what was measured of a stage elsewhere."""
        text = json.dumps(asdict(measured), indent=1)
        record = {"evaluation": stage.name}
        self._plan.store.commit(self._key(stage), record, lambda folder: _write(folder / "measured.json", text))

    def measure(self, stage: Stage) -> Measured:
        """The measurements of a stage, from the store where they are there."""
        key = self._key(stage)
        store, again = self._plan.store, self._plan.workflow.engine.clean_evaluation_cache
        measured = None if again else _stored(store, key)
        if measured is None:
            with store.lock(key, self._cancel.check):  # another run may measure the same at this moment
                measured = (None if again else _stored(store, key)) or self._measure(stage)
        self._journal.evaluated(stage.name, asdict(measured.metrics))
        return measured

    def _key(self, stage: Stage) -> str:
        return digest_of(
            {
                "evaluation": REVISION,
                "model": stage.model.key,
                "data": self._source_key,
                "device": stage.site.device.kind,
            }
        )

    def _measure(self, stage: Stage) -> Measured:
        self._cancel.check()
        self._journal.progress(f"measuring {stage.name}", 0, 0, "row")
        there = stage if stage.site.here else replace(stage, site=self._plan.site)
        measured = self._measure_onnx(there) if stage.model.kind == "onnx" else self._measure_torch(there)
        self.keep(stage, measured)
        return measured

    def release(self) -> None:
        """Let loaded models go."""
        self._torch = TorchModels()

    def samples(self) -> list[tuple[str, str]]:
        """Prompts that every stage answers, with the right label where there is one."""
        chosen = self.held_out.samples
        if chosen:
            by_label = {sample.label: sample for sample in spread(chosen, len(chosen))}
            return [(sample.prompt, sample.label) for sample in list(by_label.values())[:PROMPTS]]
        return [(text[:80], "") for text in spread(self.held_out.texts, PROMPTS)]

    def _report(self, name: str) -> Any:
        def report(done: int, total: int) -> None:
            self._cancel.check()
            self._journal.progress(f"measuring {name}", done, total, "row")

        return report

    def _measure_onnx(self, stage: Stage) -> Measured:
        from .evaluate.onnx_stage import measure_onnx

        prompts = [prompt for prompt, _ in self.samples()]
        folder, report = Path(stage.model.location), self._report(stage.name)
        try:
            metrics, answers = measure_onnx(folder, self.held_out, prompts, on_progress=report, cancel=self._cancel)
        except ValueError as error:
            raise RunError("onnx-not-running", str(error), "Choose another precision or another target.") from error
        return Measured(metrics, self._answered(answers))

    def _answered(self, texts: list[str]) -> list[Answer]:
        return [Answer(prompt, expected, text) for (prompt, expected), text in zip(self.samples(), texts, strict=True)]

    def _measure_torch(self, stage: Stage) -> Measured:
        from .evaluate import answers
        from .evaluate.torch_stage import TorchModel

        size = size_bytes(Path(stage.model.location))
        if stage.model.kind == "adapter" and stage.model.base is not None:
            size += size_bytes(Path(stage.model.base.location))
        if not self.held_out.texts:
            return Measured(StageMetrics(None, None, None, None, size))
        with self._torch.loaded(stage) as (model, tokenizer):
            scored = TorchModel(model, tokenizer)
            metrics = evaluate(scored, scored, self.held_out, size_bytes=size, on_progress=self._report(stage.name))
            return Measured(metrics, self._answered(answers(scored, [prompt for prompt, _ in self.samples()])))

    def _key_of_source(self, store: Store) -> Any:
        source = self._source
        configs = [config for config in (source.config, source.training) if config]
        digests = [[c.model_dump(mode="json"), data_digests(c, self._plan.config.folder, store)] for c in configs]
        return [digests, source.share, source.seed]


class TorchModels:
    """The model loaded last; an adapter's base is measured through the adapted model, its adapter switched off."""

    def __init__(self) -> None:
        self._ref: ModelRef | None = None
        self._model: Any = None

    @contextlib.contextmanager
    def loaded(self, stage: Stage) -> Iterator[tuple[Any, Any]]:
        """The stage's model in evaluation mode, and its tokenizer."""
        from .loader import load_model, load_tokenizer, prepare_threads

        prepare_threads()
        if self._ref and self._ref.kind == "adapter" and self._ref.base == stage.model:
            with self._model.disable_adapter():
                yield self._model, load_tokenizer(stage.model)
            return
        if self._ref != stage.model:
            self._ref = self._model = None
            self._model = load_model(stage.model, stage.site.device, None)
            self._ref = stage.model
        yield self._model, load_tokenizer(stage.model)


def read_held_out(source: HeldOutSource, plan: Plan) -> HeldOut:
    """Read held-out rows and make texts of them as training does."""
    folder = plan.config.folder
    if source.config is not None:
        settings = data.text_settings(source.config)
        rows = list(data.load_rows(source.config, folder))
        if settings.text_template and settings.dataset_type == "corpus":
            training_rows = list(data.load_rows(source.training, folder)) if source.training else []
            return held_out(rows, settings.text_template, training_rows)
        return HeldOut(_rendered(source.config, rows, plan))
    if source.training is None or source.share is None:
        return HeldOut([])
    from .loader import load_tokenizer

    tokenizer = load_tokenizer(plan.model)
    _, evaluation = data.split_eval(data.prepare(source.training, tokenizer, folder), source.share, source.seed)
    return HeldOut([tokenizer.decode(row["input_ids"], skip_special_tokens=True) for row in evaluation])


def _rendered(config: DataConfig, rows: list[Any], plan: Plan) -> list[str]:
    from .data.text import corpus_formatter, pair_formatter
    from .loader import load_tokenizer

    columns, tokenizer = list(rows[0]) if rows else [], load_tokenizer(plan.model)
    if data.text_settings(config).dataset_type == "pair":
        pair = pair_formatter(config, columns, tokenizer, plan.config.folder)
        return ["".join(pair(row)) for row in rows]
    text = corpus_formatter(config, columns, tokenizer, plan.config.folder)
    return [text(row) for row in rows]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def measured_elsewhere(report: dict[str, Any]) -> list[Measured]:
    """What a run on another machine measured, by its report.json: of each of its stages, in order."""
    found = []
    for stage in report["stages"]:
        metrics = {key: value for key, value in stage.items() if key != "name"}
        samples = [sample for sample in report["samples"] if stage["name"] in sample["answers"]]
        answers = [Answer(one["prompt"], one["expected"], one["answers"][stage["name"]]) for one in samples]
        found.append(Measured(StageMetrics(**metrics), answers))
    return found


def _stored(store: Store, key: str) -> Measured | None:
    """Measurements that were made before."""
    entry = store.get(key)
    if entry is None:
        return None
    stored = json.loads((entry.path / "measured.json").read_text(encoding="utf-8"))
    return Measured(StageMetrics(**stored["metrics"]), [Answer(**answer) for answer in stored["answers"]])
