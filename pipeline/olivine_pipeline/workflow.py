"""Running a plan: every pass without a result, a measurement of every stage, and the results in `output_dir`."""

from __future__ import annotations

import errno
import gc
import importlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from olivine_schemas.runs import PassInfo, RunState
from olivine_schemas.tree import to_data

from . import report
from .cancel import Cancel
from .child import dismiss_forked, fork_ahead
from .errors import Cancelled, RunError
from .journal import Journal
from .passes.base import TRAINING_RECORD, Job
from .plan import Plan, PlannedPass, Wishes, installed_versions, plan, understanding
from .publish import foreign, publish
from .report import LossPoint, PassRecord, RunReport, SampleAnswers
from .stages import Measured, Measurements, Stage, measured_elsewhere, stages_of
from .store import Entry

NO_ROOM = 1 << 20
"""Bytes. A disk with less free is full."""


@dataclass(frozen=True)
class Finished:
    """A pass of this run: its artifact, how long it took, and whether it was there already.

    No artifact where it stayed at Azure ML, which keeps only the last of a kind.
    """

    planned: PlannedPass
    entry: Entry | None
    seconds: float
    cached: bool


def prepare(config: Path, text: str | None = None, wishes: Wishes | None = None) -> Plan:
    """Plan a config, and refuse what a run of it would spoil. Raises `ConfigRefused` and `RunError`."""
    planned = plan(config, text, wishes)
    _refuse_foreign_folders(planned)
    if planned.inputs:
        from .hosts.azureml.inputs import require_packages

        require_packages(planned.config, planned.store, planned.inputs)
    if not all(step.site.here for step in planned.passes):
        from .hosts.azureml.segment import refuse_unfit

        refuse_unfit(planned)
    if planned.config.checked.errors:
        with understanding(planned.config):
            has_work(planned)
    return planned


def fetch(planned: Plan, journal: Journal, cancel: Cancel) -> Plan:
    """The plan, once all that it needs from Azure is here as it is there. Raises `RunError` and `Cancelled`."""
    if not planned.inputs:
        return planned
    from .hosts.azureml.inputs import fetch as bring

    with telling_full_disk(planned.store.folder):
        changed = bring(planned.config, planned.store, planned.inputs, journal, cancel)
    if not changed:
        return planned
    return prepare(planned.config.path, planned.config.checked.text, planned.wishes)


def has_work(planned: Plan) -> bool:
    """Whether a run of the plan makes or measures anything, or finds all of it in the cache."""
    measurements = Measurements(planned, Journal(), Cancel())
    waiting = any(planned.waiting(steps) for steps in planned.segments)
    return waiting or not all(measurements.is_known(stage) for stage in stages_of(planned))


def run(planned: Plan, journal: Journal, *, cancel: Cancel, resumed: bool = False) -> RunReport:
    """Do what is planned. Raises `RunError` and `Cancelled`; finished passes stay.

    What a run that is `resumed` left unfinished is continued, whatever the config says of cleaning.
    """
    started = time.time()
    if planned.workflow.engine.clean_cache and not resumed:
        for step in planned.passes:
            planned.store.discard(step.key)
    infos = [PassInfo(step.name, step.type.name) for step in planned.passes]
    journal.run_started(str(planned.config.path), infos, planned.site.device.name, installed_versions())
    _tell_findings(planned, journal)
    try:
        _load_libraries(planned, journal)
        finished, measured = _run_passes(planned, resumed, journal, cancel)
    finally:
        dismiss_forked()
    result = _report(planned, finished, measured, started)
    output = _publish(planned, finished, result, journal)
    planned.store.digests.save()
    journal.finished(RunState.SUCCEEDED, time.time() - started, str(output))
    return result


def _run_passes(
    planned: Plan, resumed: bool, journal: Journal, cancel: Cancel
) -> tuple[list[Finished], dict[str, Measured]]:
    """Every pass in turn, and the measurements of each stage as soon as its model is there, by the stage's name."""
    measurements = Measurements(planned, journal, cancel)
    stages = stages_of(planned)
    measured: dict[str, Measured] = {}
    finished: list[Finished] = []
    for steps in planned.segments:
        if steps[0].site.here:
            finished.append(_run_pass(planned, steps[0], len(finished) + 1, resumed, journal, cancel))
        else:
            finished += _run_there(planned, steps, len(finished) + 1, resumed, measurements, journal, cancel)
        made = {planned.model.key, *(f.planned.key for f in finished)}
        elsewhere = {f.planned.key for f in finished if f.entry is None}
        for stage in stages:
            here = stage.model.key not in elsewhere or measurements.is_known(stage)
            if here and stage.model.key in made and stage.name not in measured:
                measured[stage.name] = _measure(measurements, stage, finished[-1], planned)
        measurements.release()
        gc.collect()  # a Trainer refers to itself; its model must be gone before the next one is loaded
    for stage in stages if not planned.passes else ():
        measured[stage.name] = measurements.measure(stage)
    return finished, measured


def _run_there(
    planned: Plan,
    steps: list[PlannedPass],
    first: int,
    resumed: bool,
    measurements: Measurements,
    journal: Journal,
    cancel: Cancel,
) -> list[Finished]:
    """The passes of a segment as one job, which measures them too; without those whose results are here."""
    from .hosts.azureml import segment

    waiting = planned.waiting(steps)
    done = steps[: len(steps) - len(waiting)]
    for number, step in enumerate(done, first):
        journal.pass_skipped(step.name, step.type.name, number, len(planned.passes), step.key)
    finished = [Finished(step, step.entry, 0.0, True) for step in done]
    if not waiting:
        return finished
    cancel.check()
    for step in waiting if not resumed else ():
        if planned.workflow.passes[step.name][0].clean_run_cache:
            planned.store.discard(step.key)
    with telling_full_disk(planned.store.folder), _blaming(planned, waiting[0]):
        outcome = segment.run(planned, waiting, first + len(done), journal, cancel)
    stages = [stage for stage in stages_of(planned) if stage.model.key in {step.key for step in waiting}]
    if waiting[0].model == planned.model and planned.workflow.engine.evaluate_input_model:
        stages.insert(0, stages_of(planned)[0])
    # Nothing was measured where another run had made the same meanwhile.
    for stage, measured in zip(stages, measured_elsewhere(outcome.report) if outcome else (), strict=False):
        measurements.keep(stage, measured)
    seconds = outcome.seconds if outcome else {}
    return finished + [Finished(s, planned.store.get(s.key), seconds.get(s.name, 0.0), False) for s in waiting]


def _load_libraries(planned: Plan, journal: Journal) -> None:
    """Import what the passes to be run need, then fork the children that need the same: they share it."""
    segments = [planned.waiting(steps) for steps in planned.segments if steps[0].site.here]
    waiting = [step.type for steps in segments for step in steps]
    modules = dict.fromkeys(module for pass_type in waiting for module in pass_type.modules)
    if not modules:
        return
    journal.progress("loading libraries", 0, 0, "library")
    _settle_environment(planned)
    gc.disable()  # importing makes many objects and no garbage
    for module in modules:
        importlib.import_module(module)
    gc.freeze()  # nor does what was imported ever become garbage; left alone, its memory stays shared with children
    gc.enable()
    for pass_type in waiting:
        if pass_type.child:
            fork_ahead(pass_type.child)


def _settle_environment(planned: Plan) -> None:
    """Variables that libraries read when they are loaded; what a person has set stays."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that spin while they wait cost up to five times where cores are shared, and ones that sleep at once cost
    # twice where they are not: spin for some microseconds, then sleep.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.update(OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="20000")
    arguments = [getattr(step.settled.parameters, "training_args", None) for step in planned.passes]
    compiles = any((a.model_extra or {}).get("torch_compile") for a in arguments if a)
    if not compiles and not any(step.type.name == "QLoRA" for step in planned.passes):
        # bitsandbytes decorates functions with torch.compile when imported, which loads a compiler that nobody uses.
        os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")


def _refuse_foreign_folders(planned: Plan) -> None:
    """A result never replaces a person's own folder, such as an input model beside the config."""
    engine = planned.workflow.engine
    names = set() if engine.no_artifacts else {_result_name(step) for step in planned.passes}
    for folder in foreign(planned.config.folder / engine.output_dir, sorted(names)):
        message = f'"{folder.name}" in output_dir is not a result of Olivine and would be replaced; name another.'
        planned.config.refuse("output-taken", message, "engine", "output_dir")


def _result_name(step: PlannedPass) -> str:
    return "adapter" if step.type.yields == "adapter" else "model"


def _tell_findings(planned: Plan, journal: Journal) -> None:
    """What the checks found and the run goes on in spite of."""
    for problem in planned.config.checked.problems:
        if problem.severity.value in ("warning", "error"):  # errors where the person forced the run
            journal.warn(problem.code, problem.message, planned.config.location_at(problem.span.start))
    for step in planned.passes:
        for note in step.settled.notes:
            journal.warn("settled", note, planned.config.location(*step.place, "config"))


def _run_pass(
    planned: Plan, step: PlannedPass, index: int, resumed: bool, journal: Journal, cancel: Cancel
) -> Finished:
    """One pass, or its result from the cache: also from another run that makes it at this moment."""
    of = len(planned.passes)
    if step.entry:
        journal.pass_skipped(step.name, step.type.name, index, of, step.key)
        return Finished(step, step.entry, 0.0, True)
    cancel.check()
    journal.pass_started(step.name, step.type.name, index, of)
    started = time.monotonic()

    def wait() -> None:
        cancel.check()
        journal.progress("waiting for another run that makes the same", 0, 0, "run")

    with planned.store.lock(step.key, wait):
        # Another run may have made the same since this one began.
        entry = step.finished(planned.store) or _make(planned, step, resumed, journal, cancel)
    seconds = time.monotonic() - started
    journal.pass_finished(step.name, step.type.name, index, of, seconds, step.key)
    return Finished(step, entry, seconds, False)


def _make(planned: Plan, step: PlannedPass, resumed: bool, journal: Journal, cancel: Cancel) -> Entry:
    if planned.workflow.passes[step.name][0].clean_run_cache and not resumed:
        planned.store.discard(step.key)
    record: dict[str, Any] = {"pass": step.type.name, "name": step.name, "model": step.model.key}

    def fill(folder: Path) -> None:
        work = planned.store.work_folder(step.key)
        job = Job(step.settled.parameters, step.model, planned.workflow, step.site, folder, work, journal, cancel)
        record["result"] = step.type.run(job)
        finishing.enter_context(cancel.saving())

    with telling_full_disk(planned.store.folder), _blaming(planned, step), ExitStack() as finishing:
        return planned.store.commit(step.key, record, fill)


@contextmanager
def _blaming(planned: Plan, step: PlannedPass) -> Iterator[None]:
    """Say of an error that has no place in the config that this pass has it."""
    try:
        yield
    except RunError as error:
        if error.location is None:
            error.location = planned.config.location(*step.place, "type")
        raise


@contextmanager
def telling_full_disk(folder: Path) -> Iterator[None]:
    """Say in the person's words that the disk with the cache is full."""
    try:
        yield
    except (RunError, Cancelled):
        raise
    except Exception as error:
        if not _lacks_room(error, folder):
            raise
        message = f"The disk that holds {folder} is full."
        raise RunError("disk-full", message, "Free space, or run: olivine clean") from error


def _lacks_room(error: Exception, folder: Path) -> bool:
    """Whether a full disk is behind it: safetensors has the words of the system for that, and torch has none."""
    if getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error):
        return True
    with suppress(OSError):
        return shutil.disk_usage(folder).free < NO_ROOM
    return False


def _measure(measurements: Measurements, stage: Stage, finished: Finished, planned: Plan) -> Measured:
    """Measure a stage. A model that does not run fails its pass, and is not found in the cache the next time."""
    try:
        return measurements.measure(stage)
    except RunError as error:
        if stage.model == finished.planned.result:
            planned.store.discard(finished.planned.key)
        raise RunError(
            error.code, error.message, error.hint, planned.config.location(*finished.planned.place, "type")
        ) from error


def _report(planned: Plan, finished: list[Finished], measured: dict[str, Measured], started: float) -> RunReport:
    training = _training_record(finished)
    answers: dict[tuple[str, str], dict[str, str]] = {}
    for name, stage in measured.items():
        for answer in stage.answers:
            answers.setdefault((answer.prompt, answer.expected), {})[name] = answer.text
    return RunReport(
        stages=[report.Stage(name, stage.metrics) for name, stage in measured.items()],
        config=to_data(planned.config.checked.workflow),
        started=datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds"),
        seconds=time.time() - started,
        passes=[PassRecord(f.planned.name, f.planned.type.name, f.seconds, f.cached, f.planned.key) for f in finished],
        losses=[LossPoint(**point) for point in training.get("losses", [])],
        eval_losses=[LossPoint(**point) for point in training.get("eval_losses", [])],
        samples=[SampleAnswers(prompt, expected, texts) for (prompt, expected), texts in answers.items()],
        versions=installed_versions(),
    )


def _training_record(finished: list[Finished]) -> dict[str, Any]:
    for step in finished:
        with suppress(OSError, ValueError):
            if step.entry:
                return dict(json.loads((step.entry.path / TRAINING_RECORD).read_text()))
    return {}


def _publish(planned: Plan, finished: list[Finished], result: RunReport, journal: Journal) -> Path:
    """Put the adapter and the last model into `output_dir`, each with its card, and the report beside them."""
    folder = planned.config.folder
    output = folder / planned.workflow.engine.output_dir
    results: dict[str, Entry] = {}
    if not planned.workflow.engine.no_artifacts:
        for step in finished:
            if step.entry:
                results[_result_name(step.planned)] = step.entry

    def describe() -> None:
        for name in results:
            report.write_model_card(output / name, result, folder)
        report.write_report(output, result, folder)

    publish(output, results, describe)
    for name, entry in results.items():
        journal.artifact(name, entry.record["pass"], output / name, entry.size_bytes)
    return output
