"""Fine-tuning an adapter with the transformers Trainer, resumable to the bit. Importing this module imports torch."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from peft.tuners.lora.config import LoraRuntimeConfig
from transformers import EarlyStoppingCallback, PrinterCallback, TrainingArguments, set_seed

from olivine_schemas.estimates import ALL_LINEAR, default_modules
from olivine_schemas.language.passes import LoRAParameters, QLoRAParameters
from olivine_schemas.language.training import passed_through

from . import data
from .errors import Cancelled, RunError
from .loader import load_base, load_tokenizer, prepare_threads
from .passes.base import TRAINING_RECORD, Job
from .trainer import CheckpointedTrainer, Losses


@dataclass(frozen=True)
class TrainingData:
    """Token sequences to learn and, perhaps, to evaluate on."""

    train: Any
    evaluation: Any | None


def train(job: Job, quantization: dict[str, Any] | None) -> dict[str, Any]:
    """Train an adapter and save it to `job.out`; returns steps, rows and the last loss."""
    parameters: LoRAParameters = job.parameters
    prepare_threads()
    job.journal.progress("loading data", 0, 0, "row")
    tokenizer = load_tokenizer(job.model)
    rows = training_data(job, tokenizer)
    job.cancel.check()
    arguments = training_arguments(job, has_evaluation=rows.evaluation is not None)
    set_seed(arguments.seed)
    job.journal.progress("loading the model", 0, 0, "layer")
    model = adapted_model(job, quantization, parameters.training_args.gradient_checkpointing)
    job.cancel.check()
    losses = Losses(job.work / "losses.jsonl")
    trainer = CheckpointedTrainer(
        job=job,
        losses=losses,
        model=model,
        args=arguments,
        train_dataset=rows.train,
        eval_dataset=rows.evaluation,
        data_collator=partial(data.collate, pad_token_id=tokenizer.pad_token_id),
        processing_class=tokenizer,
        callbacks=_early_stopping(parameters, rows.evaluation is not None),
    )
    trainer.remove_callback(PrinterCallback)
    with job.cancel.saving():
        _fit(trainer, losses, parameters.training_args.model_extra or {})
        _save_adapter(trainer.accelerator.unwrap_model(trainer.model), job)
    record = {"steps": trainer.state.global_step, "rows": len(rows.train), "loss": losses.last}
    (job.out / TRAINING_RECORD).write_text(json.dumps({**record, **losses.curves(trainer.state.log_history)}, indent=1))
    return record


def training_data(job: Job, tokenizer: Any) -> TrainingData:
    """Sequences of the pass's data configs; `eval_dataset_size` holds some of the training ones out."""
    parameters: LoRAParameters = job.parameters

    def report(done: int, total: int) -> None:
        job.cancel.check()
        job.journal.progress("preparing data", done, total, "row")

    def prepare(name: str) -> Any:
        return data.prepare(job.workflow.data_config(name), tokenizer, job.site.folder, on_progress=report)

    train_rows = prepare(parameters.train_data_config)
    if parameters.eval_data_config:
        return TrainingData(train_rows, prepare(parameters.eval_data_config))
    if parameters.eval_dataset_size:
        seed = (parameters.training_args.model_extra or {}).get("data_seed")
        return TrainingData(*data.split_eval(train_rows, parameters.eval_dataset_size, seed))
    return TrainingData(train_rows, None)


def training_arguments(job: Job, *, has_evaluation: bool) -> Any:
    """transformers.TrainingArguments: everything the config names, and what device and run folder ask for."""
    parameters: LoRAParameters = job.parameters
    on_cpu = job.site.device.kind == "cpu"
    values = passed_through(parameters.training_args)
    values["eval_strategy"] = values.get("eval_strategy", "steps") if has_evaluation else "no"
    values["output_dir"] = str(checkpoint_folder(job))
    values.update(
        disable_tqdm=True,
        use_cpu=on_cpu,
        bf16=parameters.torch_dtype == "bfloat16",
        fp16=parameters.torch_dtype == "float16",
    )
    if on_cpu:
        values.setdefault("dataloader_pin_memory", False)
    elif parameters.allow_tf32 and job.site.device.bf16:
        values.setdefault("tf32", True)
    _rename_checkpointing(values)
    values.setdefault("save_total_limit", 2)
    _plan_saving(values, stops_early=parameters.training_args.early_stopping_patience is not None)
    values.pop("resume_from_checkpoint", None)
    for name in sorted(values.keys() - {field.name for field in fields(TrainingArguments) if field.init}):
        job.journal.warn("unknown-key", f'The Trainer has no argument "{name}"; it is left out.')
        del values[name]
    try:
        return TrainingArguments(**values)
    except (TypeError, ValueError, ImportError) as error:
        raise RunError("training-arguments", f"The Trainer does not accept these training_args: {error}") from error


def _plan_saving(values: dict[str, Any], *, stops_early: bool) -> None:
    """The best checkpoint needs one for each evaluation, and stopping early needs to know the best."""
    if stops_early and values["eval_strategy"] != "no":
        values.setdefault("load_best_model_at_end", True)
    if "save_strategy" in values or "save_steps" in values:
        return
    if values.get("load_best_model_at_end"):
        values["save_strategy"] = values["eval_strategy"]
        values["save_steps"] = values.get("eval_steps") or values.get("logging_steps") or 500
    else:
        values["save_strategy"] = "no"  # CheckpointedTrainer saves by the clock instead


def _rename_checkpointing(values: dict[str, Any]) -> None:
    """transformers calls gradient checkpointing activation checkpointing from 5.20 on."""
    settings = values.pop("gradient_checkpointing_kwargs", None) or {"use_reentrant": False}
    if values.pop("gradient_checkpointing"):
        values["activation_checkpointing"] = True
        values["activation_checkpointing_kwargs"] = settings


def checkpoint_folder(job: Job) -> Path:
    """Where checkpoints go: a folder of this key below `training_args.output_dir`, or else the pass's work folder."""
    wanted = job.parameters.training_args.output_dir
    return job.site.folder / wanted / job.work.name[:16] if wanted else job.work / "checkpoints"


def adapted_model(job: Job, quantization: dict[str, Any] | None, gradient_checkpointing: bool) -> Any:
    """The base model with a fresh adapter on it, a `peft.PeftModel`."""
    parameters: LoRAParameters = job.parameters
    model = load_base(job.model, job.site.device, parameters.torch_dtype, quantization)
    model.config.use_cache = False
    if quantization:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=gradient_checkpointing)
    config = LoraConfig(
        r=parameters.r,
        lora_alpha=parameters.alpha,
        lora_dropout=parameters.lora_dropout,
        target_modules=_target_modules(parameters, model.config.model_type),
        modules_to_save=parameters.modules_to_save,
        bias=parameters.bias,
        task_type="CAUSAL_LM",
        runtime_config=_runtime_config(parameters),
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise RunError("adapter-not-fitting", str(error).strip(), 'Name the layers in "target_modules".') from error
    if gradient_checkpointing:
        adapted.enable_input_require_grads()
    return adapted


def _target_modules(parameters: LoRAParameters, model_type: str) -> str | list[str] | None:
    """Layers to adapt; None leaves the choice to PEFT, which knows "all-linear" only outside of a list."""
    default = default_modules(model_type, qlora=isinstance(parameters, QLoRAParameters))
    named = parameters.target_modules or list(default)
    return ALL_LINEAR if named == [ALL_LINEAR] else named or None


def _runtime_config(parameters: LoRAParameters) -> Any:
    return LoraRuntimeConfig(ephemeral_gpu_offload=parameters.ephemeral_gpu_offload)


def _early_stopping(parameters: LoRAParameters, has_evaluation: bool) -> list[Any]:
    arguments = parameters.training_args
    if arguments.early_stopping_patience is None or not has_evaluation:
        return []
    return [EarlyStoppingCallback(arguments.early_stopping_patience, arguments.early_stopping_threshold)]


def _fit(trainer: CheckpointedTrainer, losses: Losses, extra: dict[str, Any]) -> None:
    """Train from the last whole checkpoint on; on cancel keep one of the last finished step."""
    checkpoint = last_checkpoint(Path(trainer.args.output_dir), gather_object)
    if checkpoint:
        trainer.job.journal.log("info", f"continuing from {checkpoint.name}")
    losses.forget_after(_step_of(checkpoint) if checkpoint else 0)
    start = str(checkpoint) if checkpoint else extra.get("resume_from_checkpoint")
    try:
        trainer.train(resume_from_checkpoint=start)
    except Cancelled:
        trainer.save_last_step()
        raise


def last_checkpoint(folder: Path, gather: Callable[[list[Any]], list[Any]] = lambda own: own) -> Path | None:
    """The newest whole checkpoint below a folder that every process of the training has; `gather` asks them all.

    trainer_state.json is written last, so a checkpoint without it is half-written, and is removed.
    """
    whole = {}
    for path in folder.glob("checkpoint-*"):
        if (path / "trainer_state.json").is_file() and _is_json(path / "trainer_state.json"):
            whole[_step_of(path)] = path
        else:
            shutil.rmtree(path, ignore_errors=True)
    steps = set(whole).intersection(*gather([set(whole)]))
    return whole[max(steps)] if steps else None


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except (OSError, ValueError):
        return False
    return True


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _save_adapter(model: Any, job: Job) -> None:
    """Adapter weights and config in PEFT's layout, naming the base as the config does and not by an absolute path."""
    base = job.model.location
    if Path(base).is_absolute():
        base = Path(os.path.relpath(base, job.site.folder)).as_posix()
    for config in model.peft_config.values():
        config.base_model_name_or_path = base
        if isinstance(config.target_modules, set):  # whose order is another in every process
            config.target_modules = sorted(config.target_modules)
    model.save_pretrained(str(job.out), save_embedding_layers=False)
    (job.out / "README.md").unlink(missing_ok=True)
