"""What can be started from a config, offered above the line it concerns."""

from __future__ import annotations

from dataclasses import dataclass

from olivine_schemas.problems import Span
from olivine_schemas.tree import Object, text_of, walk
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
    """Running the whole config, here or in the cloud, how that went last, and running it up to each pass."""
    workflow = document.workflow
    passes = workflow.get("passes") if workflow else None
    if not isinstance(passes, Object) or not passes.members:
        return []
    top = Span(document.tree.span.start, document.tree.span.start)
    found = [Lens(top, "Run", RUN)]
    if _has_cloud(workflow):
        found.append(Lens(top, "Submit to Azure ML", SUBMIT))
    if last:
        found.append(Lens(top, last.title, SHOW, run=last.id))
    return found + [Lens(each.key.span, "Run up to here", RUN, each.name) for each in passes.members]


def _has_cloud(workflow: Object | None) -> bool:
    systems = [block for key in ("systems", "engine") if workflow and (block := workflow.get(key))]
    found = (node for block in systems for _, node in walk(block) if isinstance(node, Object))
    return any(text_of(node.get("type")) == "AzureML" for node in found)
