"""A Trainer that tells how it goes, stops at once when asked, and continues as if it had never stopped."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from .passes.base import Job

CHECKPOINT_SECONDS = 30.0
"""Time between checkpoints where the config does not say when to save."""


class Losses:
    """The loss of every step, one JSON line each, so that the curve is whole after a crash too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._points: list[dict[str, float]] = []

    @property
    def last(self) -> float | None:
        return self._points[-1]["loss"] if self._points else None

    def forget_after(self, step: int) -> None:
        """Keep what was written up to `step`: later steps are trained again."""
        self._points = [point for point in _json_lines(self._path) if point.get("step", step + 1) <= step]
        self._path.write_text("".join(json.dumps(point) + "\n" for point in self._points))

    def add(self, step: int, loss: float) -> None:
        self._points.append({"step": step, "loss": loss})
        with self._path.open("a") as file:
            file.write(json.dumps(self._points[-1]) + "\n")

    def curves(self, log_history: list[dict[str, float]]) -> dict[str, list[dict[str, float]]]:
        """Loss and evaluation loss by step."""
        evaluations = [{"step": log["step"], "loss": log["eval_loss"]} for log in log_history if "eval_loss" in log]
        return {"losses": self._points, "eval_losses": evaluations}


def _json_lines(path: Path) -> list[dict[str, float]]:
    points = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            points.append(json.loads(line))
        except ValueError:  # the line that a crash tore
            continue
    return points


class EpochLengthGroupedSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Batches of similar lengths in an order that follows from seed and epoch alone.

    The library's own sampler draws from the global random state, so a resumed run would see other batches.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Any:
        self.generator.manual_seed(self._seed * 1_000_003 + self._epoch)
        return super().__iter__()


class CheckpointedTrainer(Trainer):  # type: ignore[misc]
    """transformers.Trainer with the journal and the cancel request of a job."""

    def __init__(self, *, job: Job, losses: Losses, callbacks: list[Any], **arguments: Any) -> None:
        self.job = job
        self.telling = Telling(job, losses)
        super().__init__(callbacks=[self.telling, *callbacks], **arguments)

    def training_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> torch.Tensor:
        self.job.cancel.check()
        loss = super().training_step(model, inputs, *rest, **named)
        self.telling.add(loss, int(inputs["input_ids"].numel()))
        return loss

    def evaluate(self, *arguments: Any, **named: Any) -> dict[str, float]:
        """Evaluate beside the training: the random numbers that it draws are not those of the next step."""
        devices = [self.args.device] if self.args.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            return super().evaluate(*arguments, **named)  # type: ignore[no-any-return]

    def prediction_step(self, *arguments: Any, **named: Any) -> Any:
        self.job.cancel.check()
        return super().prediction_step(*arguments, **named)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        sampler = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            seed = self.args.data_seed if self.args.data_seed is not None else self.args.seed
            return EpochLengthGroupedSampler(sampler.batch_size, sampler.lengths, seed)
        return sampler

    def save_last_step(self) -> None:
        """Checkpoint the last finished step as it was when it ended: a step given up half-way leaves no trace."""
        if self.state.global_step > 0 and self.telling.saved_step != self.state.global_step:
            self.telling.restore_random_state()
            self._save_checkpoint(self.model, trial=None)


class Telling(TrainerCallback):  # type: ignore[misc]
    """Tells the journal of steps, losses and evaluations, and saves by the clock where the config names no schedule."""

    def __init__(self, job: Job, losses: Losses) -> None:
        self._job = job
        self._losses = losses
        self._loss: torch.Tensor | float = 0.0
        self._tokens = 0
        self._started = time.monotonic()
        self._last_save = time.monotonic()
        self._random_state: tuple[Any, ...] | None = None
        self._evaluated = 0
        self.saved_step = 0

    def add(self, loss: torch.Tensor, tokens: int) -> None:
        """A micro-batch: its share of the step's loss, and its tokens."""
        self._loss = self._loss + loss
        self._tokens += tokens

    def restore_random_state(self) -> None:
        """Random states as they were when the last finished step ended.

        Not as they were when the next one began: a new epoch draws a number first, and does so again on resuming.
        """
        if self._random_state is None:
            return
        python, numpy, cpu, cuda = self._random_state
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.saved_step = state.global_step
        self._last_save = time.monotonic()
        self._job.journal.progress("training", state.global_step, state.max_steps, "step")

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._loss, self._tokens, self._started = 0.0, 0, time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        cuda = torch.cuda.get_rng_state_all() if args.device.type == "cuda" else None
        self._random_state = (random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda)
        loss = float(self._loss)
        self._losses.add(state.global_step, loss)
        journal = self._job.journal
        journal.metric("loss", loss, state.global_step)
        journal.metric(
            "tokens_per_second", self._tokens / max(time.monotonic() - self._started, 1e-9), state.global_step
        )
        journal.progress("training", state.global_step, state.max_steps, "step")
        self._evaluated = 0
        if args.save_strategy == "no" and time.monotonic() - self._last_save > CHECKPOINT_SECONDS:
            control.should_save = state.global_step < state.max_steps

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, Any], **_: Any
    ) -> None:
        for name in ("learning_rate", "grad_norm", "eval_loss"):
            if isinstance(logs.get(name), (int, float)):
                self._job.journal.metric(name, float(logs[name]), state.global_step)
        if "loss" in logs:
            self._job.journal.metric("memory_bytes", memory_bytes(args.device), state.global_step)

    def on_prediction_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        eval_dataloader: Any = None,
        **_: Any,
    ) -> None:
        self._evaluated += 1
        self._job.journal.progress(
            "evaluating", self._evaluated, len(eval_dataloader) if eval_dataloader is not None else 0, "batch"
        )

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._evaluated = 0

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._last_save = time.monotonic()
        self.saved_step = state.global_step


def memory_bytes(device: torch.device) -> int:
    """The most that this process has had of a GPU's memory at once; on the CPU, what it has now."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return int(psutil.Process().memory_info().rss)
