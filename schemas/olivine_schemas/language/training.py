"""`training_args`: arguments of the transformers Trainer, with Olive's defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Open, old


class TrainingArguments(Open):
    """Arguments of transformers.TrainingArguments; every name of the installed version is accepted."""

    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    """Step size of the optimizer."""
    lr_scheduler_type: str = "constant"
    """How the learning rate changes over the run."""
    warmup_steps: Annotated[float, Field(ge=0, json_schema_extra=old("warmup_ratio"))] = 0.03
    """Steps over which the learning rate rises from zero; a value below 1 is a share of all steps."""
    eval_strategy: Annotated[
        Literal["no", "steps", "epoch"] | None, Field(json_schema_extra=old("evaluation_strategy"))
    ] = None
    """When to evaluate; null means by steps where there is evaluation data."""
    gradient_checkpointing: bool = True
    """Recompute activations in the backward pass: less memory, about a third more time."""
    report_to: str | list[str] = "none"
    """Experiment trackers to report to."""
    output_dir: str | None = None
    """Where checkpoints are kept; null keeps them in the run's working folder."""
    optim: str | None = None
    """Optimizer; null means Trainer's default."""
    early_stopping_patience: Annotated[int, Field(gt=0)] | None = None
    """Stop after so many evaluations without a better result; an addition of Olivine."""
    early_stopping_threshold: Annotated[float, Field(ge=0)] = 0.0
    """How much better a result must be to count; an addition of Olivine."""


class QLoRATrainingArguments(TrainingArguments):
    """Arguments of the Trainer for QLoRA."""

    optim: str | None = "paged_adamw_32bit"
    """Optimizer; the paged ones need a CUDA device, elsewhere their plain form is used."""


def passed_through(arguments: TrainingArguments) -> dict[str, Any]:
    """What goes to transformers.TrainingArguments: typed fields that have a value, and every further name."""
    values = arguments.model_dump(exclude={"early_stopping_patience", "early_stopping_threshold"})
    return {name: value for name, value in values.items() if value is not None}
