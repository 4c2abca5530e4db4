"""What a config will do: its passes with their keys, and which results are there already. Nothing is loaded."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError

from olivine_schemas.check import Checked, check
from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.language.data import DataConfig
from olivine_schemas.language.passes import PARAMETERS
from olivine_schemas.language.systems import System
from olivine_schemas.language.workflow import Workflow
from olivine_schemas.lines import LineIndex
from olivine_schemas.problems import Problem, Severity
from olivine_schemas.runs import Location
from olivine_schemas.tree import Node, child, to_data
from olivine_schemas.tree import Path as TreePath

from . import data, documents
from .devices import training_device
from .digests import digest_of
from .errors import ConfigRefused, RunError
from .passes.base import ModelRef, PassType, Settled, Site, pass_types
from .runnable import Runnable, input_model, runnable
from .store import Entry, Store, this_run

if TYPE_CHECKING:
    from .hosts.azureml.request import CloudInput

FORMAT = 1
"""Part of every key; raised when the layout of artifacts changes."""


@dataclass(frozen=True)
class Config:
    """A checked config file and its typed meaning."""

    path: Path
    checked: Checked
    workflow: Workflow

    @property
    def folder(self) -> Path:
        """Relative paths of the config are relative to this folder."""
        return self.path.parent

    def location(self, *path: str | int) -> Location | None:
        """Where the value at a path of the canonical workflow stands in the file, or the nearest one above it."""
        node = self._nearest(path)
        return self.location_at(node.span.start) if node else None

    def location_at(self, offset: int) -> Location:
        """The place of an offset into the config's text."""
        line, column = LineIndex(self.checked.text).position(offset)
        return Location(str(self.path), line + 1, column + 1)

    def refuse(self, code: str, message: str, *path: str | int) -> NoReturn:
        """Refuse the config for what stands at a path of the canonical workflow."""
        node = self._nearest(path)
        assert node is not None
        raise ConfigRefused(str(self.path), self.checked.text, (Problem(node.span, Severity.ERROR, code, message),))

    def refuse_invalid(self, error: ValidationError, *path: str | int) -> NoReturn:
        """Refuse what the checks let through and a typed model of the value at `path` does not accept."""
        first = error.errors()[0]
        message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        self.refuse("invalid-value", message, *path, *first["loc"])

    def _nearest(self, path: TreePath) -> Node | None:
        """The node at a path of the canonical workflow, or the nearest one above it."""
        nodes = (child(self.checked.workflow, *path[:length]) for length in range(len(path), -1, -1))
        return next((node for node in nodes if node is not None), None)


@dataclass(frozen=True)
class PlannedPass:
    """A pass of the plan: it takes `model` and makes `result`; `entry` is the finished result if there is one."""

    name: str
    type: PassType
    settled: Settled
    site: Site
    model: ModelRef
    result: ModelRef
    entry: Entry | None
    place: TreePath
    again: bool = False
    """Whether it is made again whatever is cached: only what this very run has made, before it was resumed, counts."""

    @property
    def key(self) -> str:
        return self.result.key

    def finished(self, store: Store) -> Entry | None:
        """The result that counts, if there is one now."""
        entry = store.get(self.key)
        return entry if entry and (not self.again or (entry.run and entry.run == this_run())) else None


@dataclass(frozen=True)
class Plan:
    """A config's passes in the order they run, from its input model."""

    config: Config
    model: ModelRef
    passes: list[PlannedPass]
    store: Store
    site: Site
    inputs: tuple[CloudInput, ...]
    """What the config names in Azure; where it is not here yet, keys that depend on it are not final."""
    wishes: Wishes

    @property
    def workflow(self) -> Workflow:
        return self.config.workflow

    @property
    def segments(self) -> list[list[PlannedPass]]:
        """The passes in groups that run as one: each by itself on this machine, those of a job together."""
        groups = itertools.groupby(self.passes, lambda step: step.name if step.site.here else step.site.host)
        return [list(group) for _, group in groups]

    def waiting(self, steps: list[PlannedPass]) -> list[PlannedPass]:
        """What has to run of a segment: what comes after its last result. Of a job some results stay where it ran."""
        start = max((number for number, step in enumerate(steps, 1) if step.entry), default=0)
        while 0 < start < len(steps) and steps[start].model.settings.get("quantization"):
            start -= 1  # only the job that trains on a quantized base can say so to its merging
        return steps[start:]


@dataclass(frozen=True)
class Wishes:
    """What a person asks of a run beside its config: see `RunArguments`."""

    up_to: str | None = None
    fresh: bool = False
    force: bool = False


def load_config(path: Path, text: str | None = None, *, force: bool = False) -> Config:
    """Check a config file, or the `text` that counts as its content.

    `ConfigRefused` where it has errors, with `force` only where they keep it from being understood; `RunError` where it
    cannot be read.
    """
    text = (documents.read_config(path) if text is None else text).removeprefix(documents.BOM)
    path = path.absolute()
    yaml = documents.is_yaml(path)
    checked = check(text, DiskFacts(path.parent), yaml=yaml, extra_passes=_extra_passes())
    if checked.workflow is None or (checked.errors and not (force and documents.is_well_formed(text, yaml=yaml))):
        raise ConfigRefused(str(path), text, checked.problems)
    try:
        return Config(path, checked, Workflow.model_validate(to_data(checked.workflow)))
    except ValidationError as error:
        Config(path, checked, Workflow.model_construct()).refuse_invalid(error)


def plan(path: Path, text: str | None = None, wishes: Wishes | None = None) -> Plan:
    """Plan the config at `path`, whose content is `text` where that is given, as it is wished for."""
    wishes = wishes or Wishes()
    config = load_config(path, text, force=wishes.force)
    with understanding(config):
        return _plan(config, wishes)


@contextmanager
def understanding(config: Config) -> Iterator[None]:
    """Refuse a config that is used in spite of its errors where they turn out to make no sense."""
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        if config.checked.errors:
            raise ConfigRefused(str(config.path), config.checked.text, config.checked.problems) from error
        raise


def _plan(config: Config, wishes: Wishes) -> Plan:
    store = Store(config.folder / config.workflow.engine.cache_dir[0])
    config, inputs = _with_downloads(config, store)
    workflow = config.workflow
    steps = runnable(config, wishes.up_to)
    engine_site = _site(config, workflow.engine.host, workflow.engine.target, ("engine", "host"))
    model = first = _input_model(config, store)
    passes = []
    for step in steps:
        planned = _plan_pass(config, step, engine_site, model, store)
        again = wishes.fresh or workflow.engine.clean_cache or step.entry.clean_run_cache
        planned = replace(planned, again=again)
        passes.append(replace(planned, entry=planned.finished(store)))
        model = planned.result
    store.digests.save()
    here = next((step.site for step in passes if step.site.here), engine_site)
    return Plan(config, first, passes, store, here, inputs, wishes)


def _with_downloads(config: Config, store: Store) -> tuple[Config, tuple[CloudInput, ...]]:
    """The config with the paths of what was downloaded before, and all that it names in Azure."""
    if "azureml_" not in config.checked.text:
        return config, ()
    from .hosts.azureml.inputs import in_the_cloud, with_local_paths

    try:
        inputs = in_the_cloud(config)
    except ValidationError:  # a model that is refused with its place when its turn comes
        return config, ()
    return with_local_paths(config, store, inputs), inputs


def _plan_pass(config: Config, step: Runnable, site: Site, model: ModelRef, store: Store) -> PlannedPass:
    place: TreePath = ("passes", step.name, 0)
    pass_type, parameters = step.type, step.parameters
    if step.entry.host is not None:
        site = _site(config, step.entry.host, config.workflow.engine.target, (*place, "host"))
    try:
        settled = pass_type.settle(parameters, site, model) if site.here else Settled(parameters)
        key = _key(config, pass_type, settled.parameters, site, model, store)
    except RunError as error:
        config.refuse(error.code, f"{error.message} {error.hint}".strip(), *place, "config")
    result = ModelRef(pass_type.yields, str(store.artifacts / key), key, model, pass_type.settings(settled.parameters))
    return PlannedPass(step.name, pass_type, settled, site, model, result, None, place)


def _key(config: Config, pass_type: PassType, parameters: Any, site: Site, model: ModelRef, store: Store) -> str:
    """Everything that a result is made from: pass, settled parameters, input, bytes of the data, versions."""
    sources = [_data_key(config, name, store) for name in pass_type.data_configs(parameters)]
    return digest_of(
        {
            "format": FORMAT,
            "pass": [pass_type.name, pass_type.revision],
            "parameters": parameters.model_dump(mode="json"),
            "model": model.key,
            "data": sources,
            "device": site.device.kind,
            "versions": _versions(pass_type, site),
        }
    )


def _versions(pass_type: PassType, site: Site) -> Any:
    if site.here:
        return {name: _version(name) for name in pass_type.packages}
    from .hosts.azureml.segment import environment_of

    return environment_of(site.host, site.folder)


def _data_key(config: Config, name: str, store: Store) -> dict[str, Any]:
    source = config.workflow.data_config(name)
    return {
        "config": source.model_dump(mode="json", exclude={"name"}),
        "files": data_digests(source, config.folder, store),
    }


def data_digests(source: DataConfig, folder: Path, store: Store) -> dict[str, str]:
    """Content hashes of the local files and scripts that a data config reads."""
    if data.in_datastore(source):
        return {"": "not here yet"}
    return store.digests.files(data.fingerprint_files(source, folder), folder)


def _input_model(config: Config, store: Store) -> ModelRef:
    typed, location = input_model(config)
    folder = config.folder / location
    load_kwargs = typed.load_kwargs.model_dump(mode="json", exclude_none=True)
    content: Any = store.digests.folder(folder) if folder.is_dir() else {"hub": location}
    key = digest_of({"format": FORMAT, "model": content, "load_kwargs": load_kwargs})
    ref = ModelRef(
        "transformers", str(folder) if folder.is_dir() else location, key, None, {"load_kwargs": load_kwargs}
    )
    if typed.adapter_path is None:
        return ref
    adapter = config.folder / typed.adapter_path
    return ModelRef("adapter", str(adapter), digest_of([key, store.digests.folder(adapter)]), ref)


def _site(config: Config, host: str | System | None, target: str | System | None, place: TreePath) -> Site:
    host_system = config.workflow.system(host)
    target_system = config.workflow.system(target) if target is not None else host_system
    if host_system.type == "AzureML":
        from .hosts.azureml.segment import remote_device

        return Site(host_system, target_system, remote_device(host_system), config.folder)
    if host_system.type != "LocalSystem":
        message = f"Olivine runs passes on this machine, not yet on a system of type {host_system.type}."
        config.refuse("system-not-run", message, *place)
    device = training_device(host_system.device)
    if device is None:
        wanted, cpu = host_system.device, training_device("cpu")
        message = f'The host asks for the device "{wanted}", which this machine does not have'
        message += f"; it has {cpu.name}." if cpu else "."
        config.refuse("device-not-here", f'{message} Run it elsewhere, or change the device to "cpu".', *place)
    return Site(host_system, target_system, device, config.folder)


def _extra_passes() -> dict[str, Any]:
    """JSON schemas of the parameters of other packages' passes, by pass type."""
    from_elsewhere = {name: t.parameters for name, t in pass_types().items() if name not in PARAMETERS}
    if not from_elsewhere:
        return {}
    from olivine_schemas.language.raw import parameter_schema

    return {name: parameter_schema(parameters) for name, parameters in from_elsewhere.items()}


_PACKAGES = (
    "olivine",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "bitsandbytes",
    "datasets",
    "onnxruntime",
    "onnxruntime-genai",
)


def installed_versions() -> dict[str, str]:
    """Versions of the packages that a run's result depends on, and of Python."""
    found = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **{name: number for name, number in found.items() if number}}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
