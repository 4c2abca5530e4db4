"""One question for completion: the document, and what stands at the cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from olivine_schemas.facts import Facts
from olivine_schemas.rules import Context
from olivine_schemas.rules.reading import DataConfig, names
from olivine_schemas.schema import Property, Subschema, schemas_at
from olivine_schemas.tree import Cursor, Path

from ..meaning import context_of, data_at

if TYPE_CHECKING:
    from ...workspace import Document


Listed = Callable[[str], list[dict[str, Any]]]
"""What there is of a kind at Azure ML, each with its `name` and some `detail`; nothing where nobody has asked."""


@dataclass(frozen=True)
class Request:
    """Where completion is asked for."""

    document: Document
    offset: int
    facts: Facts
    cursor: Cursor
    listed: Listed = lambda kind: []

    @property
    def text(self) -> str:
        return self.document.text

    @cached_property
    def context(self) -> Context | None:
        """What the rules read too; None where the document is no object."""
        return context_of(self.document, self.facts)

    @cached_property
    def data(self) -> DataConfig | None:
        """The data config around the cursor."""
        return data_at(self.context, self.offset)

    def names(self, table: str) -> list[str]:
        """What a reference to a table may name."""
        return [name for name in names(self.context, table) if name] if self.context else []

    def schemas(self, path: Path) -> list[Subschema]:
        """What may stand at a path."""
        return schemas_at(self.document.tree, path)


def properties(schemas: list[Subschema]) -> Mapping[str, Property]:
    """The keys that may stand in a block, by name; obsolete ones are left out."""
    return {one.name: one for schema in schemas for one in schema.properties if not one.deprecated}
