"""From the catalog's type words ("list[str]", "enum Precision", "Path | str") to the forms of the raw document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import forms
from .forms import Schema

Fact = Mapping[str, Any]
"""One catalogued parameter: `type`, and where they exist `required`, `default`, `choices`, `search`."""

_RESOURCE = forms.union(forms.string(), forms.block("resource_path"))

_WORDS: dict[str, Schema] = {
    "bool": forms.boolean(),
    "int": forms.integer(),
    "float": forms.number(),
    "str": forms.string(),
    "Path": forms.string(),
    "Callable": forms.string(),
    "path": _RESOURCE,
    "null": {"type": "null"},
    "any": {},
    "dict": forms.mapping(),
    "Mapping": forms.mapping(),
    "list": forms.array(),
    "Sequence": forms.array(),
    "Metric": forms.block("metric"),
    "Model": forms.block("model"),
    "LoadKwargs": forms.block("LoadKwargs"),
    "DataConfig": forms.string(**{"x-reference": "data_configs"}),
    "HFTrainingArguments": forms.block("training_arguments"),
    "QLoRATrainingArguments": forms.block("training_arguments"),
    "DiffusionTrainingArguments": forms.mapping(),
    "FusionOptions": forms.mapping(),
}


def parameters(facts: Mapping[str, Fact]) -> dict[str, Schema]:
    """The raw form of every parameter."""
    return {name: parameter(fact) for name, fact in facts.items()}


def parameter(fact: Fact) -> Schema:
    """The raw form of one parameter."""
    schema = of_type(fact["type"], fact.get("choices"))
    if not fact.get("required"):
        schema = forms.nullable(schema)
    if "default" in fact:
        schema = {**schema, "default": fact["default"]}
    return forms.searchable(schema, fact["search"]) if "search" in fact else schema


def of_type(words: str, choices: list[Any] | None = None) -> Schema:
    """The raw form of a type expression; `choices` are the values of the enum in it."""
    parts = _alternatives(words)
    if len(parts) > 1:
        known = [part for part in parts if not (part == "dict" and any("TrainingArguments" in p for p in parts))]
        return forms.union(*(of_type(part, choices) for part in known))
    if words.startswith("enum "):
        return forms.choice(choices) if choices else forms.string()
    if words.startswith(("list[", "tuple[")):
        inside = _alternatives(words[words.index("[") + 1 : -1], ",")
        return forms.array(of_type(inside[0], choices))
    if words.startswith("Sequence["):
        return forms.array()
    if words.startswith(("dict[", "Mapping[")):
        inside = _alternatives(words[words.index("[") + 1 : -1], ",")
        return forms.mapping(of_type(inside[1], choices))
    return dict(_WORDS.get(words, {}))


def _alternatives(words: str, separator: str = "|") -> list[str]:
    """Split at `separator` outside brackets."""
    parts, depth = [""], 0
    for character in words:
        depth += (character == "[") - (character == "]")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip().replace("Any", "any") for part in parts]
