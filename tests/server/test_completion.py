"""Completion: `|` is the cursor, and what is asserted is the text after accepting an item."""

from __future__ import annotations

from pathlib import Path

import pytest

from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.facts import NO_FACTS, Facts
from olivine_server.features.complete import Completion, complete
from olivine_server.features.complete import accept as accepted
from olivine_server.workspace import Document


def offers(marked: str, facts: Facts = NO_FACTS) -> tuple[str, list[Completion]]:
    offset = marked.index("|")
    text = marked[:offset] + marked[offset + 1 :]
    return text, complete(Document("", text, facts=facts), offset, facts)


def check_completion(marked: str, accept: str, result: str, facts: Facts = NO_FACTS) -> None:
    text, items = offers(marked, facts)
    found = [item for item in items if item.label == accept]
    assert found, f"{accept} is not among {[item.label for item in items]}"
    assert accepted(text, found[0]) == result


def labels(marked: str, facts: Facts = NO_FACTS) -> list[str]:
    return [item.label for item in offers(marked, facts)[1]]


def in_pass(marked: str) -> str:
    return '{ "passes": { "p": { ' + marked + " } } }"


KEYS = [
    ("in quotes", '{ "pas|" }', "passes", '{ "passes": {} }'),
    ("in an open quote", '{ "pas| }', "passes", '{ "passes": {} }'),
    ("as a bare word", "{ pas| }", "passes", '{ "passes": {} }'),
    ("as nothing yet", "{ | }", "passes", '{ "passes": {} }'),
    ("in a text cut off", '{ "output_dir": "a", |', "passes", '{ "output_dir": "a", "passes": {}'),
    ("after a comma", '{ "output_dir": "a", | }', "passes", '{ "output_dir": "a", "passes": {} }'),
    ("with the comma before it missing", '{ "output_dir": "a" | }', "passes", '{ "output_dir": "a", "passes": {} }'),
    ("before a comma", '{ "output_dir": "a" |, "host": "b" }', "passes",
     '{ "output_dir": "a", "passes": {}, "host": "b" }'),
    ("before another key", '{ | "host": "b" }', "passes", '{ "passes": {}, "host": "b" }'),
    ("between lines", '{\n  "output_dir": "a"\n  |\n  "host": "b"\n}', "passes",
     '{\n  "output_dir": "a",\n  "passes": {},\n  "host": "b"\n}'),
    ("past a comment", '{\n  "output_dir": "a" // here, this\n  |\n}', "passes",
     '{\n  "output_dir": "a", // here, this\n  "passes": {}\n}'),
    ("in place of a key with a value", '{ "pass|": {} }', "passes", '{ "passes": {} }'),
    ("as a list", '{ "data|" }', "data_configs", '{ "data_configs": [] }'),
    ("as a boolean", '{ "log_to|" }', "log_to_file", '{ "log_to_file": false }'),
    ("as a number", '{ "log_sev|" }', "log_severity_level", '{ "log_severity_level": 1 }'),
    ("as a string", '{ "workfl|" }', "workflow_id", '{ "workflow_id": "default_workflow" }'),
    ("with what the block needs", '{ "input|" }', "input_model",
     '{ "input_model": { "type": "HfModel", "model_path": "model" } }'),
    ("on lines of its own", '{\n  "input|"\n}', "input_model",
     '{\n  "input_model": {\n    "type": "HfModel",\n    "model_path": "model"\n  }\n}'),
    ("of a pass", in_pass('"type": "LoRA", "train|"'), "train_data_config",
     in_pass('"type": "LoRA", "train_data_config": ""')),
    ("of a pass, naming the data", '{ "data_configs": [{ "name": "d" }], "passes": { "p": { "type": "LoRA", | } } }',
     "train_data_config",
     '{ "data_configs": [{ "name": "d" }], "passes": { "p": { "type": "LoRA", "train_data_config": "d" } } }'),
    ("of training", in_pass('"type": "LoRA", "training_args": { "max_s|" }'), "max_steps",
     in_pass('"type": "LoRA", "training_args": { "max_steps": -1 }')),
    ("that is the type", in_pass('"precision": "int4", |'), "type", in_pass('"precision": "int4", "type": "ModelBuilder"')),
]  # fmt: skip


@pytest.mark.parametrize(("what", "marked", "accept", "result"), KEYS, ids=[case[0] for case in KEYS])
def test_a_key_is_completed(what: str, marked: str, accept: str, result: str) -> None:
    check_completion(marked, accept, result)
