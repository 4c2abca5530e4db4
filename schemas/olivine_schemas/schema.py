"""The config language applied to a tree: what is wrong with it, and what may stand at a path.

Everything comes from `olive-config.schema.json`, which describes the document as written, in either generation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from .findings import Language, Schema, published
from .language import forms
from .problems import Problem
from .tree import Array, Node, Object, Path, Scalar, child, to_data
from .wording import expected, problem, values

ExtraPasses = Mapping[str, Schema]
"""Passes of other packages: type name and what `parameter_schema` made of its parameters."""


@dataclass(frozen=True, slots=True)
class Property:
    """A key that may stand in a block, or a value's own description."""

    name: str
    schema: Schema
    required: bool = False
    description: str = ""
    default: Any = None
    values: tuple[Any, ...] = ()
    """Values to choose from; a closed list unless `open`."""
    open: bool = True
    """Whether other values are allowed beside `values`."""
    deprecated: bool = False
    renamed_to: str | None = None
    reference: str | None = None
    """The table whose names are the values: data_configs, systems or evaluators."""
    search: tuple[Any, ...] = ()
    """Values that a search tries by default."""

    @property
    def expects(self) -> str:
        """Kind of value in words, such as `a whole number`."""
        return expected(self.schema)


@dataclass(frozen=True, slots=True)
class Subschema:
    """One schema that applies at a path: how the value is described, and the keys allowed in it."""

    value: Property
    properties: tuple[Property, ...] = ()
    open: bool = False
    """Whether keys beside `properties` are taken."""
    types: Mapping[str, str] = field(default_factory=dict)
    """For the value of a `type` key: names with the description of what they stand for."""


@dataclass(frozen=True, slots=True)
class Branch:
    """What a type name makes of a block."""

    description: str
    runs: bool
    """Whether Olivine runs it, or only checks it."""
    required: tuple[Property, ...]
    """The keys that it needs beside the type."""


def validate(tree: Node, extra_passes: ExtraPasses | None = None, text: str | None = None) -> list[Problem]:
    """What is wrong with a document, one problem a mistake, in the order of the text.

    `extra_passes` describes passes of other packages. With the JSON `text` of the tree, a missing key whose value is
    plain to see gets an edit that inserts it.
    """
    known = language(extra_passes)
    found = (problem(finding, tree, known, text) for finding in known.findings(to_data(tree)))
    return sorted((one for one in found if one is not None), key=lambda one: one.span)


def language(extra_passes: ExtraPasses | None = None) -> Language:
    """The published language, with the passes of other packages added."""
    return _extended(json.dumps(extra_passes)) if extra_passes else published()


@lru_cache(maxsize=8)
def _extended(extra_passes: str) -> Language:
    document = published().root
    definitions = dict(document["$defs"])
    targets = dict(definitions["pass"]["x-discriminator"]["mapping"])
    for name, parameters in json.loads(extra_passes).items():
        inner = {**parameters, "title": name}
        required = inner.pop("x-required", ())
        definitions[f"pass.{name}.config"] = inner
        definitions[f"pass.{name}"] = forms.collector(
            forms.pass_keys(), f"pass.{name}.config", "config", inner, required
        )
        targets[name] = f"#/$defs/pass.{name}"
    spec = {**definitions["pass"]["x-discriminator"], "mapping": targets}
    definitions["pass"] = {**definitions["pass"], "x-discriminator": spec}
    return Language({**document, "$defs": definitions})


def schemas_at(tree: Node, path: Path) -> list[Subschema]:
    """The schemas that apply at `path`, through references and branches; empty where the language says nothing.

    The path need not exist in the tree: it may end in a key that is being typed.
    """
    known = language()
    here: list[Schema] = [known.root]
    node: Node | None = tree
    for step in path:
        if isinstance(node, Object if isinstance(step, int) else Array):
            return []
        value = _shallow(node)
        here = [below for schema in here for part in _applied(known, schema, value) for below in _below(part, step)]
        node = child(node, step)
    out = [_subschema(known, schema, _shallow(node)) for schema in here]
    return [one for i, one in enumerate(out) if one not in out[:i]]


def branch(of: Subschema, name: str) -> Branch:
    """What a block is once its type is `name`; `of` describes the value of its type key."""
    known = language()
    schema = known.target(_mapping(of)[name])
    needed = dict.fromkeys([*schema.get("required", ()), *schema.get("x-required", {}).get("names", ())])
    required = tuple(_property(known, key, schema["properties"][key], True) for key in needed if key != "type")
    return Branch(schema.get("description", ""), "x-checked-only" not in schema, required)


def shared(of: Subschema) -> tuple[Property, ...]:
    """The keys that a block has whatever its type; `of` describes the value of its type key."""
    known = language()
    branches = [known.target(reference) for reference in _mapping(of).values()]
    names = set.intersection(*(set(one.get("properties", ())) for one in branches)) - {"type"}
    needed = set.intersection(
        *({*one.get("required", ()), *one.get("x-required", {}).get("names", ())} for one in branches)
    )
    described = branches[0]["properties"]
    return tuple(_property(known, name, described[name], name in needed) for name in described if name in names)


def mistakes(of: Subschema, name: str | None, block: Mapping[str, Any]) -> int:
    """How much is wrong with a block if its type is `name`; an unknown type is one.

    What is missing, or only not run here, does not count.
    """
    known = language()
    spelt = known.known(of.value.schema["x-types"], name or "")
    if spelt is None:
        return 1
    found = known.findings({**block, "type": spelt}, known.target(_mapping(of)[spelt]))
    return sum(finding.keyword not in ("required", "x-runs") for finding in found)


def _mapping(of: Subschema) -> Mapping[str, str]:
    names: Mapping[str, str] = of.value.schema.get("x-types", {}).get("mapping", {})
    return names


def _shallow(node: Node | None) -> Any:
    """The value of a node as far as it decides which schema applies: its kind, and the scalars directly in it."""
    if isinstance(node, Object):
        return {member.name: member.value.value for member in node.members if isinstance(member.value, Scalar)}
    return [] if isinstance(node, Array) else to_data(node)


def _applied(known: Language, schema: Schema, value: Any) -> Iterator[Schema]:
    """`schema` and every schema that it brings in for `value`."""
    yield schema
    if "$ref" in schema:
        yield from _applied(known, known.target(schema["$ref"]), value)
    if "x-search" in schema:
        yield from _applied(known, schema["then" if isinstance(value, (list, dict)) else "else"], value)
    if "x-discriminator" in schema:
        branch = known.branch(schema["x-discriminator"], value if isinstance(value, dict) else {})
        if branch is not None:
            yield from _applied(known, branch, value)


def _below(schema: Schema, step: str | int) -> Iterator[Schema]:
    if isinstance(step, int):
        found = schema.get("items")
    else:
        spec = schema.get("x-discriminator", {})
        if spec.get("property") == step:
            yield {"type": "string", "x-types": spec}
            return
        found = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
    if isinstance(found, dict):
        yield found


_DESCRIBED: WeakKeyDictionary[Language, dict[tuple[int, ...], Subschema]] = WeakKeyDictionary()
"""What was made of the parts of a language, which live as long as it does; a block has up to 150 keys."""


def _subschema(known: Language, schema: Schema, value: Any) -> Subschema:
    if "x-types" in schema:
        return Subschema(_property(known, "", schema, False), (), True, _type_names(known, schema["x-types"]))
    parts = list(_applied(known, schema, value))
    kept = _DESCRIBED.setdefault(known, {})
    key = tuple(map(id, parts))
    if key not in kept:
        kept[key] = _described(known, schema, parts)
    return kept[key]


def _described(known: Language, schema: Schema, parts: list[Schema]) -> Subschema:
    properties: dict[str, Property] = {}
    for part in parts:
        needed = {*part.get("required", ()), *part.get("x-required", {}).get("names", ())}
        for name, below in part.get("properties", {}).items():
            one = _property(known, name, below, name in needed)
            if name not in properties or one.description:
                properties[name] = one
        kind = part.get("x-discriminator", {}).get("property")
        if kind in properties:
            spec = part["x-discriminator"]
            names, takes_others = tuple(_type_names(known, spec)), "otherwise" in spec
            properties[kind] = replace(properties[kind], required=kind in needed, values=names, open=takes_others)
    closed = any(part.get("additionalProperties") is False for part in parts)
    return Subschema(_property(known, "", schema, False), tuple(properties.values()), not closed)


def _type_names(known: Language, spec: Schema) -> dict[str, str]:
    named = {name: known.target(target) for name, target in spec.get("mapping", {}).items()}
    return {name: branch.get("description", "") for name, branch in named.items() if not branch.get("deprecated")}


def _property(known: Language, name: str, schema: Schema, required: bool) -> Property:
    merged: dict[str, Any] = {}
    for part in _applied(known, schema, None):
        merged = {**part, **merged}
    listed = tuple(values(merged))
    if not listed and expected(merged) == "true or false":
        listed = (True, False)
    return Property(
        name,
        merged,
        required,
        merged.get("description", ""),
        merged.get("default"),
        listed,
        not ("enum" in merged or "x-enum" in merged or expected(merged) == "true or false"),
        bool(merged.get("deprecated")),
        merged.get("x-renamed-to"),
        merged.get("x-reference"),
        tuple(merged.get("x-search", ())),
    )
