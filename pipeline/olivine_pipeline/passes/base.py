"""What a pass is: a function from typed parameters and an input model to a folder.

Another package adds a pass by an entry point in the group `olivine.passes` whose value is a `PassType`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from olivine_schemas.language.passes import PassParameters
from olivine_schemas.language.systems import System
from olivine_schemas.language.workflow import Workflow

from ..cancel import Cancel
from ..devices import Device
from ..errors import RunError
from ..journal import Journal

TRAINING_RECORD = "training.json"
"""File beside an adapter: its loss curve, steps and rows."""

Kind = Literal["transformers", "adapter", "onnx"]


@dataclass(frozen=True)
class ModelRef:
    """A model between two passes.

    `location` is a folder or a hub name, `key` stands for its content, `base` is the model it was made from. `settings`
    hold how it is to be loaded: `load_kwargs` of the input model, `dtype` and `quantization` of an adapter's base.
    """

    kind: Kind
    location: str
    key: str
    base: ModelRef | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def input_model(self) -> ModelRef:
        """The model that the workflow started from."""
        return self.base.input_model if self.base else self


@dataclass(frozen=True)
class Site:
    """Where a pass runs and what for; `device` is what the host means here, `folder` that of the config file."""

    host: System
    target: System
    device: Device
    folder: Path

    @property
    def here(self) -> bool:
        """Whether that is this machine."""
        return self.host.type == "LocalSystem"


@dataclass(frozen=True)
class Settled:
    """Parameters as they will be used here, with a sentence for each that is not as written."""

    parameters: Any
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One pass to be run. `out` is the empty folder to fill, `work` one that survives a crash, for checkpoints."""

    parameters: Any
    model: ModelRef
    workflow: Workflow
    site: Site
    out: Path
    work: Path
    journal: Journal
    cancel: Cancel


@dataclass(frozen=True)
class PassType:
    """A pass that Olivine can run.

    `settle` fits the parameters to the site before anything is loaded and raises `RunError` for what cannot work; what
    it returns is what the result's key is made of. `run` fills `job.out` and returns what to record of it.
    """

    name: str
    parameters: type[PassParameters]
    accepts: frozenset[Kind]
    yields: Kind
    run: Callable[[Job], dict[str, Any]]
    settle: Callable[[Any, Site, ModelRef], Settled] = lambda parameters, site, model: Settled(parameters)
    settings: Callable[[Any], dict[str, Any]] = lambda parameters: {}
    """`ModelRef.settings` of the result."""
    data_configs: Callable[[Any], list[str]] = lambda parameters: []
    """Names of the data configs that the result is made from."""
    modules: tuple[str, ...] = ()
    """Modules that `run` imports and that take long to load."""
    child: str | None = None
    """Module whose work `run` has done in a child process."""
    packages: tuple[str, ...] = ()
    """Distributions whose version matters to the result."""
    revision: int = 1
    """Raised when the same parameters begin to mean another result."""


@cache
def pass_types() -> dict[str, PassType]:
    """Every installed pass by its type name, ours and other packages'."""
    found: dict[str, PassType] = {}
    for entry in entry_points(group="olivine.passes"):
        try:
            found[entry.name] = entry.load()
        except Exception as error:  # another package's fault must not end this one
            owner = entry.dist.name if entry.dist else "another package"
            message = f'The pass "{entry.name}" of {owner} cannot be loaded: {error}'
            raise RunError("broken-pass", message, "Update or uninstall that package.") from error
    return found
