"""From typed models to the raw document: what a config may write where a model has a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from . import forms
from .forms import Schema

Definitions = dict[str, Schema]


def properties(model: type[BaseModel], definitions: Definitions) -> dict[str, Schema]:
    """The raw form of each field of `model`; nested models land in `definitions` by class name."""
    schema = model.model_json_schema()
    for name, nested in schema.get("$defs", {}).items():
        if name not in definitions and "properties" in nested:
            definitions[name] = {}  # a model that holds itself finds its place taken
            definitions[name] = _block(nested)
    return _fields(schema)


def parameter_schema(model: type[BaseModel]) -> Schema:
    """What `config` of a pass may hold, for a pass whose parameters are `model`: hand it to `schema.validate`."""
    definitions: Definitions = {}
    fields = properties(model, definitions)
    out = forms.closed(fields, description=model.__doc__ or "", title=model.__name__)
    return {**_inlined(out, definitions), "x-required": required(model)}


def required(model: type[BaseModel]) -> list[str]:
    """Names of the fields that have no default."""
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _block(schema: Mapping[str, Any]) -> Schema:
    make = forms.opened if schema.get("additionalProperties") is True else forms.closed
    return make(_fields(schema), schema.get("required", ()), description=schema.get("description", ""))


def _fields(schema: Mapping[str, Any]) -> dict[str, Schema]:
    needed = schema.get("required", ())
    raw = {name: _field(field) for name, field in schema.get("properties", {}).items()}
    return {name: field if name in needed else forms.nullable(field) for name, field in raw.items()}


def _field(schema: Mapping[str, Any]) -> Schema:
    notes = {k: v for k, v in schema.items() if k in ("description", "default", "examples") or k.startswith("x-")}
    if "anyOf" in schema:
        return forms.union(*map(_field, schema["anyOf"])) | notes
    if "$ref" in schema:
        return forms.block(schema["$ref"].rsplit("/", 1)[1]) | notes
    if "enum" in schema or "const" in schema:
        return forms.choice(schema.get("enum", [schema.get("const")])) | notes
    return _plain(schema) | notes


def _plain(schema: Mapping[str, Any]) -> Schema:
    limits = {k: v for k, v in schema.items() if k in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")}
    match schema.get("type"):
        case "integer":
            return forms.integer(**limits)
        case "number":
            return forms.number(**limits)
        case "boolean":
            return forms.boolean()
        case "object":
            values = schema.get("additionalProperties")
            return forms.mapping(_field(values) if isinstance(values, dict) else None)
        case "array" | ["array", "string"]:
            return {**forms.array(_field(schema.get("items", {})) or None), "type": schema["type"]}
        case _:
            return {key: schema[key] for key in ("type", "pattern") if key in schema}


def _inlined(schema: Any, definitions: Definitions) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    if name in definitions:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _inlined({**definitions[name], **rest}, definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}
