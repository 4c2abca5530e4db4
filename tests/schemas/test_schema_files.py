"""The generated schema files: current, valid, complete, and the same to every validator."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

from olivine_schemas.findings import published
from olivine_schemas.language.generate import FOLDER, main
from olivine_schemas.language.passes import PARAMETERS
from olivine_schemas.runs import EVENTS, Location, PassInfo, RunFailed, RunStarted, dump_event

CORPUS = Path(os.environ.get("OLIVINE_CORPUS", "no-corpus"))
FIXTURES = Path(__file__).parent / "fixtures"
SCHEMAS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.schema.json")}


def test_files_are_current() -> None:
    assert main(["--check"]) == 0


@pytest.mark.parametrize("name", ["olive-config.schema.json", "run-events.schema.json"])
def test_file_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_checking_needs_neither_models_nor_torch() -> None:
    code = "import sys, olivine_schemas.check; print({'pydantic', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(item)


def test_every_reference_leads_somewhere() -> None:
    language = published()
    for part in parts(language.root):
        for reference in [part.get("$ref"), *part.get("x-discriminator", {}).get("mapping", {}).values()]:
            if isinstance(reference, str):
                assert isinstance(language.target(reference), dict)


def test_every_setting_of_the_passes_that_run_is_described() -> None:
    language = published()
    for name in PARAMETERS:
        branch = language.target(f"#/$defs/pass.{name}.config")
        described = {key for key, schema in branch["properties"].items() if schema.get("description")}
        assert described == set(branch["properties"]), name


def test_every_event_of_a_run_fits_its_schema() -> None:
    validator = Draft202012Validator(SCHEMAS["run-events.schema.json"])
    started = RunStarted(1.0, "c.json", [PassInfo("a", "LoRA")], "cpu", 7, {"torch": "2"})
    failed = RunFailed(2.0, "missing-file", "It is not there.", "Put it there.", Location("c.json", 1, 2))
    for event in (started, failed):
        assert validator.is_valid(json.loads(dump_event(event)))
    assert not validator.is_valid({"v": 1, "type": "run-started", "time": "now"})
    assert len(SCHEMAS["run-events.schema.json"]["oneOf"]) == len(EVENTS)


def real_configs() -> list[Any]:
    files = [
        *FIXTURES.glob("moods-*.json"),
        *sorted(CORPUS.glob("new/*.json"))[::25],
        *sorted(CORPUS.glob("old/*.json"))[::8],
    ]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


VALUES = [None, True, 0, -1, 3, 2.5, 8.0, "8", "x", "yes", "LoRA", "lora", [], ["gpu"], [1], {}, {"type": "HfModel"}]


def damaged(config: Any, dice: random.Random) -> Any:
    """The config with one to three things changed: a key gone or renamed, a value replaced or moved."""
    config = json.loads(json.dumps(config))
    for _ in range(dice.randint(1, 3)):
        place = dice.choice([part for part in [*parts(config), *lists(config)] if part])
        key = dice.choice(list(place)) if isinstance(place, dict) else dice.randrange(len(place))
        match dice.randrange(4):
            case 0:
                place[key] = dice.choice(VALUES)
            case 1 if isinstance(place, dict):
                place[key + "s"] = place.pop(key)
            case 2 if isinstance(place, dict):
                del place[key]
            case _ if isinstance(place[key], str):
                place[key] = place[key].swapcase()
    return config


def samples(schema: dict[str, Any]) -> Iterator[Any]:
    """Values in every form that a setting may take, among them some that do not fit."""
    yield from schema.get("enum", [])
    yield from ["8", "0.25", "yes", 1, 0.5, True, None, "phrases", ["q_proj"], {"max_steps": "3"}, "float16"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_what_the_schema_accepts_the_model_reads(name: str) -> None:
    language = published()
    needed = {"train_data_config": "phrases"} if "LoRA" in name else {"precision": "int4"}
    for key, schema in language.target(f"#/$defs/pass.{name}.config")["properties"].items():
        if schema.get("deprecated") or "x-runs" in schema:
            continue
        for sample in samples(schema):
            step = {"type": name, **needed, key: sample}
            found = language.findings({"input_model": {"type": "HfModel", "model_path": "m"}, "passes": {"s": step}})
            if not list(found) and not (isinstance(sample, list) and "x-search" in schema):
                PARAMETERS[name].model_validate({**needed, key: sample})


def lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from lists(item)


def test_another_validator_agrees_on_damaged_configs() -> None:
    language, other = published(), jsonschema_rs.Draft202012Validator(SCHEMAS["olive-config.schema.json"])
    dice = random.Random(7)
    verdicts = set()
    for config in real_configs() * 40:
        changed = damaged(config, dice)
        ours = {finding.keyword for finding in language.findings(changed)} - {"x-case", "x-runs", "x-text", "x-names"}
        if "x-typos" not in ours:  # what only a person would call wrong
            assert other.is_valid(changed) is not bool(ours), (ours, changed)
            verdicts.add(bool(ours))
    assert verdicts == {True, False}
