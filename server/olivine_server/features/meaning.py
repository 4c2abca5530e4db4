"""What a document means around an offset: its passes and data configs in canonical form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olivine_schemas.facts import Facts
from olivine_schemas.rules import Context
from olivine_schemas.rules.reading import DataConfig, PassEntry, data_configs, passes
from olivine_schemas.tree import Object

if TYPE_CHECKING:
    from ..workspace import Document


def context_of(document: Document, facts: Facts) -> Context | None:
    """The document as the rules see it; None where it is no object."""
    checked = document.checked
    if checked.workflow is None or not isinstance(checked.tree, Object):
        return None
    return Context(checked.text, checked.tree, checked.workflow, checked.generation, facts)


def pass_at(context: Context | None, offset: int) -> PassEntry | None:
    """The pass around an offset."""
    found = passes(context) if context else []
    return next((one for one in found if one.node.span.start < offset <= one.node.span.end), None)


def data_at(context: Context | None, offset: int) -> DataConfig | None:
    """The data config around an offset."""
    found = data_configs(context) if context else []
    return next((one for one in found if one.node.span.start < offset <= one.node.span.end), None)
