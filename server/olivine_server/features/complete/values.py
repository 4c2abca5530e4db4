"""Values: names of types, enum values, booleans, references, and what the files on disk say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from olivine_schemas.edits import insert_member
from olivine_schemas.problems import Edit, Span
from olivine_schemas.schema import Branch, Property, Subschema, branch, mistakes
from olivine_schemas.tree import Array, Missing, Node, Object, Scalar, child, text_of, to_data
from olivine_schemas.wording import stated

from . import outside, snippets
from .items import Completion, Kind, render, render_members
from .place import Place, place, value_place
from .request import Request
from .shapes import empty, shape

INTO = ("config", "params", "user_config", "type_args")
"""Keys whose block holds what may also stand beside them."""


def values(request: Request) -> list[Completion]:
    """What may stand as the value at the cursor: of a member, or as an item of an array."""
    cursor = request.cursor
    container = cursor.container
    node = child(request.document.tree, *cursor.path)
    if container is None or isinstance(node, (Object, Array)) or _on_another_line(request, node):
        return []
    token = cursor.span or _ahead(request, node)
    room: Place | None
    if isinstance(container, Array):
        room = place(request.text, container, request.offset, token)
        taken = {item.value for item in container.items if isinstance(item, Scalar) and item.span != cursor.span}
    else:
        room = value_place(request.text, container, request.offset, token)
        taken = set()
    if room is None:
        return []
    if token is not None and cursor.span is None and node is not None:
        room = replace(room, lead=request.text[request.offset : node.span.start])
    schemas = request.schemas(cursor.path)
    found = [item for item in _offers(request, schemas, room) if item.label not in taken]
    return list({item.label: item for item in reversed(found)}.values())[::-1]


def _on_another_line(request: Request, node: Node | None) -> bool:
    """Whether the value begins on a line below the cursor: an editor replaces on one line only."""
    between = request.text[request.offset : node.span.start] if isinstance(node, Scalar) else ""
    return "\n" in between or "\r" in between


def _ahead(request: Request, node: Node | None) -> Span | None:
    """The span from the cursor to the end of the value that follows it."""
    known = isinstance(node, Scalar) or (isinstance(node, Missing) and node.word)
    return Span(request.offset, node.span.end) if node is not None and known else None


def _offers(request: Request, schemas: list[Subschema], room: Place) -> Iterator[Completion]:
    for schema in schemas:
        if schema.types:
            yield from types(request, schema, room)
            return
    table = request.cursor.container_path
    if isinstance(request.cursor.container, Array) and table:
        yield from snippets.items(request, str(table[-1]), room)
    known = outside.offers(request)
    listed = isinstance(request.cursor.container, Object) and any(_wants_list(schema) for schema in schemas)
    for rank, (text, kind, detail) in enumerate(known):
        yield item(room, [text] if listed else text, kind, f"1{rank:03}", detail)
    for schema in schemas:
        one = schema.value
        if one.reference:
            yield from _references(request, one.reference, room)
        if not known:
            yield from _listed(one, room)
        yield from _one_of_each(request, schema, room)
        yield from _structures(request, schema, room)


def _one_of_each(request: Request, schema: Subschema, room: Place) -> Iterator[Completion]:
    """A block for each value of the one key that an item requires, such as the name of a measurement."""
    container = request.cursor.container
    needed = [one for one in schema.properties if one.required]
    if not isinstance(container, Array) or len(needed) != 1 or needed[0].name == "type":
        return
    taken = {text_of(child(item, needed[0].name)) for item in container.items}
    for rank, value in enumerate(value for value in needed[0].values if value not in taken):
        edit, more = room.edits({needed[0].name: value})
        yield Completion(str(value), Kind.SNIPPET, edit, str(value), f"1{rank:03}", "", "", more, snippet=True)


def _wants_list(schema: Subschema) -> bool:
    """Whether a lone string cannot stand for a list of one."""
    allowed = stated(schema.value.schema)
    return "array" in allowed and "string" not in allowed


def types(request: Request, schema: Subschema, room: Place) -> Iterator[Completion]:
    """The names of a type key that fit the other keys of the block, each with what it requires."""
    block = child(request.document.tree, *request.cursor.container_path)
    for rank, name in enumerate(fitting(schema, block)):
        yield _type_item(request, name, branch(schema, name), f"{rank:04}", block, room)


def fitting(schema: Subschema, block: Node | None) -> list[str]:
    """The types that the other keys of a block fit at least as well as its type now; those that Olivine runs first."""
    names = sorted(schema.types, key=lambda name: not branch(schema, name).runs)
    data = to_data(block) if isinstance(block, Object) else {}
    if not data.keys() - {"type"}:
        return names
    now = mistakes(schema, text_of(child(block, "type")), data)
    wrong = {name: mistakes(schema, name, data) for name in names}
    least = min(wrong.values(), default=0)
    return [name for name in names if wrong[name] <= min(least, now)]


def _type_item(request: Request, name: str, of: Branch, sort: str, block: Node | None, room: Place) -> Completion:
    """The type, and the keys that it requires: beside it, or in its `config` where there is one."""
    missing = {one.name: shape(request, one) for one in of.required if one.name not in _present(block)}
    config = child(block, "config")
    text = render(name, None, "")
    beside: tuple[Edit, ...] = ()
    if isinstance(config, Object):
        beside = _inserted(request.text, config, missing)
    elif missing:
        text += "," + (room.newline or " ") + render_members(missing, room.newline, room.unit)
    edit, more = room.edit(text)
    detail = "" if of.runs else "checked, not run by Olivine"
    known = json.dumps(name)
    return Completion(name, Kind.TYPE, edit, known, sort, detail, of.description, (*more, *beside), snippet=True)


def _inserted(text: str, block: Object, members: dict[str, Any]) -> tuple[Edit, ...]:
    """Edits that add a member to a block that is there; several would go to one place, in no sure order."""
    if len(members) != 1 or not block.closed:
        return ()
    return tuple(edit for key, value in members.items() for edit in insert_member(text, block, key, empty(value)))


def _present(block: Node | None) -> set[str]:
    """The keys of a block and of the blocks for its settings."""
    blocks = [block, *(child(block, name) for name in INTO)]
    return {member.name for one in blocks if isinstance(one, Object) for member in one.members}


def _references(request: Request, table: str, room: Place) -> Iterator[Completion]:
    for rank, name in enumerate(request.names(table)):
        yield item(room, name, Kind.REFERENCE, f"0{rank:03}", table)


def _listed(one: Property, room: Place) -> Iterator[Completion]:
    """Values that the schema lists, the default, and what a search would try."""
    known = list(one.values)
    numeric = stated(one.schema)[:1] in (["integer"], ["number"])
    plain = one.default is not None and not isinstance(one.default, (dict, list))
    if plain and one.default not in known and (numeric or known):
        known.insert(0, one.default)
    if numeric or known:
        known += [value for value in one.search if value not in known and isinstance(value, (str, int, float))]
    for rank, value in enumerate(known):
        detail = "default" if value == one.default and type(value) is type(one.default) else ""
        yield item(room, value, Kind.VALUE, f"2{rank:03}", detail)


def _structures(request: Request, schema: Subschema, room: Place) -> Iterator[Completion]:
    """Braces or brackets where a block or a list is what is meant."""
    kind = stated(schema.value.schema)[:1]
    if kind in (["object"], ["array"]):
        value = shape(request, schema.value, request.cursor.path)
        edit, more = room.edits(value)
        label = "{ }" if kind == ["object"] else "[ ]"
        yield Completion(label, Kind.SNIPPET, edit, label, "3", schema.value.expects, "", more, snippet=True)


def item(room: Place, value: Any, kind: Kind, sort: str, detail: str = "") -> Completion:
    """A plain value, or a list of one, which goes by what is in it."""
    text = json.dumps(value, ensure_ascii=False)
    edit, more = room.edit(text)
    named = value[0] if isinstance(value, list) else value
    label = named if isinstance(named, str) else text
    return Completion(label, kind, edit, text, sort, detail, "", more)
