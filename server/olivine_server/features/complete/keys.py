"""Keys of a block: those it requires first, each with a value of the right kind."""

from __future__ import annotations

import json
from typing import Any

from olivine_schemas.nearest import nearest
from olivine_schemas.problems import Edit
from olivine_schemas.schema import Property, Subschema, shared
from olivine_schemas.tree import Array, Member, Missing, Node, Object, Path, Scalar, child
from olivine_schemas.wording import stated

from . import snippets
from .items import Completion, Kind
from .place import place
from .request import Request, properties
from .shapes import shape
from .values import INTO, fitting

COLLECTORS = {*INTO, "sampler_config", "engine"}
"""Keys whose block holds what may also stand beside them: a document has it in one place."""
OWN = {"type", "name", "host", "evaluator"}
"""Keys that only stand beside the block for settings."""


def keys(request: Request) -> list[Completion]:
    """What may stand as the key at the cursor."""
    cursor = request.cursor
    container = cursor.container
    if not isinstance(container, Object):
        return []
    schemas = request.schemas(cursor.container_path)
    open_keys = _offered(request, schemas, container)
    member = cursor.member
    if member is not None and not _awaits_value(member):
        return _renames(request, open_keys, member) if cursor.span else []
    room = place(request.text, container, request.offset, cursor.span)
    if room is None:
        return []
    found = []
    for rank, one in enumerate(open_keys.values()):
        path = (*cursor.container_path, one.name)
        edit, more = room.edits(_value(request, one, path, container), one.name)
        sort = f"{0 if one.required else 1 if one.description else 2}{rank:03}"
        text = json.dumps(one.name)
        found.append(Completion(one.name, Kind.KEY, edit, text, sort, _about(one), one.description, more, snippet=True))
    return [*found, *snippets.members(request, container, room)]


def _about(one: Property) -> str:
    """Kind of value and default."""
    default = "" if one.default is None else f"default {json.dumps(one.default, ensure_ascii=False)}"
    return ", ".join(part for part in (one.expects, default) if part)


def _awaits_value(member: Member) -> bool:
    return member.colon is None and isinstance(member.value, Missing) and not member.value.word


def _offered(request: Request, schemas: list[Subschema], container: Object) -> dict[str, Property]:
    """The keys that a block has room for: neither there, nor under an old name, nor in the block for settings."""
    current = request.cursor.member
    known = {**properties(schemas), **_whatever_type(request, container)}
    present = {member.name for member in container.members if member is not current}
    old = {one.name: one.renamed_to for schema in schemas for one in schema.properties if one.renamed_to}
    present |= {old[name] for name in present if name in old}
    for into in known.keys() & COLLECTORS:
        below = request.schemas((*request.cursor.container_path, into))
        inner = {one.name for schema in below for one in schema.properties}
        if into in present and child(container, into) is not None:
            present |= inner if into == "engine" else inner - OWN
        elif inner & present - OWN:
            present.add(into)
    return {name: one for name, one in known.items() if name not in present}


def _whatever_type(request: Request, container: Object) -> dict[str, Property]:
    """The keys that a block has whatever its type, where that is still to come."""
    if container.get("type") is not None:
        return {}
    schemas = request.schemas((*request.cursor.container_path, "type"))
    kinds = next((schema for schema in schemas if schema.types), None)
    return {one.name: one for one in shared(kinds) if not one.deprecated} if kinds else {}


def _value(request: Request, one: Property, path: Path, container: Object) -> Any:
    """What a new key starts with."""
    if one.name == "type" and one.values:
        types = next((schema for schema in request.schemas(path) if schema.types), None)
        fit = fitting(types, container) if types else []
        return snippets.choice(fit or list(one.values))
    return snippets.block(request, path) or shape(request, one, path)


def _renames(request: Request, known: dict[str, Property], member: Member) -> list[Completion]:
    """Keys that may stand in the place of one that has a value: the value must suit."""
    schemas = request.schemas(request.cursor.container_path)
    own = next((one for schema in schemas for one in schema.properties if one.name == member.name), None)
    if own is not None:
        known = {own.name: own} if own.name in known else {}
    else:
        near = nearest(member.name, known)
        known = {name: one for name, one in known.items() if name in near or name.startswith(member.name)}
    fit = [one for one in known.values() if suits(one, member.value)]
    return [
        Completion(
            one.name,
            Kind.KEY,
            Edit(member.key.span, json.dumps(one.name)),
            json.dumps(one.name),
            f"{rank:04}",
            _about(one),
            one.description,
        )
        for rank, one in enumerate(fit)
    ]


_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "array": list,
}


def suits(one: Property, node: Node) -> bool:
    """Whether a value that is there may stand under a key."""
    allowed = stated(one.schema)
    if isinstance(node, Object):
        return not allowed or "object" in allowed
    if isinstance(node, Array):
        return not allowed or "array" in allowed
    if not isinstance(node, Scalar) or node.value is None:
        return True
    if one.values and not one.open:
        return node.value in one.values
    if isinstance(node.value, str) and allowed[:1] in (["integer"], ["number"], ["boolean"]):
        return False
    if isinstance(node.value, (int, float)) and node.value > one.schema.get("maximum", node.value):
        return False
    kinds = [_KINDS[name] for name in allowed]
    return not kinds or any(isinstance(node.value, kind) for kind in kinds)
