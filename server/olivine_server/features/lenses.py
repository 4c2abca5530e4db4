"""What can be started from a config, offered above the line it concerns."""

from __future__ import annotations

from dataclasses import dataclass

from olivine_schemas.problems import Span
from olivine_schemas.rules.reading import is_given
from olivine_schemas.tree import Node, Object, child, text_of
from olivine_server.workspace import Document

RUN = "olivine.run"
SUBMIT = "olivine.submit"
"""Commands above a config. Both take one object: the `uri` of the config and, where to stop, `upTo`, a pass."""
SHOW = "olivine.showRun"
"""Command that the editor has; its object has the `runId` too."""


@dataclass(frozen=True)
class Lens:
    """A command offered at a span."""

    span: Span
    title: str
    command: str
    up_to: str | None = None
    """Name of the last pass to run; None runs all."""
    run: str | None = None
    """The id of the run that is shown."""


@dataclass(frozen=True)
class LastRun:
    """How the newest run of a config went: its state, when that was, and its accuracy before and after."""

    id: str
    state: str
    when: str
    accuracy: tuple[float, float] | None = None

    @property
    def title(self) -> str:
        measured = ", accuracy {:.3g} → {:.3g}".format(*self.accuracy) if self.accuracy else ""
        return f"Last run: {self.state} {self.when}{measured}"


def lenses(document: Document, last: LastRun | None = None) -> list[Lens]:
    """Running the whole config, here or as a job of Azure ML, how that went last, and running it up to each pass."""
    workflow = document.workflow
    passes = workflow.get("passes") if workflow else None
    if not isinstance(passes, Object) or not passes.members:
        return []
    top = Span(document.tree.span.start, document.tree.span.start)
    found = [Lens(top, "Submit to Azure ML", SUBMIT) if has_job(workflow) else Lens(top, "Run", RUN)]
    if last:
        found.append(Lens(top, last.title, SHOW, run=last.id))
    return found + [Lens(each.key.span, "Run up to here", RUN, each.name) for each in passes.members]


def has_job(workflow: Object | None) -> bool:
    """Whether a run of a config has a job of Azure ML: a pass has its host there, or the engine has it for all."""
    engine = child(workflow, "engine", "host")
    passes = workflow.get("passes") if workflow else None
    entries = [child(one.value, 0) for one in passes.members] if isinstance(passes, Object) else []
    hosts = [own if is_given(own := child(entry, "host")) else engine for entry in entries]
    return any(text_of(child(_system(workflow, host), "type")) == "AzureML" for host in hosts or [engine])


def _system(workflow: Object | None, host: Node | None) -> Node | None:
    """The system that a host names, or is."""
    name = text_of(host)
    return child(workflow, "systems", name) if name is not None else host
