"""What the builders of blocks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import forms
from .forms import Schema

Catalog = Mapping[str, Any]
Definitions = dict[str, Schema]

GONE: Schema = {"deprecated": True}
"""Marks what an earlier generation had and Olive 0.13 has not."""


def typed(
    definitions: Definitions,
    kind: str,
    name: str,
    own: Mapping[str, Schema],
    inner: Schema,
    required: Any = (),
    into: str = "config",
) -> str:
    """Define the branch `kind.name` whose settings stand in `into` or beside it; returns its name."""
    branch = f"{kind}.{name}"
    inner = inner if name == "any" else {"title": name, **inner}
    definitions[f"{branch}.{into}"] = inner
    definitions[branch] = forms.collector(own, f"{branch}.{into}", into, inner, required)
    return branch


def nullable(properties: Mapping[str, Schema]) -> dict[str, Schema]:
    """The same properties, each of which may be null."""
    return {name: forms.nullable(schema) for name, schema in properties.items()}


def notes(schema: Schema) -> Schema:
    """Description and default of a schema, to go with another form."""
    return {key: schema[key] for key in ("description", "default") if key in schema}
