"""The value that a new key starts with: the right kind, the default, what is required."""

from __future__ import annotations

from typing import Any

from olivine_schemas.schema import Property
from olivine_schemas.tree import Path
from olivine_schemas.wording import stated

from .items import Slot
from .request import Request


def shape(request: Request, one: Property, path: Path | None = None) -> Any:
    """The value for a key, with slots where the person decides; `path` is where it goes, for what it requires."""
    if one.reference:
        known = request.names(one.reference)
        return Slot(known[0] if known else "", tuple(known))
    kind = (stated(one.schema) or ["string"])[0]
    if one.values and not one.open and kind in ("string", "integer", "number", "boolean"):
        default = one.default if one.default in one.values else one.values[0]
        return Slot(default, one.values)
    match kind:
        case "object":
            return _block(request, path) if path is not None else Slot({})
        case "array":
            return Slot([])
        case "boolean":
            return Slot(one.default if isinstance(one.default, bool) else False, (True, False))
        case "integer" | "number":
            return Slot(_number(one))
        case _:
            named = one.name if "pattern" in one.schema else ""
            first = one.values[0] if one.values and one.required else named
            return Slot(one.default if isinstance(one.default, str) else first, one.values)


def empty(value: Any) -> Any:
    """A shape as plain data: what its slots say."""
    if isinstance(value, Slot):
        return value.value
    if isinstance(value, dict):
        return {key: empty(item) for key, item in value.items()}
    return [empty(item) for item in value] if isinstance(value, list) else value


def _block(request: Request, path: Path) -> Any:
    """A block with the keys that it requires."""
    schemas = request.schemas(path)
    needed = {one.name: one for schema in schemas for one in schema.properties if one.required}
    return {name: shape(request, one) for name, one in needed.items()} or Slot({})


def _number(one: Property) -> int | float:
    """The default, else what a search tries first, else the least that is allowed."""
    known = [value for value in (one.default, *one.search) if isinstance(value, (int, float))]
    above = one.schema.get("exclusiveMinimum")
    least = one.schema.get("minimum", 1 if above is None else above + 1)
    return known[0] if known else least
