"""Repairs that add what a config lacks: required keys, and a data config that is named but not there."""

from __future__ import annotations

import json
from typing import Any

from olivine_schemas.edits import indent_unit, insert_member, line_end
from olivine_schemas.parser import parse
from olivine_schemas.problems import Edit, Fix, Problem, Span, apply_edits
from olivine_schemas.schema import Property, schemas_at
from olivine_schemas.tree import Array, Node, Object, Path, child, text_of, walk
from olivine_server.workspace import Document

from .replacing import replacement

_EMPTY: dict[str, Any] = {"string": "", "array": [], "object": {}, "integer": 1, "number": 1, "boolean": False}


def create_data_config(document: Document, problem: Problem) -> Fix | None:
    """An entry of data_configs under the name that dangles, reading a file of that name."""
    tree, name = document.tree, _named(document.text, problem.span)
    if not isinstance(tree, Object) or not name:
        return None
    loading = {"data_name": "json", "data_files": f"{name}.json", "split": "train"}
    entry = {"name": name, "type": "HuggingfaceContainer", "load_dataset_config": loading}
    table = tree.get("data_configs")
    title = f'Create the data config "{name}"'
    if table is None:
        return Fix(title, insert_member(document.text, tree, "data_configs", [entry]))
    return Fix(title, append_item(document.text, table, entry)) if isinstance(table, Array) else None


def _named(text: str, span: Span) -> str | None:
    try:
        found = json.loads(text[span.start : span.end])
    except ValueError:
        return None
    return found if isinstance(found, str) else None


def append_item(text: str, array: Array, value: Any) -> tuple[Edit, ...]:
    """Add an item after the last one of an array, on lines of its own."""
    if not array.closed:
        return ()
    line = text.rfind("\n", 0, array.span.start) + 1
    outer = text[line : line + len(text[line:]) - len(text[line:].lstrip(" \t"))]
    own, newline = outer + indent_unit(text), line_end(text)
    written = json.dumps(value, ensure_ascii=False, indent=indent_unit(text)).replace("\n", newline + own)
    if not array.items:
        return (Edit(array.span, f"[{newline}{own}{written}{newline}{outer}]"),)
    end = array.items[-1].span.end
    return (Edit(Span(end, end), f",{newline}{own}{written}"),)


def add_missing_keys(document: Document, problem: Problem) -> Fix | None:
    """Every required key that the block of a problem lacks, with a value to be filled in."""
    path, block = _block_at(document.tree, problem.span)
    if block is None:
        return None
    nested = child(block, "config")
    given = {m.name for each in (block, nested) if isinstance(each, Object) for m in each.members}
    missing: dict[str, Property] = {}
    for schema in schemas_at(document.tree, path):
        missing.update({p.name: p for p in schema.properties if p.required and p.name not in given})
    if not missing:
        return None
    text = document.text
    for name, key in missing.items():
        container = child(parse(text).tree, *path)
        if isinstance(container, Object):
            text = apply_edits(text, insert_member(text, container, name, _value(document, key)))
    names = ", ".join(f'"{name}"' for name in missing)
    return Fix(f"Add the missing {'keys' if len(missing) > 1 else 'key'} {names}", replacement(document.text, text))


def _block_at(tree: Node, span: Span) -> tuple[Path, Object | None]:
    """The block that a problem is about: the value of its key, or the block that its type or bracket belongs to."""
    found: tuple[Path, Object | None] = ((), None)
    for path, node in walk(tree):
        if isinstance(node, Object):
            for member in node.members:
                if member.key.span == span and isinstance(member.value, Object):
                    return (*path, member.name), member.value
                if member.key.span == span and isinstance(member.value, Array) and member.value.items:
                    first = member.value.items[0]
                    return (*path, member.name, 0), first if isinstance(first, Object) else None
            if node.span.start <= span.start and span.end <= node.span.end:
                found = path, node
    return found


def _value(document: Document, key: Property) -> Any:
    """A value for a new key: the only one there is to refer to, the default, the first of a list, else an empty one."""
    if key.reference or key.name.endswith("data_config"):
        table = child(document.workflow, key.reference or "data_configs")
        names = [text_of(child(item, "name")) for item in table.items] if isinstance(table, Array) else []
        names += [member.name for member in table.members] if isinstance(table, Object) else []
        return names[0] if names else ""
    if key.default is not None:
        return key.default
    if key.values:
        return key.values[0]
    kind = key.schema.get("type", "string")
    return _EMPTY.get(kind if isinstance(kind, str) else kind[0], "")
