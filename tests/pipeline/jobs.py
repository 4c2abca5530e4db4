"""Running single passes in tests, without a config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.devices import training_device
from olivine_pipeline.journal import Journal
from olivine_pipeline.passes.base import Job, ModelRef, PassType, Site
from olivine_schemas.language.systems import System
from olivine_schemas.language.workflow import Workflow


def site(folder: Path, provider: str = "CPUExecutionProvider") -> Site:
    """This machine as host, a target with the given execution provider."""
    device = training_device("cpu")
    assert device
    accelerator = {"accelerators": [{"execution_providers": [provider]}]}
    return Site(
        System(type="LocalSystem"),
        System.model_validate({"type": "LocalSystem", "config": accelerator}),
        device,
        folder,
    )


def input_model(folder: Path) -> ModelRef:
    """A model folder as the start of a workflow."""
    return ModelRef("transformers", str(folder), "input", None, {"load_kwargs": {}})


def workflow(data_file: Path, **pre_process: Any) -> Workflow:
    """A workflow with one data config, `phrases`, over a file of phrase and tone."""
    settings = {
        "text_template": "### Text: {phrase}\n### Tone: {tone}",
        "text_cols": ["phrase", "tone"],
        "max_seq_len": 32,
        "pad_to_max_len": False,
        **pre_process,
    }
    load = {"data_name": "json", "data_files": str(data_file), "split": "train"}
    data = {"name": "phrases", "load_dataset_config": {"params": load}, "pre_process_data_config": {"params": settings}}
    return Workflow.model_validate({"input_model": {"type": "HfModel"}, "data_configs": [data]})


def run_pass(
    pass_type: PassType,
    parameters: dict[str, Any],
    model: ModelRef,
    folder: Path,
    *,
    flow: Workflow | None = None,
    cancel: Cancel | None = None,
    provider: str = "CPUExecutionProvider",
    journal: Journal | None = None,
) -> ModelRef:
    """Run one pass into `folder`/out and return the model it made; its checkpoints stay in `folder`/work."""
    place = site(folder, provider)
    settled = pass_type.settle(pass_type.parameters.model_validate(parameters), place, model)
    out, work = folder / "out", folder / "work"
    out.mkdir(parents=True)
    work.mkdir(exist_ok=True)
    flow = flow or Workflow.model_validate({"input_model": {"type": "HfModel"}})
    pass_type.run(Job(settled.parameters, model, flow, place, out, work, journal or Journal(), cancel or Cancel()))
    return ModelRef(pass_type.yields, str(out), folder.name, model, pass_type.settings(settled.parameters))
