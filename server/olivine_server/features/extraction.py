"""Moving what is written in place into the table of its kind, under a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from olivine_schemas.edits import insert_member
from olivine_schemas.problems import Edit, Fix, Span, apply_edits
from olivine_schemas.tree import Array, Member, Node, Object, child, text_of, to_data, walk
from olivine_server.workspace import Document

from .additions import append_item
from .replacing import replacement

TABLES = {"host": "systems", "target": "systems", "evaluator": "evaluators"}
"""Keys whose value may be an object instead of a name, each with the table of such names; data configs see below."""
_WORDS = {"systems": "system", "evaluators": "evaluator", "data_configs": "data config"}


@dataclass(frozen=True)
class Extraction:
    """An offer to move an object; `needed` where it is refused in its place."""

    fix: Fix
    needed: bool


def extractions(document: Document, span: Span) -> Iterator[Extraction]:
    """What can be moved of the members whose key is at a span: inline systems, evaluators and data configs."""
    tree = document.tree
    if document.yaml or not isinstance(tree, Object):
        return
    for path, node in walk(tree):
        for member in node.members if isinstance(node, Object) and path[:1] != ("data_configs",) else ():
            table = _table(member.name)
            at_key = member.key.span.start <= span.start <= member.key.span.end
            if table and at_key and isinstance(member.value, Object) and member.value.members and member.value.closed:
                fix = _extraction(document, tree, table, member)
                if fix:
                    yield Extraction(fix, table == "data_configs")


def _table(key: str) -> str | None:
    components = ("load_dataset_config", "pre_process_data_config", "post_process_data_config")
    return "data_configs" if key.endswith("data_config") and key not in components else TABLES.get(key)


def _extraction(document: Document, tree: Object, table: str, member: Member) -> Fix | None:
    """The edits that put the object into its table and its name in its place."""
    data = to_data(member.value)
    there = tree.get(table)
    wanted = data.get("name") if table == "data_configs" and isinstance(data.get("name"), str) else member.name
    name = _free(str(wanted), _names(there))
    moved: tuple[Edit, ...]
    if table == "data_configs":
        entry = {"name": name, **{key: value for key, value in data.items() if key != "name"}}
        moved = _appended(document.text, tree, table, there, entry)
    elif isinstance(there, Object):
        moved = insert_member(document.text, there, name, data)
    else:
        moved = insert_member(document.text, tree, table, {name: data}) if there is None else ()
    if not moved:
        return None
    edits = (Edit(member.value.span, f'"{name}"'), *moved)
    title = f'Extract the {_WORDS[table]} "{name}"'
    return Fix(title, replacement(document.text, apply_edits(document.text, edits)))


def _appended(text: str, tree: Object, table: str, there: Node | None, entry: dict[str, object]) -> tuple[Edit, ...]:
    if isinstance(there, Array):
        return append_item(text, there, entry)
    return insert_member(text, tree, table, [entry]) if there is None else ()


def _names(table: Node | None) -> set[str]:
    if isinstance(table, Array):
        return {name for item in table.items if (name := text_of(child(item, "name")))}
    return {member.name for member in table.members} if isinstance(table, Object) else set()


def _free(name: str, taken: set[str]) -> str:
    return next(one for one in (name, *(f"{name}_{i}" for i in range(2, len(taken) + 3))) if one not in taken)
