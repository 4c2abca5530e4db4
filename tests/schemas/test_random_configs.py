"""Configs made up at random from the schema itself: every block it describes, right and wrong, and two validators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from olivine_schemas.findings import Language, published

OURS_ALONE = {"x-case", "x-names", "x-runs", "x-text", "x-typos"}
"""What a person would call wrong, and the standard keywords do not."""
ODD: list[Any] = [None, True, 0, -1, 3, 2.5, 8.0, "", "8", "x", "yes", [], ["x"], [{}], {}, {"type": "LoRA"}]
BLOCKS = {"passes", "systems", "evaluators", "data_configs"}


class Maker:
    """Makes values from schemas. `slips` is how often, of a hundred values, one is made without looking."""

    def __init__(self, language: Language, dice: Random, slips: int) -> None:
        self.language, self.dice, self.slips = language, dice, slips

    def value(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value that fits the schema, or nearly."""
        if self.dice.randrange(100) < self.slips or depth > 9:
            return self.dice.choice(ODD)
        parts = self._parts(schema)
        listed = [value for part in parts for value in part.get("enum", part.get("examples", []))]
        if listed and self.dice.random() < 0.8:
            return self.dice.choice(listed)
        kinds = next((part["type"] for part in parts if "type" in part), "object")
        kind = kinds if isinstance(kinds, str) else self.dice.choice(kinds)
        if kind == "object":
            return self._object(parts, depth)
        if kind == "array":
            item = next((part["items"] for part in parts if "items" in part), {"type": "string"})
            return [self.value(item, depth + 1) for _ in range(self.dice.randrange(3))]
        return self._scalar(kind, parts)

    def _parts(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The schema and all that it refers to; of blocks by type, one branch."""
        parts = [schema]
        if "$ref" in schema:
            parts += self._parts(self.language.target(schema["$ref"]))
        if "x-search" in schema:
            parts += self._parts(schema["else"])
        spec = schema.get("x-discriminator")
        if spec:
            name = self.dice.choice(list(spec["mapping"]))
            parts += [{"chosen": (spec["property"], name)}, *self._parts(self.language.target(spec["mapping"][name]))]
        return parts

    def _object(self, parts: list[Mapping[str, Any]], depth: int) -> dict[str, Any]:
        known = {name: below for part in parts for name, below in part.get("properties", {}).items()}
        needed = {name for part in parts for name in part.get("required", ())}
        needed |= {name for part in parts for name in part.get("x-required", {}).get("names", ())}
        more = self.dice.sample(sorted(known), min(len(known), self.dice.randrange(5)))
        needed |= BLOCKS & known.keys() if not depth else set()
        names = [name for name in dict.fromkeys([*sorted(needed), *more]) if self.dice.randrange(100) >= self.slips]
        made = {name: self.value(known.get(name, {}), depth + 1) for name in names}
        rest = next((part["additionalProperties"] for part in parts if part.get("additionalProperties")), None)
        if isinstance(rest, Mapping):
            made |= {f"entry_{i}": self.value(rest, depth + 1) for i in range(self.dice.randrange(3))}
        if self.dice.randrange(100) < self.slips:
            made[self.dice.choice(["nothing_like_it", *sorted(known)])] = self.dice.choice(ODD)
        for part in parts:
            if "chosen" in part and self.dice.randrange(100) >= self.slips:
                key, name = part["chosen"]
                made[key] = self.dice.choice([name, name, name.upper()])
        return made

    def _scalar(self, kind: str, parts: list[Mapping[str, Any]]) -> Any:
        low = next((p[k] for p in parts for k in ("minimum", "exclusiveMinimum") if k in p), 0)
        high = next((p[k] for p in parts for k in ("maximum", "exclusiveMaximum") if k in p), low + 9)
        numeric = any("pattern" in part for part in parts)
        return {
            "string": self.dice.choice(["8", "0", "yes"] if numeric else ["phrases", "a/b", "here"]),
            "integer": self.dice.choice([int(low), int(low) + 1, int(high)]),
            "number": self.dice.choice([low, high, (low + high) / 2]),
            "boolean": self.dice.random() < 0.5,
            "null": None,
        }[kind]


def test_another_validator_agrees_on_random_configs() -> None:
    language, theirs = published(), jsonschema_rs.Draft202012Validator(dict(published().root))
    seen: Counter[bool] = Counter()
    types: set[str] = set()

    @settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32), st.sampled_from([0, 0, 1, 4, 15]))
    def agree(seed: int, slips: int) -> None:
        config = Maker(language, Random(seed), slips).value(language.root)
        found = {finding.keyword for finding in language.findings(config)}
        if "x-typos" in found:
            return  # it may stand for something else that is told of the same key
        wrong = bool(found - OURS_ALONE)
        assert theirs.is_valid(config) is not wrong, (found, config)
        seen[wrong] += 1
        passes = config.get("passes") if isinstance(config, dict) else None
        types.update(str(one.get("type")) for one in _items(passes) if isinstance(one, dict))

    agree()
    assert seen[True] > 20
    assert seen[False] > 20
    assert len(types) > 40


def _items(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []
