"""The forms in which a config may write a value, as JSON schema (draft 2020-12).

No pydantic here: the validator builds the forms of plug-in passes at run time. Two habits keep errors exact and
validation fast. Alternatives of different JSON types share one schema (`union`), since keywords apply to their own type
only, so there is no `anyOf` to blame in vain. And blocks in `$defs` do not state `type: object`; the place that refers
to them does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

SEARCH_WORDS = ["DEFAULT_VALUE", "SEARCHABLE_VALUES"]
"""Strings that stand for a parameter's default and for all of its search values."""

_BOOLEAN_WORDS = "^(?:[Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|[Nn]o|[Oo]n|[Oo]ff|[yntf01])$"


def any_case(names: Iterable[str]) -> str:
    """A regular expression, understood by Python and ECMAScript, for any of `names` in any letter case."""
    words = (
        "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else "\\" + c if c in ".+-*" else c for c in name)
        for name in names
    )
    return f"^(?:{'|'.join(words)})$"


def types(schema: Mapping[str, Any]) -> list[str]:
    """The JSON types that a schema allows; the first is the one meant, further ones are tolerated."""
    stated = schema.get("type", [])
    return [stated] if isinstance(stated, str) else list(stated)


def boolean(**keywords: Any) -> Schema:
    """true or false; also 0, 1 and words such as "yes", as Olive reads them."""
    return {
        "type": ["boolean", "integer", "string"],
        "minimum": 0,
        "maximum": 1,
        "pattern": _BOOLEAN_WORDS,
        **keywords,
    }


def integer(**keywords: Any) -> Schema:
    """A whole number, also as text."""
    return {"type": ["integer", "string"], "pattern": r"^\s*[+-]?[0-9]+(?:\.0*)?\s*$", **keywords}


def number(**keywords: Any) -> Schema:
    """A number, also as text."""
    return {
        "type": ["number", "string"],
        "pattern": r"^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$",
        **keywords,
    }


def string(**keywords: Any) -> Schema:
    """Text."""
    return {"type": "string", **keywords}


def choice(values: Sequence[Any], **keywords: Any) -> Schema:
    """One of `values`; numbers also as text. All of one type."""
    if all(isinstance(value, bool) for value in values):
        return {**boolean(), **({"enum": list(values)} if len(set(values)) == 1 else {}), **keywords}
    if all(isinstance(value, int) for value in values):
        return {"type": ["integer", "string"], "enum": [*values, *map(str, values)], "x-enum": list(values), **keywords}
    return {"type": "string", "enum": list(values), **keywords}


def choice_in_any_case(values: Sequence[str], **keywords: Any) -> Schema:
    """One of `values` in any letter case."""
    return {"type": "string", "pattern": any_case(values), "x-enum": list(values), **keywords}


def array(items: Schema | None = None, **keywords: Any) -> Schema:
    """A list."""
    return {"type": "array", **({"items": items} if items else {}), **keywords}


def mapping(values: Schema | None = None, **keywords: Any) -> Schema:
    """An object with any keys."""
    return {"type": "object", **({"additionalProperties": values} if values else {}), **keywords}


def block(name: str, **keywords: Any) -> Schema:
    """An object described by `$defs/name`."""
    return {"type": "object", "$ref": f"#/$defs/{name}", **keywords}


def union(*schemas: Schema) -> Schema:
    """A value that any of `schemas` describes; {} among them allows everything."""
    if any(not types(schema) for schema in schemas):
        return {}
    stated = [schema for schema in schemas if types(schema) != ["null"]]
    if len(stated) < len(schemas):
        return nullable(union(*stated))
    if len(stated) == 1:
        return stated[0]
    numeric = any(types(schema)[0] in ("integer", "number") for schema in stated)
    parts = [{"type": "boolean"} if numeric and types(s)[0] == "boolean" else _without_enum(s) for s in stated]
    merged: Schema = {"type": []}
    for part in parts:
        merged["type"] += [name for name in types(part) if name not in merged["type"]]
        merged |= {key: value for key, value in part.items() if key != "type" and key not in merged}
    if any("string" in types(part) and "pattern" not in part for part in parts):
        merged.pop("pattern", None)
        merged.pop("x-enum", None)
    if "number" in merged["type"] and "integer" in merged["type"]:
        merged["type"].remove("integer")
    return merged


def _without_enum(schema: Schema) -> Schema:
    if "enum" not in schema or not all(isinstance(v, str) for v in schema["enum"]):
        return schema
    rest = {key: value for key, value in schema.items() if key != "enum"}
    words = "|".join(value.replace(".", "\\.") for value in schema["enum"])
    return {**rest, "pattern": f"^(?:{words})$", "x-enum": schema["enum"]}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    allowed = types(schema)
    if not allowed or "null" in allowed:
        return schema
    out = {**schema, "type": [*allowed, "null"]}
    if "enum" in schema:
        out["enum"] = [*schema["enum"], None]
    return out


def searchable(schema: Schema, values: Sequence[Any] | None) -> Schema:
    """The same, or a description of what a search tries in its place: a list, a word, a search parameter."""
    outer: Schema = {
        key: schema[key]
        for key in ("default", "description", "title", "deprecated", "x-renamed-to", "x-old-names")
        if key in schema
    }
    inner = {key: value for key, value in schema.items() if key not in outer}
    listed = {} if "array" in types(schema) else {"items": inner}
    return {
        **outer,
        "x-search": list(values or []),
        "if": {"anyOf": [{"type": "array"}, {"type": "object"}, {"enum": SEARCH_WORDS}]},
        "then": {**listed, "$ref": "#/$defs/search_parameter"},
        "else": inner,
    }


def renamed(schema: Schema, new: str) -> Schema:
    """The same value under an old name."""
    kept = {key: value for key, value in schema.items() if key not in ("x-old-names", "default")}
    return {**kept, "deprecated": True, "x-renamed-to": new}


def with_old_names(properties: Mapping[str, Schema]) -> dict[str, Schema]:
    """`properties` and, beside each, the names that it used to have."""
    out = dict(properties)
    for name, schema in properties.items():
        for old in schema.get("x-old-names", []):
            out.setdefault(old, renamed(schema, name))
    return out


def closed(properties: Mapping[str, Schema], required: Sequence[str] = (), **keywords: Any) -> Schema:
    """A block with these keys and no others."""
    out: Schema = {**keywords, "properties": with_old_names(properties), "additionalProperties": False}
    return {**out, "required": list(required)} if required else out


def opened(properties: Mapping[str, Schema], required: Sequence[str] = (), **keywords: Any) -> Schema:
    """A block that takes further keys, where a key that almost is one of these is taken for a slip."""
    out: Schema = {**keywords, "properties": with_old_names(properties), "x-typos": True}
    return {**out, "required": list(required)} if required else out


def collector(
    own: Mapping[str, Schema], inner: str, into: str, inner_schema: Schema, required: Sequence[str] = ()
) -> Schema:
    """A block whose keys beside `own` may stand in `into` or directly in it.

    `inner` is the name in `$defs` of `inner_schema`, which describes `into`; `required` names keys that must stand in
    one of the two places.
    """
    fields = {
        name: {"$ref": f"#/$defs/{inner}/properties/{name}"} for name in inner_schema["properties"] if name not in own
    }
    nested = block(inner) | {"type": ["object", "null"]}
    out: Schema = {"properties": {**own, into: nested, **fields}}
    out |= {
        key: inner_schema[key]
        for key in ("title", "description", "additionalProperties", "x-typos", "x-checked-only")
        if key in inner_schema
    }
    if "type" in own and "null" not in types(own["type"]):
        out["required"] = ["type"]
    if required:
        out["x-required"] = {"into": into, "names": list(required)}
        out["allOf"] = [in_either(name, into) for name in required]
    return out


def pass_keys() -> dict[str, Schema]:
    """What every pass may say beside its parameters."""
    gone: Schema = {"deprecated": True}
    reference = "x-reference"
    return {
        "type": string(description="Which pass: LoRA, QLoRA, MergeAdapterWeights, ModelBuilder, …"),
        "host": nullable(union(string(**{reference: "systems"}), block("system")))
        | {"description": "System that runs this pass; the engine's host by default."},
        "evaluator": nullable(union(string(**{reference: "evaluators"}), block("evaluator")))
        | {"description": "Evaluator of this pass's output; the engine's by default."},
        "clean_run_cache": nullable(boolean()) | gone,
        "disable_search": nullable(boolean()) | gone,
        "output_name": nullable(string()) | gone,
    }


def in_either(name: str, into: str) -> Schema:
    """The condition that a key stands in the block itself or in its block `into`."""
    return {
        "anyOf": [
            {"required": [name]},
            {"required": [into], "properties": {into: {"type": "object", "required": [name]}}},
        ]
    }


def dispatch(
    targets: Mapping[str, str],
    absent: str | None = None,
    otherwise: str | None = None,
    **keywords: Any,
) -> Schema:
    """A block whose `type` names, in any letter case, the definition that describes it.

    `targets` maps names to entries of `$defs`; `absent` describes a block without a type, `otherwise` one with a name
    that is not listed (refused where null). `x-discriminator` says it in one keyword; if/then beside it tells every
    other validator.
    """
    refs = {name: f"#/$defs/{target}" for name, target in targets.items()}
    spec: Schema = {"property": "type", "mapping": refs}
    steps: list[Schema] = [{"if": _says([name]), "then": {"$ref": ref}} for name, ref in refs.items()]
    if absent:
        spec["absent"] = f"#/$defs/{absent}"
        steps.append({"if": {"not": _says(None)}, "then": {"$ref": spec["absent"]}})
    if otherwise:
        spec["otherwise"] = f"#/$defs/{otherwise}"
        unknown = {"required": ["type"], "properties": {"type": {"type": "string", "not": {"pattern": any_case(refs)}}}}
        steps.append({"if": unknown, "then": {"$ref": spec["otherwise"]}})
    else:
        steps.append({"properties": {"type": {"pattern": any_case(refs)}}})
    typed = {"type": ["string", "null"] if absent else "string"}
    out: Schema = {**keywords, "properties": {"type": typed}, "x-discriminator": spec, "allOf": steps}
    return out if absent else {**out, "required": ["type"]}


def _says(names: list[str] | None) -> Schema:
    value: Schema = {"type": "string"} if names is None else {"type": "string", "pattern": any_case(names)}
    return {"required": ["type"], "properties": {"type": value}}
