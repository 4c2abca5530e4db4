"""Checks request bodies against the published types of Azure resources (`types.json` of Azure/bicep-types-az, MIT)."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "OLIVINE_AZURE_SPEC"
"""Environment variable with a folder that holds `bicep-types/<api version>/types.json`."""
REQUIRED, READ_ONLY, DEPLOY_CONSTANT = 1, 2, 8
_WORKSPACE = "microsoft.machinelearningservices/workspaces"


def available() -> bool:
    """Whether there is something to check against."""
    return Path(os.environ.get(FOLDER_VARIABLE, os.devnull), "bicep-types").is_dir()


def complaints(tail: str, version: str, body: Any, action: str = "") -> list[str]:
    """What is wrong with the body of a PUT to `tail` of a workspace, in that api-version; empty where nothing is.

    With `action`, that of a POST of this name to the resource.
    """
    steps = [step for step in tail.split("/") if step]
    kind = "".join(f"/{step}" for step in steps[::2])
    types = _types(version)
    if types is None:
        return [f"there is no api-version {version}"]
    wanted = (_WORKSPACE + kind.lower(), action)
    for entry in types:
        if entry["$type"] == "ResourceType" and (entry["name"].partition("@")[0].lower(), "") == wanted:
            return list(_check(types, entry["body"], body, ""))
        if entry["$type"] == "ResourceFunctionType" and (entry["resourceType"].lower(), entry["name"]) == wanted:
            return list(_check(types, entry["input"], body, "")) if body or "input" in entry else []
    return [f"there is no resource {kind} in {version}"]


@functools.cache
def _types(version: str) -> list[dict[str, Any]] | None:
    path = Path(os.environ[FOLDER_VARIABLE]) / "bicep-types" / version / "types.json"
    return json.loads(path.read_text()) if path.is_file() else None


def _check(types: list[dict[str, Any]], reference: dict[str, str], value: Any, where: str) -> Iterator[str]:
    node = _node(types, reference)
    kind = node["$type"]
    if kind == "ObjectType":
        yield from _members(types, node, node["properties"], value, where)
    elif kind == "DiscriminatedObjectType":
        chosen = value.get(node["discriminator"]) if isinstance(value, dict) else None
        if chosen not in node["elements"]:
            yield f"{where}.{node['discriminator']}: {chosen!r} is none of {sorted(node['elements'])}"
            return
        element = _node(types, node["elements"][chosen])
        yield from _members(types, element, {**node["baseProperties"], **element["properties"]}, value, where)
    elif kind == "ArrayType":
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no array"
            return
        for number, item in enumerate(value):
            yield from _check(types, node["itemType"], item, f"{where}[{number}]")
    elif kind == "UnionType":
        if all(any(_check(types, element, value, where)) for element in node["elements"]):
            yield f"{where}: {value!r} is none of {[_node(types, e).get('value') for e in node['elements']]}"
    else:
        yield from _scalar(node, value, where)


def _members(
    types: list[dict[str, Any]], node: dict[str, Any], known: dict[str, Any], value: Any, where: str
) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no object"
        return
    for name, member in value.items():
        place = f"{where}.{name}"
        if name not in known:
            further = node.get("additionalProperties")
            yield from _check(types, further, member, place) if further else [f"{place} is not in {node['name']}"]
        elif known[name]["flags"] & READ_ONLY:
            yield f"{place} is read only"
        elif member is not None:
            yield from _check(types, known[name]["type"], member, place)
        elif known[name]["flags"] & REQUIRED:
            yield f"{place} is null"
    for name, spec in known.items():
        given_by_address = not where and spec["flags"] & DEPLOY_CONSTANT
        if spec["flags"] & (REQUIRED | READ_ONLY) == REQUIRED and name not in value and not given_by_address:
            yield f"{where}.{name} is missing"


def _scalar(node: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    kind = node["$type"]
    right = {
        "StringType": isinstance(value, str) or type(value) is int,  # the service turns numbers into text
        "StringLiteralType": value == node.get("value"),
        "IntegerType": isinstance(value, int) and not isinstance(value, bool),
        "BooleanType": isinstance(value, bool),
    }.get(kind, True)
    if not right:
        yield f"{where}: {value!r} is no {node.get('value', kind)}"
    elif kind == "StringType":
        if node.get("pattern") and not re.search(node["pattern"], str(value)):
            yield f"{where}: {value!r} does not match {node['pattern']}"
        if len(str(value)) < node.get("minLength", 0):
            yield f"{where}: {value!r} is too short"


def _node(types: list[dict[str, Any]], reference: dict[str, str]) -> dict[str, Any]:
    return types[int(reference["$ref"].removeprefix("#/"))]
