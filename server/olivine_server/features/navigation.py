"""The named things of a config: where each is defined, where it is meant, and giving it another name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from olivine_schemas.problems import Edit, Span
from olivine_schemas.resolve import resolve
from olivine_schemas.rules import Context
from olivine_schemas.rules.reading import data_configs, data_references, items, object_at, passes, strings
from olivine_schemas.tree import Member, Node, Object, Scalar, child, text_of
from olivine_server.workspace import Document

from .selection import inside_quotes

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
_DATA_NAME = re.compile(r"[\w-]+", re.ASCII)
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True)
class Named:
    """A data config, system, evaluator or pass that has a name, with the tokens of that name."""

    table: str
    """The table it stands in: data_configs, systems, evaluators or passes."""
    name: str
    definition: Span
    body: Span
    """All that is defined under the name."""
    references: tuple[Span, ...]


def named_things(document: Document) -> list[Named]:
    """Every named thing, with the tokens that refer to it; a name that dangles is not among them."""
    context = _context(document)
    if context is None:
        return []
    meant: dict[tuple[str, str], dict[Span, None]] = {}
    for table, node in _references(context):
        if _is_written(document, node):
            meant.setdefault((table, str(node.value)), {})[node.span] = None
    defined = [(table, key, body) for table, key, body in _definitions(context) if _is_written(document, key)]
    return [
        Named(table, str(key.value), key.span, body.span, tuple(sorted(meant.get((table, str(key.value)), ()))))
        for table, key, body in defined
    ]


def named_at(document: Document, offset: int) -> Named | None:
    """The named thing whose name, or a reference to it, is at an offset."""
    for named in named_things(document):
        if any(span.start <= offset <= span.end for span in (named.definition, *named.references)):
            return named
    return None


def rename_span(document: Document, offset: int) -> Span | None:
    """The name at an offset that can be changed, without quotes."""
    named = named_at(document, offset)
    spans = (named.definition, *named.references) if named else ()
    return next((inside_quotes(document.text, s) for s in spans if s.start <= offset <= s.end), None)


def rename(document: Document, offset: int, new: str) -> list[Edit]:
    """The edits that give the named thing at an offset another name, everywhere. ValueError says why it cannot be."""
    named = named_at(document, offset)
    if named is None:
        raise ValueError("There is no name here that can be changed.")
    if not new.strip():
        raise ValueError("A name needs at least one character.")
    if named.table == "data_configs" and not _DATA_NAME.fullmatch(new):
        raise ValueError('The name of a data config may hold letters, digits, "_" and "-" only.')
    taken = {other.name for other in named_things(document) if other.table == named.table}
    if new in taken and new != named.name:
        raise ValueError(f'"{new}" is taken in {named.table}.')
    return [Edit(span, _token(document, span, new)) for span in (named.definition, *named.references)]


def _token(document: Document, span: Span, new: str) -> str:
    plain = document.yaml and document.text[span.start] not in "\"'"
    if plain and _PLAIN.fullmatch(new) and new.lower() not in _YAML_WORDS:
        return new
    return json.dumps(new, ensure_ascii=False)


def _context(document: Document) -> Context | None:
    """The meaning of the document as if every pass ran: a name counts in one that pass_flows leaves out, too."""
    checked, tree = document.checked, document.tree
    if not isinstance(tree, Object) or checked.workflow is None:
        return None
    workflow = resolve(_without_flows(tree)).workflow if _flows(tree) else checked.workflow
    return Context(checked.text, tree, workflow, checked.generation, document.facts)


def _flows(tree: Node) -> list[Node]:
    """The lists of pass names, wherever they are written."""
    return items(child(tree, "pass_flows")) + items(child(tree, "engine", "pass_flows"))


def _without_flows(tree: Object) -> Object:
    kept = [member for member in tree.members if member.name != "pass_flows"]
    return Object(
        tree.span,
        [
            Member(m.key, _without_flows(m.value), m.colon) if m.name == "engine" and isinstance(m.value, Object) else m
            for m in kept
        ],
    )


def _is_written(document: Document, node: Scalar) -> bool:
    """Whether the token of a canonical node is that very string, and not what it was made from."""
    token = document.text[node.span.start : node.span.end]
    return token in (node.value, f'"{node.value}"', f"'{node.value}'", json.dumps(node.value))


def _definitions(context: Context) -> Iterator[tuple[str, Scalar, Node]]:
    for config in data_configs(context):
        name = config.node.get("name")
        if isinstance(name, Scalar) and text_of(name):
            yield "data_configs", name, config.node
    for table in ("systems", "evaluators", "passes"):
        for member in object_at(context.workflow, table).members:
            yield table, member.key, member.value


def _references(context: Context) -> Iterator[tuple[str, Scalar]]:
    yield from (("data_configs", node) for node in data_references(context))
    engine = object_at(context.workflow, "engine")
    for block in (engine, *(entry.node for entry in passes(context))):
        for key, table in (("host", "systems"), ("target", "systems"), ("evaluator", "evaluators")):
            node = block.get(key)
            if isinstance(node, Scalar) and text_of(node):
                yield table, node
    for flow in _flows(context.tree):
        yield from (("passes", node) for node in strings(flow))
