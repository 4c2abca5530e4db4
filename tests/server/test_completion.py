"""Completion: `|` is the cursor, and what is asserted is the text after accepting an item."""

from __future__ import annotations

import json
import os
import struct
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from olivine_schemas.check import check
from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.facts import NO_FACTS, Facts
from olivine_schemas.parser import parse
from olivine_schemas.problems import Severity
from olivine_server.features.complete import Completion, Kind, complete
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


def on_gpu(marked: str, device: str = "gpu") -> str:
    accelerator = '{ "device": "' + device + '", "execution_providers": [' + marked + "] }"
    return '{ "systems": { "s": { "type": "LocalSystem", "accelerators": [' + accelerator + "] } } }"


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
    ("that is the type", in_pass('"precision": "int4", |'), "type",
     in_pass('"precision": "int4", "type": "ModelBuilder"')),
]  # fmt: skip


@pytest.mark.parametrize(("what", "marked", "accept", "result"), KEYS, ids=[case[0] for case in KEYS])
def test_a_key_is_completed(what: str, marked: str, accept: str, result: str) -> None:
    check_completion(marked, accept, result)


VALUES = [
    ("a pass type with what it needs", in_pass('"type": "|"'), "LoRA",
     in_pass('"type": "LoRA", "train_data_config": ""')),
    ("a pass type where nothing is typed", '{ "passes": { "p": { "type": | } } }', "MergeAdapterWeights",
     '{ "passes": { "p": { "type": "MergeAdapterWeights" } } }'),
    ("a pass type into its config", in_pass('"type": "Mod|", "config": {}'), "ModelBuilder",
     in_pass('"type": "ModelBuilder", "config": {"precision": "fp32"}')),
    ("a pass type cut off", '{ "passes": { "p": { "type": "Me|', "MergeAdapterWeights",
     '{ "passes": { "p": { "type": "MergeAdapterWeights"'),
    ("a model type", '{ "input_model": { "type": | } }', "HfModel",
     '{ "input_model": { "type": "HfModel", "model_path": "" } }'),
    ("a system type", '{ "systems": { "s": { "type": "A|" } } }', "AzureML",
     '{ "systems": { "s": { "type": "AzureML", "aml_compute": "" } } }'),
    ("a metric type", '{ "evaluators": { "e": { "metrics": [{ "type": "|" }] } } }', "latency",
     '{ "evaluators": { "e": { "metrics": [{ "type": "latency", "name": "" }] } } }'),
    ("an enum value", in_pass('"type": "ModelBuilder", "precision": "|"'), "int4",
     in_pass('"type": "ModelBuilder", "precision": "int4"')),
    ("a bare word", in_pass('"type": "ModelBuilder", "precision": in|'), "int4",
     in_pass('"type": "ModelBuilder", "precision": "int4"')),
    ("in place of a value", in_pass('"type": "LoRA", "torch_dtype": "bf|16"'), "bfloat16",
     in_pass('"type": "LoRA", "torch_dtype": "bfloat16"')),
    ("a boolean", '{ "log_to_file": | }', "true", '{ "log_to_file": true }'),
    ("a number", in_pass('"type": "LoRA", "r": |'), "32", in_pass('"type": "LoRA", "r": 32')),
    ("with the comma after it", '{ "log_to_file": |\n"host": "a" }', "true", '{ "log_to_file": true,\n"host": "a" }'),
    ("braces", '{ "passes": | }', "{ }", '{ "passes": {} }'),
    ("training arguments", in_pass('"type": "LoRA", "training_args": { "optim": "|" }'), "adamw_torch",
     in_pass('"type": "LoRA", "training_args": { "optim": "adamw_torch" }')),
    ("a system", '{ "systems": { "here": { "type": "LocalSystem" } }, "host": "|" }', "here",
     '{ "systems": { "here": { "type": "LocalSystem" } }, "host": "here" }'),
    ("a data config",
     '{ "data_configs": [{ "name": "d" }], "passes": { "p": { "type": "LoRA", "train_data_config": | } } }', "d",
     '{ "data_configs": [{ "name": "d" }], "passes": { "p": { "type": "LoRA", "train_data_config": "d" } } }'),
    ("an evaluator", '{ "evaluators": { "e": {} }, "evaluator": "|" }', "e",
     '{ "evaluators": { "e": {} }, "evaluator": "e" }'),
    ("a pass to run", '{ "passes": { "a": { "type": "LoRA" } }, "pass_flows": [["|"]] }', "a",
     '{ "passes": { "a": { "type": "LoRA" } }, "pass_flows": [["a"]] }'),
    ("a list of one", on_gpu("|").replace("[|]", "|"), "CUDAExecutionProvider", on_gpu('"CUDAExecutionProvider"')),
    ("an item after another", on_gpu('"CUDAExecutionProvider" | '), "DmlExecutionProvider",
     on_gpu('"CUDAExecutionProvider", "DmlExecutionProvider" ')),
]  # fmt: skip


@pytest.mark.parametrize(("what", "marked", "accept", "result"), VALUES, ids=[case[0] for case in VALUES])
def test_a_value_is_completed(what: str, marked: str, accept: str, result: str) -> None:
    check_completion(marked, accept, result)


def test_providers_fit_the_device() -> None:
    found = labels(on_gpu("|", device="cpu"))
    assert "CPUExecutionProvider" in found
    assert "CUDAExecutionProvider" not in found


def test_required_keys_come_first_and_present_and_obsolete_ones_are_left_out() -> None:
    found = labels(in_pass('"type": "LoRA", "lora_r": 8, "alpha": 8, |'))
    assert found[0] == "train_data_config"
    assert not {"type", "r", "lora_r", "alpha", "lora_alpha", "clean_run_cache"} & set(found)


def test_parameters_are_offered_in_the_block_that_has_them() -> None:
    assert "lora_dropout" not in labels(in_pass('"type": "LoRA", "config": { "r": 8 }, |'))
    assert "lora_dropout" in labels(in_pass('"type": "LoRA", "config": { "r": 8, | }'))
    assert "config" not in labels(in_pass('"type": "LoRA", "r": 8, |'))


def test_passes_that_olivine_runs_come_first() -> None:
    assert set(labels(in_pass('"type": "|"'))[:4]) == {"LoRA", "QLoRA", "MergeAdapterWeights", "ModelBuilder"}


def test_a_type_that_does_not_know_the_settings_is_not_offered() -> None:
    found = labels(in_pass('"type": "LoRA|", "alpha": 8'))
    assert {"LoRA", "QLoRA"} <= set(found)
    assert "ModelBuilder" not in found


@pytest.mark.parametrize(
    "marked",
    ['{ // pa|\n }', '{ "passes": {}| }', '|{ }', '{ }|', '{ "a" | }', '{ "host"| : "a" }', '{ "output_name": "|" }'],
)  # fmt: skip
def test_nothing_is_offered_where_nothing_fits(marked: str) -> None:
    assert labels(marked) in ([], ["host"])


@pytest.fixture
def folder(tmp_path: Path) -> DiskFacts:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.json").write_text('[{"phrase": "hello", "tone": "warm"}]')
    (tmp_path / "data" / "notes.md").write_text("")
    (tmp_path / "conda.yaml").write_text("")
    (tmp_path / "model").mkdir()
    write_model(tmp_path / "model")
    return DiskFacts(tmp_path)


def write_model(at: Path) -> None:
    """A model folder with the header of its weights."""
    shapes = {"model.embed_tokens": [100, 8], "model.layers.0.q_proj": [8, 8], "model.layers.0.o_proj": [8, 8]}
    header = {
        f"{name}.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()
    }
    data = json.dumps(header).encode()
    (at / "model.safetensors").write_bytes(struct.pack("<Q", len(data)) + data)
    (at / "config.json").write_text('{"model_type": "llama"}')


LOADED = '"load_dataset_config": { "data_name": "json", "data_files": "data/train.json" }'
PREPARED = '{ "data_configs": [{ "name": "d", ' + LOADED + ', "pre_process_data_config": { %s } }] }'
MODEL = '{ "input_model": { "type": "HfModel", "model_path": "model" }, "passes": { "p": { "type": "LoRA", %s } } }'
FILES = [
    ("a folder", '{ "data_configs": [{ "load_dataset_config": { "data_files": "|" } }] }', "data/",
     '{ "data_configs": [{ "load_dataset_config": { "data_files": "data/" } }] }'),
    ("a file in it", '{ "data_configs": [{ "load_dataset_config": { "data_files": "data/|" } }] }', "data/train.json",
     '{ "data_configs": [{ "load_dataset_config": { "data_files": "data/train.json" } }] }'),
    ("a model folder", '{ "input_model": { "type": "HfModel", "model_path": "|" } }', "model",
     '{ "input_model": { "type": "HfModel", "model_path": "model" } }'),
    ("a column", PREPARED % '"text_cols": [|]', "tone", PREPARED % '"text_cols": ["tone"]'),
    ("another column", PREPARED % '"text_cols": ["tone", "|"]', "phrase", PREPARED % '"text_cols": ["tone", "phrase"]'),
    ("a template", PREPARED % '"text_template": |', "{phrase} {tone}",
     PREPARED % '"text_template": "{phrase} {tone}"'),
    ("a placeholder", PREPARED % '"text_template": "It is {to|"', "tone",
     PREPARED % '"text_template": "It is {tone}"'),
    ("a placeholder in braces", PREPARED % '"text_template": "{|} is {tone}"', "phrase",
     PREPARED % '"text_template": "{phrase} is {tone}"'),
    ("a layer", MODEL % '"target_modules": ["|"]', "q_proj", MODEL % '"target_modules": ["q_proj"]'),
]  # fmt: skip


@pytest.mark.parametrize(("what", "marked", "accept", "result"), FILES, ids=[case[0] for case in FILES])
def test_what_the_files_say_is_offered(folder: DiskFacts, what: str, marked: str, accept: str, result: str) -> None:
    check_completion(marked, accept, result, folder)


def test_downloaded_hub_models_are_offered(folder: DiskFacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub" / "models--some--tiny-model").mkdir(parents=True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert "some/tiny-model" in labels('{ "input_model": { "type": "HfModel", "model_path": "|" } }', folder)


def test_only_files_of_a_fitting_kind_are_offered(folder: DiskFacts) -> None:
    found = labels('{ "data_configs": [{ "load_dataset_config": { "data_files": "data/|" } }] }', folder)
    assert found == ["data/train.json"]


def test_text_after_escaped_braces_is_no_placeholder(folder: DiskFacts) -> None:
    assert labels(PREPARED % '"text_template": "{{to|"', folder) == []


CONFIGS = ["LoRA, local", "QLoRA, local", "Convert only", "LoRA, Azure ML"]


@pytest.mark.parametrize("marked", ["|", "\n|", "{|}", "{\n  |\n}", "lo|", "{ | }"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_whole_config_is_sound(marked: str, name: str) -> None:
    text, items = offers(marked)
    (item,) = [item for item in items if item.label == name]
    found = check(accepted(text, item))
    assert found.errors == ()
    assert {problem.code for problem in found.problems} <= {"placeholder-left", "qlora-merge-dequantizes"}


STILL_TO_COME = {"missing-key", "merge-without-adapter"}
"""What is wrong while the rest of the config is not written."""
ENTRIES = [
    ("passes", '{ "data_configs": [{ "name": "d" }], "passes": {|} }'),
    ("systems", '{ "systems": {|} }'),
    ("evaluators", '{ "data_configs": [{ "name": "d" }], "evaluators": {|} }'),
    ("metrics", '{ "data_configs": [{ "name": "d" }], "evaluators": { "e": { "metrics": [|] } } }'),
    ("data", '{ "data_configs": [|] }'),
    ("data beside other data", '{ "data_configs": [{ "name": "train_data" }, |] }'),
    ("accelerators", '{ "systems": { "s": { "type": "LocalSystem", "accelerators": [|] } } }'),
]


@pytest.mark.parametrize("marked", [case[1] for case in ENTRIES], ids=[case[0] for case in ENTRIES])
def test_new_entries_are_sound(marked: str) -> None:
    text, items = offers(marked)
    blocks = [item for item in items if item.kind is Kind.SNIPPET and item.label not in ("{ }", "[ ]")]
    assert len(blocks) > 1
    for item in blocks:
        found = [problem for problem in check(accepted(text, item)).errors if problem.code not in STILL_TO_COME]
        assert found == [], item.label


KNOWN = '{ "data_configs": [{ "name": "d" }], "evaluators": { "e": { "metrics": [%s'
HALF_TYPED = [
    ("a data config just opened", '{ "data_configs": [{|', {"text data", "chat data", "name"}),
    ("an empty data config", '{\n "data_configs": [\n  {\n   |\n  }\n ]\n}', {"text data", "chat data", "name"}),
    ("a data config with a name", '{ "data_configs": [{ "name": "a", | }] }', {"text data", "load_dataset_config"}),
    ("a data config with a type", '{ "data_configs": [{ "type": "HuggingfaceContainer", |', {"text data", "name"}),
    ("a metric just opened", KNOWN % "{|", {"perplexity", "latency", "type", "name", "data_config"}),
    ("an empty metric", KNOWN % "{ | }] } } }", {"perplexity", "latency", "type", "name", "sub_types"}),
    ("a metric with a name", KNOWN % '{ "name": "a", | }] } } }', {"accuracy", "type", "sub_types"}),
    ("a metric with a type", KNOWN % '{ "type": "accuracy", | }] } } }', {"accuracy", "perplexity", "name"}),
    ("metrics just opened", KNOWN % "|", {"accuracy", "perplexity", "latency"}),
    ("measurements", KNOWN % '{ "name": "a", "type": "accuracy", "sub_types": [|] }] } } }', {"accuracy_score"}),
    ("an accelerator", '{ "systems": { "s": { "type": "LocalSystem", "accelerators": [{ | }] } } }', {"cpu", "device"}),
    ("a pass just opened", '{ "data_configs": [{ "name": "d" }], "passes": { "p": {|', {"lora", "builder", "host"}),
    ("an alternative of a pass", '{ "data_configs": [{ "name": "d" }], "passes": { "p": [{ | }] } }', {"lora", "type"}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "marked", "wanted"), HALF_TYPED, ids=[case[0] for case in HALF_TYPED])
def test_a_half_typed_entry_is_completed_and_nothing_makes_it_worse(what: str, marked: str, wanted: set[str]) -> None:
    text, items = offers(marked)
    assert wanted <= {item.label for item in items}
    before = Counter(problem.code for problem in check(text).errors)
    for item in items:
        after = Counter(problem.code for problem in check(accepted(text, item)).errors)
        assert not (after - before).keys() - STILL_TO_COME, item.label


def test_the_rest_of_an_entry_keeps_what_is_there() -> None:
    around = '{\n "evaluators": {\n  "e": {\n   "metrics": [\n    {\n     "name": "speed"%s\n    }\n   ]\n  }\n }\n}'
    rest = ',\n     "type": "latency",\n     "sub_types": [\n      {\n       "name": "avg"\n      }\n     ]'
    check_completion(around % ",\n     |", "latency", around % rest)
    assert "chat data" not in labels('{ "data_configs": [{ "type": "DummyDataContainer", | }] }')


def test_an_entry_gets_a_name_that_is_free() -> None:
    text, items = offers('{ "passes": { "merge": { "type": "MergeAdapterWeights" }, | } }')
    (item,) = [item for item in items if item.label == "merge"]
    assert '"merge_2": { "type": "MergeAdapterWeights" }' in accepted(text, item)


def test_blocks_are_laid_out_as_the_document_is() -> None:
    check_completion(
        '{\n\t"passes": {|}\n}',
        "merge",
        '{\n\t"passes": {\n\t\t"merge": {\n\t\t\t"type": "MergeAdapterWeights"\n\t\t}\n\t}\n}',
    )
    check_completion(
        '{\n  "passes": {\n  |  "a": {}\n  }\n}',
        "merge",
        '{\n  "passes": {\n    "merge": {\n      "type": "MergeAdapterWeights"\n    },\n    "a": {}\n  }\n}',
    )


CORPUS = Path(os.environ.get("OLIVINE_CORPUS", "no-corpus"))
EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/*/*.json"))


def damaged(text: str, random: Random) -> str:
    """The text, cut off, or with a few characters lost."""
    at = random.randrange(len(text) + 1)
    return random.choice([text, text[:at], text[:at] + text[at + random.randrange(1, 6) :]])


def mistakes(text: str) -> tuple[int, int]:
    """Syntax errors, and what is unknown or of a wrong kind."""
    syntax = sum(problem.severity is Severity.ERROR for problem in parse(text).problems)
    return syntax, sum(problem.code.startswith(("unknown-", "wrong-")) for problem in check(text).problems)


@pytest.mark.parametrize("seed", range(8))
def test_accepting_an_item_never_makes_a_document_worse(seed: int) -> None:
    random = Random(seed)
    paths = [path for path in [*EXAMPLES, *sorted(CORPUS.rglob("*.json"))] if path.stat().st_size < 20_000]
    for path in random.sample(paths, min(len(paths), 25)):
        text = damaged(path.read_text(encoding="utf-8"), random)
        before = mistakes(text)
        for offset in random.choices(range(len(text) + 1), k=4):
            items = complete(Document("", text), offset)
            for item in random.sample(items, min(len(items), 6)):
                after = mistakes(accepted(text, item))
                assert after[0] <= before[0] and after[1] <= before[1], (path.name, offset, item.label)


@pytest.mark.parametrize("seed", range(4))
def test_any_text_gets_offers_that_an_editor_can_apply(seed: int) -> None:
    """LSP: the edit of an offer stands on one line and holds the cursor."""
    random = Random(seed)
    for _ in range(25):
        text = random.choice(EXAMPLES).read_text(encoding="utf-8")
        for _ in range(random.randrange(8)):
            at = random.randrange(len(text))
            text = (
                text[:at] + random.choice(["{", "}", '"', ",", ":", "[", "\n", "é😀", "//", "/*", ""]) + text[at + 2 :]
            )
        for offset in random.choices(range(len(text) + 1), k=5):
            for item in complete(Document("", text), offset):
                span = item.edit.span
                assert span.start <= offset <= span.end
                assert "\n" not in text[span.start : span.end]
