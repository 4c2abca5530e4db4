"""What a person most likely wants where a value is missing or of the wrong kind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .findings import Finding, Language, Schema
from .nearest import HAND_WRITTEN, distance
from .tree import Array, Node, Object, Path, child, nodes, text_of

AT_MOST = 3
"""Values that are suggested."""
EXAMPLE = {"type": "HfModel", "model_path": "microsoft/Phi-3-mini-4k-instruct"}
"""A model that the passes which run here take."""


def converted(finding: Finding, known: Language) -> list[Any]:
    """The value in the form that the schema takes, if there is one: as number or text, in a list or out of it."""
    forms = _forms(finding.value)
    if finding.keyword == "x-type":
        spec = finding.schema["x-discriminator"]
        return [one for one in forms if isinstance(one, str) and known.known(spec, one)][:1]
    return [one for one in forms if next(known.findings(one, finding.schema), None) is None][:1]


def _forms(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value if len(value) == 1 and value[0] != {} else ()
        if value and all(isinstance(one, dict) and isinstance(one.get("type"), str) for one in value):
            yield {one["type"].lower(): one for one in value}
        return
    if isinstance(value, str):
        yield from _number(value)
        if value.lower() in ("true", "false"):
            yield value.lower() == "true"
    elif isinstance(value, (bool, int, float)):
        yield json.dumps(value)
    yield [value]
    if isinstance(value, str):
        yield {"type": value}
        yield {"type": "HfModel", "model_path": value}


def _number(text: str) -> Iterator[int | float]:
    for read in (int, float):
        try:
            yield read(text)
        except ValueError:
            continue


def missing(finding: Finding, tree: Node, known: Language) -> list[Any]:
    """Values for the key that a block lacks, the likeliest first; empty where nothing says what is wanted."""
    spec = finding.schema.get("x-discriminator", {})
    if finding.key == spec.get("property"):
        return list(types(finding, spec, known))
    if finding.key == "input_model":
        return [EXAMPLE]
    if finding.key == "model_path" and finding.path[:1] == ("input_model",):
        return [EXAMPLE["model_path"]]
    if finding.key == "name" and finding.path[:1] == ("data_configs",):
        return _wanted_names(tree)
    kind = finding.value.get("type")
    if finding.key == "name" and "metrics" in finding.path[-2:] and isinstance(kind, str):
        return [kind]
    return _listed(finding, known)


def _listed(finding: Finding, known: Language) -> list[Any]:
    """The values to choose from, or the names to refer to."""
    found = finding.schema.get("properties", {}).get(finding.key, {})
    while "$ref" in found and "enum" not in found:
        found = known.target(found["$ref"])
    return [value for value in found.get("enum", ()) if value is not None][:AT_MOST]


def _wanted_names(tree: Node) -> list[Any]:
    """Names of data configs that are referred to and not there; else a new one."""
    entries = child(tree, "data_configs")
    there = {text_of(child(entry, "name")) for entry in entries.items} if isinstance(entries, Array) else set()
    members = (m for node in nodes(tree) if isinstance(node, Object) for m in node.members)
    meant = [text_of(m.value) for m in members if m.name.endswith("data_config")]
    wanted = dict.fromkeys(name for name in meant if name and name not in there)
    return [*wanted][:AT_MOST] or [next(f"data_{i}" for i in range(1, len(there) + 2) if f"data_{i}" not in there)]


def types(finding: Finding, spec: Schema, known: Language) -> Iterator[str]:
    """The types that a block without one may be meant to have: by its keys, and by the name it goes by."""
    block = finding.value if isinstance(finding.value, dict) else {}
    if len(block) > HAND_WRITTEN:
        return
    inner = {key for held in block.values() if isinstance(held, dict) for key in held} if "config" in block else set()
    keys = (block.keys() | inner) - {spec["property"], "config"}
    ranked = sorted(_ranked(spec, keys, _called(finding.path), known), key=lambda one: one[:3])
    for likeness, name in [one[2:] for one in ranked][: 4 * AT_MOST]:
        if not keys and likeness >= _UNLIKE and len(spec["mapping"]) > 20:
            return  # nothing tells one pass from another
        if _fits(block, spec, name, known):
            yield name


_UNLIKE = 100


def _called(path: Path) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _ranked(spec: Schema, keys: Iterable[str], called: str, known: Language) -> Iterator[tuple[int, bool, int, str]]:
    for name, reference in spec["mapping"].items():
        branch = known.target(reference)
        if not branch.get("deprecated"):
            strange = len(set(keys) - branch.get("properties", {}).keys())
            like = _likeness(called.lower().replace("_", ""), name.lower())
            yield strange, "x-checked-only" in branch, like, name


def _likeness(called: str, name: str) -> int:
    """How far a type's name is from what its block is called; `_UNLIKE` where one is not part of the other."""
    words = {called, called.rstrip("s"), called[:7]}
    if any(len(word) > 2 and (word in name or name in word) for word in words):
        return distance(called[:30], name)
    return _UNLIKE


def _fits(block: dict[str, Any], spec: Schema, name: str, known: Language) -> bool:
    whole = {**block, spec["property"]: name}
    return next(known.findings(whole, known.target(spec["mapping"][name])), None) is None
