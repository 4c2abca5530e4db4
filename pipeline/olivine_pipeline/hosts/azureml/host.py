"""A run at Azure ML from here: prepare, submit, follow, bring the results. What was done is not done again."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.errors import Cancelled, RunError
from olivine_pipeline.journal import Journal
from olivine_pipeline.plan import Config, Wishes, load_config
from olivine_pipeline.publish import foreign
from olivine_pipeline.runnable import runnable
from olivine_pipeline.scratch import scratch_folder
from olivine_schemas.files import write_whole
from olivine_schemas.runs import RunState

from . import packages
from .access import connect
from .clouds import PUBLIC
from .request import RESULTS, TRAINING, CloudInput, Request, host_of, request_of
from .snapshot import CODE, CONDA, CONFIG, CONTEXT, Snapshot, files_in, plan_snapshot, write_context, write_snapshot

if TYPE_CHECKING:
    from . import watch
    from .connection import Connection

JOB_FILE = "azureml.json"
"""In the folder of a run: which job it is. Written before the job is submitted, so that none is submitted twice."""
FRUITLESS = frozenset({"Failed", "Canceled", "CancelRequested", "NotResponding"})
"""States of a job that has ended, or is about to, without results."""
PUBLISHED = ("adapter", "model")


@dataclass(frozen=True)
class Prepared:
    """A config that can be submitted: what it asks for, and the files that go with it."""

    config: Config
    request: Request
    snapshot: Snapshot
    up_to: str | None = None
    force: bool = False
    brings_models: bool = True
    """Whether models and adapters come here, not the report alone."""

    @property
    def output(self) -> Path:
        """Where the results appear on this machine."""
        return self.config.folder / self.config.workflow.engine.output_dir


@dataclass(frozen=True)
class JobFile:
    """Which job a run is: enough to follow it from any machine."""

    job: str
    subscription_id: str
    resource_group: str
    workspace_name: str
    first: str = ""
    """The run's first job: under its name the later ones find what is trained."""


@dataclass(frozen=True)
class Voice:
    """Who is told what: the events of the run, a line for the person, its record, and the person's wish to stop."""

    journal: Journal
    say: Callable[[str], None]
    cancel: Cancel
    on_state: Callable[[RunState], None] = lambda state: None
    """Hears that the run waits for a node, and that it has one."""
    on_page: Callable[[str], None] = lambda url: None
    """Hears where the job's page is."""


def prepare(path: Path, text: str | None = None, wishes: Wishes | None = None) -> Prepared:
    """Check a config and find what a job of it needs, without contacting anyone. `ConfigRefused` and `RunError`."""
    wishes = wishes or Wishes()
    return prepare_config(load_config(path, text, force=wishes.force), wishes)


def prepare_config(config: Config, wishes: Wishes) -> Prepared:
    """Find what a job of a checked config needs, without contacting anyone. `ConfigRefused` and `RunError`."""
    request = request_of(config)
    for _ in runnable(config, wishes.up_to):
        pass  # what the job would refuse is refused before a node is paid for
    for folder in foreign(config.folder / config.workflow.engine.output_dir, PUBLISHED):
        message = f'"{folder.name}" in output_dir is not a result of Olivine and would be replaced; name another.'
        config.refuse("output-taken", message, "engine", "output_dir")
    host = host_of(config.workflow)
    brings_models = host is None or host.config.download_results
    return Prepared(config, request, plan_snapshot(config), wishes.up_to, wishes.force, brings_models)


def run(prepared: Prepared, voice: Voice, folder: Path | None, job: str | None = None) -> None:
    """Submit the config, or take up the `job` there is, follow it and fetch its results.

    `folder` keeps which job it is. Raises `RunError` and `Cancelled`.
    """
    started = time.time()
    file = folder / JOB_FILE if folder else None
    known = _read(file)
    name = job or (known.job if known else new_name(prepared))
    first = (known.first or known.job) if known else name
    voice.journal.progress("connecting to Azure ML", 0, 0, "job")
    with ExitStack() as held:  # once there may be a job, a stop has to reach it before this process ends
        if known or job:
            held.enter_context(voice.cancel.saving())
        connection = connect(prepared.request.workspace, voice.cancel, voice.journal)
        own = JobFile(name, *_names(prepared.request), first=first)
        _write(file, own)
        found = connection.find_job(name) if job or known else None
        if found is None and job:
            raise RunError("azure-no-job", f"There is no job {job} in the workspace {own.workspace_name}.")
        if found is not None and not job and found.status in FRUITLESS:  # to go on with that run is to try again
            found, name = None, new_name(prepared)
            own = replace(own, job=name)
            _write(file, own)
        if found is None:
            found = _submit(prepared, connection, own, voice, held)
        studio = str(getattr(found, "studio_url", "") or "")
        if studio:
            voice.on_page(studio)
        voice.say(f"job {name} on {prepared.request.compute}" + (f"\n{studio}" if studio else ""))
        _follow(prepared, connection, name, voice)
    voice.journal.finished(RunState.SUCCEEDED, time.time() - started, str(prepared.output))


def new_name(prepared: Prepared) -> str:
    """A name that no job has: when, what, and some chance."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", prepared.request.display_name).strip("-")[:40] or "run"
    return f"olivine-{time.strftime('%Y%m%d-%H%M%S')}-{stem}-{secrets.token_hex(3)}"


def command_line(prepared: Prepared) -> str:
    """What the job's shell runs, with placeholders for the paths of inputs and outputs."""
    words = [
        'PYTHONPATH="$PWD/program${PYTHONPATH:+:$PYTHONPATH}"',
        "python -m olivine_pipeline.hosts.azureml.job",
        f"--config work/{CONFIG}",
        f"--results ${{{{outputs.{RESULTS}}}}}",
        f"--training ${{{{outputs.{TRAINING}}}}}",
        *map(_place, prepared.request.inputs),
    ]
    if prepared.request.keyvault:
        words.append(f"--keyvault {shlex.quote(_vault(prepared.request))}")
    if prepared.up_to:
        words.append(f"--up-to {shlex.quote(prepared.up_to)}")
    if prepared.force:
        words.append("--force")
    return " ".join(words)


def _vault(request: Request) -> str:
    """The key vault's name, with the end of its address where that is none of the public cloud."""
    cloud = request.workspace.cloud
    return request.keyvault + (f".{cloud.vaults}" if cloud.name != PUBLIC else "") if request.keyvault else ""


def _place(given: CloudInput) -> str:
    inside = f"/{shlex.quote(given.inside)}" if given.inside else ""
    return f"--place {given.place}=${{{{inputs.{given.name}}}}}{inside}"


def _submit(prepared: Prepared, connection: Connection, own: JobFile, voice: Voice, held: ExitStack) -> object:
    """Upload the snapshot and submit the job, which a stop has to reach from then on: `held` has that in it."""
    from .watch import stop_job

    asked = False

    def asking() -> None:
        nonlocal asked
        voice.cancel.check()
        asked = True
        held.enter_context(voice.cancel.saving())

    connection.asking = asking
    connection.check_compute(prepared.request)
    voice.journal.progress("uploading", 0, 0, "job")
    with scratch_folder() as temporary:
        _stage(prepared, Path(temporary))
        voice.cancel.check()
        sent = [Path(temporary, CODE), Path(temporary, CONTEXT)]
        sent += [Path(one.uri) for one in prepared.request.inputs if one.is_local]
        total = sum(path.stat().st_size for path in files_in(*sent))

        def tell(done: int) -> None:
            voice.cancel.check()
            voice.journal.progress("uploading", done, total, "byte")

        line = command_line(prepared)
        try:
            return connection.submit(prepared.request, own.job, own.first, Path(temporary), line, tell)
        except Cancelled:
            if asked:  # the answer was lost, and the job may be there
                stop_job(connection, own.job)
            raise


def _stage(prepared: Prepared, folder: Path) -> None:
    """Everything that is uploaded, in a folder of its own."""
    write_snapshot(prepared.snapshot, folder / CODE)
    environment = prepared.request.environment
    if environment.build_folder:
        write_context(environment.build_folder, folder / CONTEXT)
    elif environment.conda_file:
        shutil.copyfile(environment.conda_file, folder / CONDA)
    elif not environment.name:
        (folder / CONDA).write_text(packages.conda_file(gpu=prepared.request.gpu), encoding="utf-8")


def _follow(prepared: Prepared, connection: Connection, name: str, voice: Voice) -> None:
    from . import watch

    job = watch.Job(name, prepared.request.compute, str(prepared.config.path))
    watch.Watcher(connection, job, voice.journal, voice.cancel, voice.on_state).follow()
    watch.raise_failure(job)
    _fetch(prepared, connection, job, voice)


def _fetch(prepared: Prepared, connection: Connection, job: watch.Job, voice: Voice) -> None:
    """Bring the results into `output_dir`, whole folders by a rename."""
    from .connection import results_prefix
    from .download import Download, place_results

    folder = prepared.output / f".{job.name}"
    folder.mkdir(parents=True, exist_ok=True)
    download = Download(connection, prepared.request.datastore, job.name, folder, voice.cancel)

    def tell(done: int, total: int) -> None:
        voice.journal.progress("downloading results", done, total, "byte")

    files = download.fetch(tell, models=prepared.brings_models)
    place_results(files, folder, prepared.output)
    shutil.rmtree(folder, ignore_errors=True)
    if not prepared.brings_models:
        datastore = prepared.request.datastore
        voice.say(f"models and adapters stay in the datastore {datastore}, at {results_prefix(job.name)}")
        return
    for artifact in job.artifacts:
        path = prepared.output / artifact.name
        voice.journal.artifact(artifact.name, artifact.kind, path, artifact.size_bytes)


def _names(request: Request) -> tuple[str, str, str]:
    workspace = request.workspace
    return workspace.subscription_id, workspace.resource_group, workspace.workspace_name


def _read(file: Path | None) -> JobFile | None:
    try:
        known = json.loads(file.read_text(encoding="utf-8")) if file else None
        return JobFile(**{key: known[key] for key in JobFile.__dataclass_fields__ if key in known}) if known else None
    except (OSError, ValueError, TypeError):
        return None


def _write(file: Path | None, own: JobFile) -> None:
    if file:
        write_whole(file, json.dumps(asdict(own), indent=1) + "\n")
