"""What can be started from a config, offered above the line it concerns."""

from __future__ import annotations

from dataclasses import dataclass

from olivine_schemas.problems import Span
from olivine_schemas.tree import Object, text_of, walk
from olivine_server.workspace import Document

RUN = "olivine.run"
SUBMIT = "olivine.submit"
"""Commands that the editor has. Both take one object: the `uri` of the config and, where to stop, `upTo`, a pass."""


@dataclass(frozen=True)
class Lens:
    """A command offered at a span."""

    span: Span
    title: str
    command: str
    up_to: str | None = None
    """Name of the last pass to run; None runs all."""


def lenses(document: Document) -> list[Lens]:
    """Running the whole config, here or in the cloud, and running it up to each pass."""
    workflow = document.workflow
    passes = workflow.get("passes") if workflow else None
    if not isinstance(passes, Object) or not passes.members:
        return []
    top = Span(document.tree.span.start, document.tree.span.start)
    found = [Lens(top, "Run", RUN)]
    if _has_cloud(workflow):
        found.append(Lens(top, "Submit to Azure ML", SUBMIT))
    return found + [Lens(each.key.span, "Run up to here", RUN, each.name) for each in passes.members]


def _has_cloud(workflow: Object | None) -> bool:
    systems = [block for key in ("systems", "engine") if workflow and (block := workflow.get(key))]
    found = (node for block in systems for _, node in walk(block) if isinstance(node, Object))
    return any(text_of(node.get("type")) == "AzureML" for node in found)
