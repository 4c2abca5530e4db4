"""What in a plain value breaks the schema: one finding a mistake, at its path.

Whether a value breaks a keyword is what `jsonschema` says; it is asked about values that do not plainly hold, and not
imported before, as that takes longer than to check a config. The walk between the keywords is ours. It follows
`x-discriminator` straight to the branch that applies (`if`/`then` beside it say the same to other validators), looks
`$ref` up in a dict, and stops at the first broken keyword of a schema, so that an error is exact and single.
"""

from __future__ import annotations

import json
import marshal
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path as File
from typing import Any, NamedTuple

from .nearest import HAND_WRITTEN, slip
from .tree import Path

Schema = Mapping[str, Any]
_LIMITS = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
BLOCK, KEPT = 16 << 10, 2 << 20
"""Bytes of a block up to which its findings are kept, and of all such blocks."""
_LEAVES = ("enum", "const", "pattern", *_LIMITS, "minItems", "maxItems")


class Finding(NamedTuple):
    """`keyword` of `schema` does not hold for `value` at `path`; `key` is the unknown or missing key, if any."""

    path: Path
    keyword: str
    schema: Schema
    value: Any
    key: str = ""
    checked_only: bool = False
    """It stands in a pass that Olivine does not run: by its type, or because a setting asks for what Olivine cannot."""


class _Plan(NamedTuple):
    """The keywords of a schema, sorted by how they are checked."""

    types: tuple[str, ...]
    plain: frozenset[type]
    """Types of Python whose every value is of `types`."""
    leaves: tuple[tuple[str, Any], ...]
    walks: tuple[Callable[[Language, Schema, Any, Path], Iterator[Finding]], ...]


class Language:
    """A schema document with its references at hand."""

    def __init__(self, document: Schema) -> None:
        self.root = document
        self._targets: dict[str, Schema] = {}
        self._spellings: dict[int, dict[str, str]] = {}
        self._plans: dict[int, _Plan] = {}
        self._kept: dict[tuple[int, bytes], list[Finding]] = {}
        self._kept_bytes = 0

    def plan(self, schema: Schema) -> _Plan:
        """How to check `schema`, which must be a part of this document: the plan is kept by identity."""
        found = self._plans.get(id(schema))
        if found is None:
            stated = schema.get("type", ())
            leaves = tuple((keyword, schema[keyword]) for keyword in _LEAVES if keyword in schema)
            walks = tuple(walk for keyword, walk in _WALKS.items() if keyword in schema)
            types = (stated,) if isinstance(stated, str) else tuple(stated)
            found = _Plan(types, frozenset(kind for name in types for kind in _PLAIN_TYPES[name]), leaves, walks)
            self._plans[id(schema)] = found
        return found

    def target(self, reference: str) -> Schema:
        """The schema that a `$ref` names."""
        if reference not in self._targets:
            found: Any = self.root
            for step in reference.split("/")[1:]:
                found = found[step]
            self._targets[reference] = found
        return self._targets[reference]

    def branch(self, spec: Schema, value: Any) -> Schema | None:
        """The schema that `x-discriminator` picks for an object, or None where its type is not known."""
        name = value.get(spec["property"])
        if name is None:
            return self.target(spec["absent"]) if "absent" in spec else None
        reference = self.known(spec, name) if isinstance(name, str) else None
        if reference:
            return self.target(spec["mapping"][reference])
        return self.target(spec["otherwise"]) if "otherwise" in spec and isinstance(name, str) else None

    def known(self, spec: Schema, name: str) -> str | None:
        """The canonical spelling of a type name, or None."""
        if name in spec["mapping"]:
            return name
        names = spec["mapping"]
        if id(names) not in self._spellings:
            self._spellings[id(names)] = {known.lower(): known for known in names}
        return self._spellings[id(names)].get(name.lower())

    def of_block(self, schema: Schema, value: dict[str, Any], path: Path) -> list[Finding]:
        """What is wrong with a block. An edit leaves most blocks as they were, so it is kept."""
        try:
            written = marshal.dumps(value, 2)  # 2: equal values give equal bytes
        except ValueError:  # nested too deeply
            return list(_check(self, schema, value, path))
        if len(written) > BLOCK:
            return list(_check(self, schema, value, path))
        found = self._kept.get((id(schema), written))
        if found is None:
            found = list(_check(self, schema, value, ()))
            if self._kept_bytes > KEPT:
                self._kept, self._kept_bytes = {}, 0
            self._kept[id(schema), written] = found
            self._kept_bytes += len(written)
        return [finding._replace(path=(*path, *finding.path)) for finding in found]

    def findings(self, value: Any, schema: Schema | None = None) -> Iterator[Finding]:
        """Everything that is wrong with a document, or with a block that `schema`, a part of this one, describes."""
        for finding in _check(self, schema or self.root, value, ()):
            if finding.keyword != "x-names" or not _scripted(value, finding.path):
                yield finding


def _scripted(value: Any, path: Path) -> bool:
    """Whether a block around `path`, or one beside it, has a script, which may register types of its own."""
    for step in path:
        beside = value if isinstance(value, list) else [value]
        if any(_has_script(block) for block in beside if isinstance(block, dict)):
            return True
        value = value[step]
    return False


def _has_script(block: dict[str, Any]) -> bool:
    return any(key == "user_script" or slip(key, ["user_script"]) for key in block)


@lru_cache(maxsize=1)
def published() -> Language:
    """The config language as the published schema file has it."""
    return Language(json.loads(File(__file__).with_name("olive-config.schema.json").read_text(encoding="utf-8")))


def _check(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    plan = language.plan(schema)
    if plan.types and type(value) not in plan.plain and not any(_TYPES[name](value) for name in plan.types):
        yield Finding(path, "type", schema, value)
        return
    for keyword, argument in plan.leaves:
        if _fails(keyword, argument, value, schema):
            yield Finding(path, keyword, schema, value)
            return
    if isinstance(value, str) and plan.types[:1] in (("integer",), ("number",)):
        yield from _limits_of_text(plan, value, schema, path)
    for walk in plan.walks:
        yield from walk(language, schema, value, path)


def _fails(keyword: str, argument: Any, value: Any, schema: Schema) -> bool:
    if _plainly_holds(keyword, argument, value):
        return False
    standard = _standard()
    return any(True for _ in standard.VALIDATORS[keyword](standard, argument, value, schema) or ())


def _plainly_holds(keyword: str, argument: Any, value: Any) -> bool:
    """Whether there is no need to ask; False is no answer."""
    if keyword == "enum":
        return any(type(one) is type(value) and one == value for one in argument)
    if keyword == "pattern":
        return not isinstance(value, str) or re.search(argument, value) is not None
    if keyword in _LIMITS:
        return not _TYPES["number"](value) or _LIMITS[keyword](value, argument)
    return False


@lru_cache(maxsize=1)
def _standard() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator({})


def _limits_of_text(plan: _Plan, text: str, schema: Schema, path: Path) -> Iterator[Finding]:
    """Limits of a number that is written as text, which the standard keywords do not look at."""
    limits = [(keyword, limit) for keyword, limit in plan.leaves if keyword in _LIMITS]
    for keyword, limit in limits:
        if _fails(keyword, limit, float(text), schema):
            yield Finding(path, "x-text", schema, text, keyword)
            return


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value % 1 == 0)
    ),
}
_PLAIN_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int,),
}


def _ref(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    target = language.target(schema["$ref"])
    if isinstance(value, dict) and path:
        yield from language.of_block(target, value, path)
    else:
        yield from _check(language, target, value, path)


def _properties(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if isinstance(value, dict):
        known = schema["properties"]
        for key, item in value.items():
            if key in known:
                yield from _check(language, known[key], item, (*path, key))


def _additional(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if not isinstance(value, dict):
        return
    known, rest = schema.get("properties", ()), schema["additionalProperties"]
    for key, item in value.items():
        if key not in known:
            if rest is False:
                yield Finding(path, "additionalProperties", schema, value, key)
            elif rest is not True:
                yield from _check(language, rest, item, (*path, key))


def _typos(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if isinstance(value, dict) and len(value) <= HAND_WRITTEN:
        known = schema["properties"]
        for key in value:
            if key not in known and slip(key, known.keys() - value.keys()):
                yield Finding(path, "x-typos", schema, value, key)


def _items(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check(language, schema["items"], item, (*path, index))


def _required(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if isinstance(value, dict):
        for key in schema["required"]:
            if key not in value and not _misspelt(key, schema, value):
                yield Finding(path, "required", schema, value, key)


def _required_in_either(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if isinstance(value, dict):
        inner = value.get(schema["x-required"]["into"])
        nested = inner if isinstance(inner, dict) else {}
        for key in schema["x-required"]["names"]:
            if key not in value and key not in nested and not _misspelt(key, schema, {**value, **nested}):
                yield Finding(path, "required", schema, value, key)


def _misspelt(key: str, schema: Schema, value: Schema) -> bool:
    """Whether a key that is told to be unknown stands for the missing one: one mistake, one finding."""
    spec = schema.get("x-discriminator", {})
    if key == spec.get("property"):  # without its type, a block says nothing of its other keys
        return any(slip(name, [key]) for name in value)
    refused = ("additionalProperties" in schema or "x-typos" in schema) and len(value) <= HAND_WRITTEN
    return refused and any(slip(name, [key]) for name in value if name not in schema["properties"])


def _discriminator(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if not isinstance(value, dict):
        return
    spec = schema["x-discriminator"]
    name = value.get(spec["property"])
    branch = language.branch(spec, value)
    if isinstance(name, str):
        known = language.known(spec, name)
        if known != name and (known or branch is None):
            yield Finding(
                (*path, spec["property"]), "x-case" if known else "x-discriminator", schema, name, known or ""
            )
        elif known is None and name:  # an empty one is about to be chosen
            yield Finding((*path, spec["property"]), "x-names", schema, name)
    elif name is not None:
        yield Finding((*path, spec["property"]), "x-type", schema, name)
    if name is None and branch is None and spec["property"] in schema.get("required", ()):
        for key in value:
            if slip(key, [spec["property"]]):
                yield Finding(path, "x-typos", schema, value, key)
    if branch is not None:
        found = language.of_block(branch, value, path)
        marked = "x-checked-only" in branch or any(finding.keyword == "x-runs" for finding in found)
        yield from (finding._replace(checked_only=True) for finding in found) if marked else found


def _all_of(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if "x-discriminator" not in schema and "x-required" not in schema:
        for part in schema["allOf"]:
            yield from _check(language, part, value, path)


def _if(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    chosen = schema.get("then" if _holds(language, schema["if"], value) else "else")
    if chosen:
        yield from _check(language, chosen, value, path)


def _holds(language: Language, condition: Schema, value: Any) -> bool:
    """Whether a condition of the schema holds; those are made of `anyOf`, types and words."""
    if "anyOf" in condition:
        return any(_holds(language, part, value) for part in condition["anyOf"])
    if "enum" in condition:
        return value in condition["enum"]
    return next(_check(language, condition, value, ()), None) is None


def _names(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    """Names that a package may add to: one that almost is a known name is a slip."""
    if isinstance(value, str) and value not in schema["x-names"]:
        known = next((name for name in schema["x-names"] if name.lower() == value.lower()), "")
        if known or (value and schema.get("x-closed")) or slip(value, schema["x-names"]):
            yield Finding(path, "x-case" if known else "x-names", schema, value, known)


def _runs(language: Language, schema: Schema, value: Any, path: Path) -> Iterator[Finding]:
    if value is not None and value not in schema["x-runs"]:
        yield Finding(path, "x-runs", schema, value)


_WALKS: dict[str, Callable[[Language, Schema, Any, Path], Iterator[Finding]]] = {
    "$ref": _ref,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "required": _required,
    "allOf": _all_of,
    "if": _if,
    "x-discriminator": _discriminator,
    "x-required": _required_in_either,
    "x-typos": _typos,
    "x-names": _names,
    "x-runs": _runs,
}
