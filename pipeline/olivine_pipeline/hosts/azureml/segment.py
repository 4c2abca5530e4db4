"""Passes of a run that Azure ML takes while others run here: one job, its input and results entries of the store.

The job runs a config of its own: these passes, from the model that they begin with. What it makes is kept here under
the keys of the passes, what it measured under those of the measurements, so that a plan finds both like any other.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.devices import Device
from olivine_pipeline.digests import digest_file
from olivine_pipeline.errors import ConfigRefused
from olivine_pipeline.journal import Journal
from olivine_pipeline.passes.base import ModelRef
from olivine_pipeline.plan import Config, Plan, PlannedPass, Wishes, load_config
from olivine_pipeline.recorder import Recorder
from olivine_schemas import runs
from olivine_schemas.language.systems import System
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.ledger.process import RUN_VARIABLE
from olivine_schemas.problems import Severity
from olivine_schemas.tree import to_data

from . import host, packages
from .access import is_installed, missing
from .request import request_of

RESULTS = "results"
"""In the work folder of a segment: where its job's results arrive."""


@dataclass(frozen=True)
class Outcome:
    """What a job made of a segment: seconds of its passes by name, and its report."""

    seconds: dict[str, float]
    report: dict[str, Any]


def remote_device(system: System) -> Device:
    """What a pass runs on there, as far as the config tells."""
    name = f"Azure ML ({system.config.aml_compute})"
    return Device("cuda" if system.device == "gpu" else "cpu", name, 1, bf16=True, memory_bytes=0)


def environment_of(system: System, folder: Path) -> Any:
    """What stands for the versions of the packages there: the bytes of what its environment is made from."""
    named, docker = system.config.aml_environment_config, system.config.aml_docker_config
    if named or docker is None:
        return named.model_dump(mode="json") if named else None
    if docker.dockerfile:
        context = folder / (docker.build_context_path or ".")
        built = [context / docker.dockerfile, *([] if context == folder else context.rglob("*"))]
        return [digest_file(path) for path in sorted(built) if path.is_file()]
    conda = docker.conda_file_path
    content = digest_file(folder / conda) if conda else packages.conda_file(gpu=system.device == "gpu")
    return [docker.base_image, content]


def refuse_unfit(planned: Plan) -> None:
    """Refuse the segments that no job can be made of, before anything is run. `ConfigRefused` and `RunError`."""
    for steps in planned.segments:
        waiting = planned.waiting(steps)
        if steps[0].site.here or not waiting:
            continue
        _refuse_lost_quantization(planned, waiting[0])
        try:
            request_of(_config(planned, [], steps[0], Path(RESULTS)))
        except ConfigRefused as error:
            first = next(problem for problem in error.problems if problem.severity is Severity.ERROR)
            planned.config.refuse(first.code, first.message, *steps[0].place)
        if not is_installed():
            raise missing(planned.config.location(*steps[0].place))


def run(planned: Plan, steps: Sequence[PlannedPass], first: int, journal: Journal, cancel: Cancel) -> Outcome | None:
    """Run `steps`, of which the first has the number `first` in the plan, as a job, and keep its results.

    None where another run has done so meanwhile. Raises `RunError` and `Cancelled`.
    """
    last, store = steps[-1], planned.store

    def wait() -> None:
        cancel.check()
        journal.progress("waiting for another run that makes the same", 0, 0, "run")

    with store.lock(last.key, wait):
        if last.finished(store):
            return None
        work = store.work_folder(last.key)
        relay = Relay(journal, [step.key for step in steps], first, len(planned.passes))
        config = _config(planned, steps, steps[0], work / RESULTS)
        prepared = replace(host.prepare_config(config, Wishes(force=planned.wishes.force)), brings_models=True)
        voice = host.Voice(Journal([relay]), lambda line: journal.log("info", line), cancel, on_page=_note_page)
        host.run(prepared, voice, work)
        report = json.loads((work / RESULTS / "report.json").read_text(encoding="utf-8"))
        _keep(planned, steps, work / RESULTS)
    return Outcome(relay.seconds, report)


@dataclass
class Relay:
    """Passes the events of a job on as those of a run that its passes are part of; a sink of a journal."""

    journal: Journal
    keys: list[str]
    first: int
    of: int
    seconds: dict[str, float] = field(default_factory=dict)

    def write(self, event: runs.Event) -> None:
        """Take one event. Beginning, end, results and measurements are told by the run itself."""
        if isinstance(event, (runs.PassStarted, runs.PassSkipped, runs.PassFinished)):
            if isinstance(event, runs.PassFinished):
                self.seconds[event.name] = event.seconds
            if not isinstance(event, runs.PassStarted):
                event = replace(event, artifact=self.keys[event.index - 1])
            self.journal.emit(replace(event, index=self.first + event.index - 1, of=self.of))
        elif isinstance(event, runs.RunStarted):
            self.journal.log("info", f"the job runs on {event.device}")
        elif not isinstance(event, (runs.RunFinished, runs.Artifact, runs.Evaluated)):
            self.journal.emit(event)

    def close(self) -> None:
        """The journal of the run goes on."""


def _note_page(url: str) -> None:
    """Keep the address of the job's page in the record of this run."""
    folder = os.environ.get(RUN_VARIABLE)
    if folder:
        Recorder(RunFolder(Path(folder))).note(url=url)


def _config(planned: Plan, steps: Sequence[PlannedPass], place: PlannedPass, output: Path) -> Config:
    """The config of the job that runs `steps` on the host of `place`."""
    text = json.dumps(_canonical(planned, steps, place, output))
    return load_config(planned.config.path.with_suffix(".json"), text, force=planned.wishes.force)


def _canonical(planned: Plan, steps: Sequence[PlannedPass], place: PlannedPass, output: Path) -> dict[str, Any]:
    data = to_data(planned.config.checked.workflow)
    assert isinstance(data, dict)
    engine = data.setdefault("engine", {})
    engine["host"] = data["passes"][place.name][0].get("host") or engine.get("host")
    engine |= {"output_dir": str(output), "no_artifacts": False}
    if not steps or steps[0].model != planned.model:
        engine["evaluate_input_model"] = False
    if steps:
        data["input_model"]["config"] |= _model(planned, steps[0].model)
    names = {step.name for step in steps}
    data["passes"] = {name: _without_hosts(entries) for name, entries in data["passes"].items() if name in names}
    used = set(_data_names([data["passes"], data.get("evaluators")]))
    data["data_configs"] = [one for one in data.get("data_configs") or [] if one["name"] in used]
    return data


def _without_hosts(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "host"} for entry in entries]


def _data_names(node: Any) -> Iterator[str]:
    """The data configs that passes and metrics name."""
    if isinstance(node, list):
        for value in node:
            yield from _data_names(value)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key.endswith("data_config") and isinstance(value, str):
                yield value
            yield from _data_names(value)


def _model(planned: Plan, model: ModelRef) -> dict[str, Any]:
    """Settings that make a config begin with a model of the plan; none for the one that it begins with already."""
    if model == planned.model:
        return {}
    if model.kind != "adapter" or model.base is None:
        return {"model_path": model.location, "adapter_path": None}
    base = {} if model.base == planned.model else {"model_path": model.base.location}
    return {**base, "adapter_path": model.location}


def _refuse_lost_quantization(planned: Plan, step: PlannedPass) -> None:
    """A config cannot say of an adapter that its base was quantized, which its merging has to know."""
    if step.model.kind == "adapter" and step.model.settings.get("quantization"):
        message = (
            f"The adapter of a QLoRA pass has to be taken up where it was trained: give {step.name} the same host."
        )
        planned.config.refuse("mixed-hosts", message, *step.place)


def _keep(planned: Plan, steps: Sequence[PlannedPass], results: Path) -> None:
    """Make what a job published entries of the store: of each kind, the last."""
    made = {"adapter" if step.type.yields == "adapter" else "model": step for step in steps}
    for name, step in sorted(
        made.items(), key=lambda item: steps.index(item[1])
    ):  # the last one clears the work folder
        record = {"pass": step.type.name, "name": step.name, "model": step.model.key}

        def fill(folder: Path, source: Path = results / name) -> None:
            shutil.copytree(source, folder, copy_function=shutil.move, dirs_exist_ok=True)

        planned.store.commit(step.key, record, fill)
