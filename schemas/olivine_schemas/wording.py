"""Findings in a person's words: one problem each, at the token that is wrong, with the edit that repairs it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from . import filling
from .edits import insert_member, remove_member, rename_key, replace_value
from .findings import Finding, Language, Schema
from .nearest import HAND_WRITTEN, nearest, slip
from .problems import Fix, Problem, Severity, Span
from .tree import Array, Member, Missing, Node, Object, Path, Scalar, child, text_of, to_data

_PLACEHOLDER = re.compile(r"<.*>|\{\{.*\}\}|\$\{.*\}", re.DOTALL)
_TYPE_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "an object { … }",
}


def problem(finding: Finding, tree: Node, known: Language, text: str | None = None) -> Problem | None:
    """The problem that a finding of the `known` language is, or None where the text is not finished there.

    With the JSON text, a missing key whose value is plain to see gets an edit that inserts it.
    """
    spot = _locate(tree, finding.path)
    if spot is None:
        return None
    match finding.keyword:
        case "additionalProperties" | "x-typos":
            return _unknown_key(finding, *spot, text)
        case "required":
            return _missing_key(finding, *spot, *_insertions(finding, tree, spot[1], known, text))
        case "x-case":
            return _wrong_case(finding, spot[1])
        case "x-discriminator" | "x-names" if finding.path[-1:] == ("type",):
            return _unknown_type(finding, spot[1])
        case _:
            found = _wrong_value(finding, spot[0], spot[1])
            return _with_way_back(found, finding, spot, tree, known, text) if found and not found.fixes else found


def expected(schema: Schema) -> str:
    """What a schema wants, such as `a whole number` or `text or a list`; empty where anything goes."""
    names = stated(schema)
    if names and names[0] in ("integer", "number", "boolean") and "pattern" in schema:
        names = [name for name in names if name != "string"]
    if names[:1] == ["boolean"]:
        names = [name for name in names if name != "integer"]
    if "x-reference" in schema:
        return "a name" + (" or an object { … }" if "object" in names else "")
    return " or ".join(_TYPE_WORDS[name] for name in names)


def values(schema: Schema) -> list[Any]:
    """The values that a schema lists, without null and without spellings that are only tolerated."""
    listed = schema.get("x-enum") or schema.get("enum") or schema.get("examples") or []
    return [value for value in listed if value is not None]


def stated(schema: Schema) -> list[str]:
    """The JSON types of a schema, without null; the first is the one meant."""
    names = schema.get("type", [])
    return [name for name in ([names] if isinstance(names, str) else names) if name != "null"]


def _unknown_key(
    finding: Finding, owner: Member | None, node: Node, parent: Node | None, text: str | None
) -> Problem | None:
    member = _by_name(node).get(finding.key) if isinstance(node, Object) else None
    if member is None or not isinstance(node, Object):
        return None
    known = list(finding.schema["properties"]) if len(finding.value) <= HAND_WRITTEN else []
    near = nearest(finding.key, (name for name in known if name not in finding.value))
    meant = slip(finding.key, known)
    refused = finding.schema.get("x-unknown") == "refused"
    error = refused or (meant is not None and not finding.checked_only)
    fixes = tuple(_rename(member, name) for name in near)
    block = _block_name(finding, owner, parent)
    if near or refused:
        hint = _did_you_mean(near)
    elif meant:
        hint = f"; {_quoted(meant)} is given already."
        fixes = (Fix(f"Remove {_quoted(finding.key)}", remove_member(text, node, member)),) if text else ()
    else:
        hint = "; Microsoft Olive ignores it."
    message = f"{_quoted(finding.key)} is not a setting of {block}{hint}"
    suggestions: tuple[Fix, ...] = ()
    if text and not fixes and len(node.members) <= HAND_WRITTEN:
        suggestions = (Fix(f"Remove {_quoted(finding.key)}", remove_member(text, node, member)),)
    severity = Severity.ERROR if error else Severity.WARNING
    return Problem(member.key.span, severity, "unknown-key", message, fixes, suggestions)


@lru_cache(maxsize=1)
def _by_name(block: Object) -> dict[str, Member]:
    """The members of the block that was asked for last: its findings come one after another."""
    return {member.name: member for member in block.members}


def _missing_key(
    finding: Finding,
    owner: Member | None,
    node: Node,
    parent: Node | None,
    fixes: tuple[Fix, ...],
    suggestions: tuple[Fix, ...],
) -> Problem | None:
    if not isinstance(node, Object) or node.member(finding.key) is not None:
        return None
    kind = node.get("type")
    if isinstance(kind, Scalar) and isinstance(kind.value, str):
        span, what = kind.span, kind.value
    else:
        of_a_list = isinstance(parent, Array)
        span = (
            owner.key.span
            if owner and not of_a_list
            else Span(node.span.start, min(node.span.start + 1, node.span.end))
        )
        what = ("An item of " if of_a_list else "") + _block_name(finding, owner, parent)
    message = f"{what} needs {_quoted(finding.key)}."
    return Problem(span, _severity(finding), "missing-key", message, fixes, suggestions)


_OBVIOUS = {("systems", "type"): "LocalSystem", ("input_model", "type"): "HfModel", ("passes", "precision"): "int4"}


def _insertions(
    finding: Finding, tree: Node, node: Node, known: Language, text: str | None
) -> tuple[tuple[Fix, ...], tuple[Fix, ...]]:
    """The edits that add a missing key: with the one value there is for it, and with those that are guessed."""
    if text is None or not isinstance(node, Object):
        return (), ()
    likely = filling.missing(finding, tree, known)[: filling.AT_MOST]
    value = _OBVIOUS.get((str(finding.path[0]) if finding.path else "", finding.key))
    if finding.key.endswith("data_config"):
        entries = child(tree, "data_configs")
        names = [text_of(child(entry, "name")) for entry in entries.items] if isinstance(entries, Array) else []
        likely = [name for name in names if name][: filling.AT_MOST]
        value = likely[0] if len(names) == 1 and likely else None
    if value is not None and (not likely or likely[0] == value or finding.key == "precision"):
        return (_insert(text, node, finding.key, value),), ()
    return (), tuple(_insert(text, node, finding.key, one) for one in likely)


def _insert(text: str, node: Object, key: str, value: Any) -> Fix:
    return Fix(f"Add {_quoted(key)}: {_in_short(value)}", insert_member(text, node, key, value))


def _in_short(value: Any) -> str:
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= 80 else written[:77] + "…"


def _wrong_case(finding: Finding, node: Node) -> Problem:
    message = f"The type is written {_quoted(finding.key)}; letter case is tolerated."
    return Problem(node.span, Severity.HINT, "wrong-case", message, (_replace(node, finding.key),))


def _unknown_type(finding: Finding, node: Node) -> Problem:
    schema = finding.schema
    names = schema["x-names"] if "x-names" in schema else schema["x-discriminator"]["mapping"]
    near = nearest(finding.value, names)
    kind = _KINDS.get(str(finding.path[0]) if finding.path else "", "type")
    if _PLACEHOLDER.fullmatch(finding.value):
        return _placeholder(node, finding.value)
    message = f"There is no {kind} {_quoted(finding.value)}{_did_you_mean(near)}"
    if not near and len(names) <= 12:
        message += f" Known are {_listed(names)}."
    return Problem(node.span, Severity.ERROR, "unknown-type", message, tuple(_replace(node, name) for name in near))


_KINDS = {"passes": "pass type", "systems": "system type", "input_model": "model type", "evaluators": "type"}


def _wrong_value(finding: Finding, owner: Member | None, node: Node) -> Problem | None:
    if isinstance(node, Missing):
        return None
    schema, value, name = finding.schema, finding.value, _subject(finding.path)
    if isinstance(value, str) and _PLACEHOLDER.fullmatch(value):
        return _placeholder(node, value)
    span = owner.key.span if owner and isinstance(node, (Object, Array)) else node.span
    number = stated(schema)[:1] in (["integer"], ["number"], ["boolean"])
    if finding.keyword == "x-runs":
        message = f"Olivine runs {name} only as {_listed(schema['x-runs'])}."
        return Problem(span, Severity.WARNING, "unsupported-value", message)
    if finding.keyword in ("enum", "const", "pattern", "x-names") and values(schema) and not schema.get("x-says"):
        return _unknown_value(finding, node, span)
    if finding.keyword == "pattern" and not number:
        message = f"{name} may hold {schema.get('x-says', 'text of the form ' + str(schema['pattern']))} only."
        return Problem(span, _severity(finding), "unknown-value", message)
    limit = finding.key if finding.keyword == "x-text" else finding.keyword
    if limit in _LIMITS and stated(schema)[:1] != ["boolean"]:
        message = f"{name} must be {_LIMITS[limit]} {schema[limit]}; it is {value}."
        return Problem(span, _severity(finding), "out-of-range", message)
    wanted = "text" if finding.keyword == "x-type" else expected(schema)
    message = f"{name} must be {wanted}, not {_shown(value)}."
    return Problem(span, _severity(finding), "wrong-type", message)


_Spot = tuple[Member | None, Node, Node | None]


def _with_way_back(
    found: Problem, finding: Finding, spot: _Spot, tree: Node, known: Language, text: str | None
) -> Problem:
    """The problem of a value that is near to none, with what could stand there instead."""
    if finding.keyword == "x-runs":
        return found
    owner, node, parent = spot
    of_wrong_kind = finding.keyword in ("type", "x-type")
    fitting = filling.converted(finding, known) if of_wrong_kind else []
    if fitting:
        return replace(found, fixes=tuple(_change_to(node, one) for one in fitting))
    fixes = _way_back(finding, owner, node, parent, text)
    likely = _instead(finding, owner, parent, tree, known) if of_wrong_kind and not fixes else []
    suggestions = [_change_to(node, value) for value in likely[: filling.AT_MOST]]
    if text and owner and isinstance(parent, Object) and not fixes and not suggestions:
        suggestions.append(Fix(f"Remove {_quoted(owner.name)}", remove_member(text, parent, owner)))
    return replace(found, fixes=fixes, suggestions=tuple(suggestions))


def _instead(finding: Finding, owner: Member | None, parent: Node | None, tree: Node, known: Language) -> list[Any]:
    """What would be suggested for the key if it were not there."""
    if finding.keyword == "x-type" and isinstance(parent, Object):
        block = {name: value for name, value in to_data(parent).items() if name != "type"}
        spec = finding.schema["x-discriminator"]
        return list(filling.types(finding._replace(path=finding.path[:-1], value=block), spec, known))
    if owner is None or not isinstance(parent, Object):
        return []
    holder = to_data(parent)
    absent = Finding(finding.path[:-1], "required", {"properties": {owner.name: finding.schema}}, holder, owner.name)
    return filling.missing(absent, tree, known)


def _change_to(node: Node, value: Any) -> Fix:
    return Fix(f"Change to {_in_short(value)}", replace_value(node, value))


def _way_back(
    finding: Finding, owner: Member | None, node: Node, parent: Node | None, text: str | None
) -> tuple[Fix, ...]:
    """The repairs of a value that is near to none: the limit that it exceeds, or no value, which means the default."""
    limit = finding.schema.get(finding.keyword) if finding.keyword in ("minimum", "maximum") else None
    fixes = [] if limit is None else [Fix(f"Change to {limit}", replace_value(node, limit))]
    if text and owner and isinstance(parent, Object) and "default" in finding.schema:
        default = json.dumps(finding.schema["default"])
        meaning = "" if default == "null" else f"; the default is {default}"
        fixes.append(Fix(f"Remove {_quoted(owner.name)}{meaning}", remove_member(text, parent, owner)))
    return tuple(fixes)


_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
}
_OTHER_WORDS = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32", "half": "float16"}
"""Number formats by the names that other settings use."""
_OTHER_WORDS |= {long: short for short, long in _OTHER_WORDS.items() if short != "half"}


def _unknown_value(finding: Finding, node: Node, span: Span) -> Problem:
    listed = values(finding.schema)
    same = _OTHER_WORDS.get(str(finding.value))
    near = (
        [same]
        if same and same in listed
        else nearest(str(finding.value), [one for one in listed if isinstance(one, str)])
    )
    what = f"{_shown(finding.value)} is not a value of {_subject(finding.path)}"
    message = f"{what}{_did_you_mean(near)} Known are {_listed(listed)}."
    return Problem(span, _severity(finding), "unknown-value", message, tuple(_replace(node, value) for value in near))


def _severity(finding: Finding) -> Severity:
    # The catalog holds one version of Olive: in a pass that Olivine does not run, another version's value may be right.
    return Severity.WARNING if finding.checked_only else Severity.ERROR


def _placeholder(node: Node, value: str) -> Problem:
    message = f"{_quoted(value)} is a placeholder; put the value in its place."
    return Problem(node.span, Severity.WARNING, "unknown-value", message)


def _block_name(finding: Finding, owner: Member | None, parent: Node | None) -> str:
    kind = finding.value.get("type") if isinstance(finding.value, dict) else None
    if not isinstance(kind, str) and isinstance(parent, Object) and finding.path[-1:] in (("config",), ("params",)):
        kind = to_data(parent.get("type"))
    if isinstance(kind, str):
        known = finding.schema.get("title")
        return known if isinstance(known, str) and known.lower() == kind.lower() else kind
    return _quoted(owner.name) if owner else "the config"


def _subject(path: Path) -> str:
    keys = [step for step in path if isinstance(step, str)]
    within = "An item of " if path and isinstance(path[-1], int) else ""
    return within + (_quoted(keys[-1]) if keys else "The config")


def _did_you_mean(near: Iterable[str]) -> str:
    names = [_quoted(name) for name in near]
    return f"; did you mean {' or '.join(names)}?" if names else "."


def _listed(items: Iterable[Any]) -> str:
    return ", ".join(json.dumps(item) for item in items)


def _quoted(text: str) -> str:
    return json.dumps(text if len(text) <= 60 else text[:57] + "…", ensure_ascii=False)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _rename(member: Member, name: str) -> Fix:
    return Fix(f"Change to {_quoted(name)}", rename_key(member, name))


def _replace(node: Node, value: str) -> Fix:
    return Fix(f"Change to {_quoted(value)}", replace_value(node, value))


def _locate(tree: Node, path: Path) -> tuple[Member | None, Node, Node | None] | None:
    """The member nearest above the node at `path`, the node, and the node that holds it; None where it is not there."""
    owner: Member | None = None
    parent: Node | None = None
    node = tree
    for step in path:
        parent = node
        if isinstance(node, Object) and isinstance(step, str):
            member = node.member(step)
            if member is None:
                return None
            owner, node = member, member.value
        elif isinstance(node, Array) and isinstance(step, int):
            there = [item for item in node.items if not isinstance(item, Missing)]
            if step >= len(there):
                return None
            node = there[step]
        else:
            return None
    return owner, node, parent
