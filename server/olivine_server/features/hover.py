"""Hover: what a key, a value or a name is, what it points to, and what follows from a number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from olivine_schemas.dialects import RENAMED
from olivine_schemas.facts import NO_FACTS, Facts
from olivine_schemas.problems import Span
from olivine_schemas.rules import Context
from olivine_schemas.rules.systems import DEVICES
from olivine_schemas.schema import Property, Subschema, branch, schemas_at
from olivine_schemas.tree import Cursor, Node, Scalar, child, locate, text_of

from . import targets
from .figures import figures
from .meaning import context_of, data_at, pass_at

if TYPE_CHECKING:
    from ..workspace import Document

TABLES = ("passes", "systems", "evaluators", "data_configs")
LISTED = 20
"""Values up to which all are named."""


@dataclass(frozen=True)
class Hover:
    """What to show for a token."""

    span: Span
    markdown: str


def hover(document: Document, offset: int, facts: Facts = NO_FACTS) -> Hover | None:
    """What is known of the key or value at an offset; None where nothing is."""
    cursor = locate(document.tree, offset)
    if cursor.span is None or cursor.container is None or not cursor.path:
        return None
    context = context_of(document, facts)
    parts = [*_named(context, cursor), *_described(document, cursor)]
    parts += _pointed_to(document, context, cursor, offset)
    parts += _figured(context, cursor, offset)
    return Hover(cursor.span, "\n\n".join(parts)) if parts else None


def _described(document: Document, cursor: Cursor) -> Iterator[str]:
    """The setting: documentation, kind, default, values, old and new name."""
    one = _setting(document, cursor)
    values = [schema for schema in schemas_at(document.tree, cursor.path) if schema.types]
    if one is not None:
        yield _title(one)
        today = one.renamed_to or _today(one.name) if one.deprecated else None
        if today:
            yield f"Today's name is `{today}`."
        if one.description:
            yield one.description
        old = one.schema.get("x-old-names")
        if old:
            yield f"Older configs call it {_names(old)}."
        if one.values and not values:
            yield f"{'Such as' if one.open else 'One of'} {_names(one.values)}."
    for schema in values:
        yield from _type(schema, child(document.tree, *cursor.path), is_pass=cursor.path[0] == "passes")


def _setting(document: Document, cursor: Cursor) -> Property | None:
    """The setting whose key or value the cursor is on; of a list, that of its items."""
    path = cursor.path
    while path and isinstance(path[-1], int):
        path = path[:-1]
    if not path:
        return None
    known = [one for schema in schemas_at(document.tree, path[:-1]) for one in schema.properties]
    return next((one for one in known if one.name == path[-1]), None)


def _today(name: str) -> str | None:
    """Today's name of a key that has another meaning or value beside its new name."""
    return next((names[name] for names in RENAMED.values() if name in names), None)


def _title(one: Property) -> str:
    parts = [f"**{one.name}**"]
    parts += [one.expects] if one.expects else []
    parts += [f"default `{json.dumps(one.default, ensure_ascii=False)}`"] if one.default is not None else []
    parts += ["required"] if one.required else []
    parts += ["obsolete"] if one.deprecated and not one.renamed_to and not _today(one.name) else []
    return " · ".join(parts)


def _names(values: Any) -> str:
    shown = [f"`{value if isinstance(value, str) else json.dumps(value)}`" for value in values]
    more = [f"{len(shown) - LISTED} more"] if len(shown) > LISTED else []
    return ", ".join(shown[:LISTED] + more)


def _type(schema: Subschema, node: Node | None, *, is_pass: bool) -> Iterator[str]:
    """What a type name stands for."""
    written = (text_of(node) or "").lower()
    name = next((name for name in schema.types if name.lower() == written), None)
    if name is None:
        return
    of = branch(schema, name)
    yield f"**{name}**" + (f": {of.description}" if of.description else "")
    if is_pass:
        yield "Olivine runs it." if of.runs else "Olivine checks this pass and does not run it; Microsoft Olive does."
    if of.required:
        yield f"Needs {_names([one.name for one in of.required])}."


def _named(context: Context | None, cursor: Cursor) -> Iterator[str]:
    """A name that the config itself gives: of a pass, a system, an evaluator, a data config."""
    if context is None or not cursor.path:
        return
    table, *rest = cursor.path
    if cursor.in_key and len(rest) == 1 and table in TABLES:
        yield from targets.summary(context, str(table), str(rest[0]))
    elif not cursor.in_key and table == "data_configs" and len(rest) == 2 and rest[1] == "name":
        yield from targets.summary(context, "data_configs", text_of(child(context.tree, *cursor.path)) or "")


def _pointed_to(document: Document, context: Context | None, cursor: Cursor, offset: int) -> Iterator[str]:
    """What a reference, a model path or a data file stands for."""
    node = child(document.tree, *cursor.path)
    one = _setting(document, cursor)
    if context is None or cursor.in_key or not isinstance(node, Scalar) or one is None:
        return
    if one.reference and text_of(node):
        yield from targets.summary(context, one.reference, str(node.value))
    elif one.name in ("model_path", "model_name") and cursor.path[0] == "input_model":
        yield from targets.model(context)
    elif one.name == "execution_providers" and node.value in DEVICES:
        yield f"Drives a {' or '.join(DEVICES[str(node.value)])}."
    elif one.name in ("data_files", "text_cols", "data_name"):
        data = data_at(context, offset)
        yield from targets.rows(context, data) if data else ()


def _figured(context: Context | None, cursor: Cursor, offset: int) -> Iterator[str]:
    """What follows from a number of a training pass."""
    name = next((str(step) for step in reversed(cursor.path) if isinstance(step, str)), "")
    if context is None:
        return
    if name in targets.FIGURES:
        entry = pass_at(context, offset)
        yield from targets.FIGURES[name](figures(context, entry)) if entry else ()
    if name in ("precision", "int4_block_size"):
        yield from targets.built(context)
