"""A whole run, and every shorter one that a config may ask for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from runs import LORA, Ended, hashes, old_config, run, run_well, todays_config, write_config, write_workspace
from tiny_model import PHRASES

SCHEMA = Path(__file__).parents[2] / "schemas" / "olivine_schemas" / "run-events.schema.json"
PROMPT = f"### Text: {PHRASES[0]['phrase']}\n### Tone:"


@pytest.fixture(scope="module")
def workspace(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_workspace(tmp_path_factory.mktemp("whole"), tiny_model, old_config())


@pytest.fixture(scope="module")
def whole(workspace: Path) -> Ended:
    """LoRA, merge and int4 build of a config in the old form, done once for all tests here."""
    return run_well(workspace)


@pytest.fixture(scope="module")
def models(workspace: Path, whole: Ended) -> Path:
    return workspace / "models"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_output_has_the_models_their_cards_and_the_report(models: Path) -> None:
    assert files(models) == {
        ".olivine.json",
        ".olivine.lock",
        "report.json",
        "report.html",
        "adapter/README.md",
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "adapter/training.json",
        "model/README.md",
        "model/chat_template.jinja",
        "model/genai_config.json",
        "model/model.onnx",
        "model/model.onnx.data",
        "model/tokenizer.json",
        "model/tokenizer_config.json",
    }


def test_nothing_else_appears_in_the_workspace(workspace: Path, whole: Ended) -> None:
    top = {path.name for path in workspace.iterdir()}
    assert top == {"model", "data", "olive-config.json", "events.jsonl", "cache", "models", ".olivine", "state"}
    assert files(workspace / "data") == {"train.json", "held-out.json"}


def test_onnx_model_writes_a_token_in_plain_onnxruntime_genai(models: Path) -> None:
    program = """if True:
        import sys
        import onnxruntime_genai as og
        model = og.Model(sys.argv[1])
        tokens = og.Tokenizer(model).encode(sys.argv[2])
        parameters = og.GeneratorParams(model)
        parameters.set_search_options(max_length=len(tokens) + 1)
        generator = og.Generator(model, parameters)
        generator.append_tokens(tokens)
        generator.generate_next_token()
        print(len(generator.get_sequence(0)) - len(tokens), any(name.startswith("olivine") for name in sys.modules))
        """
    command = [sys.executable, "-c", program, str(models / "model"), PROMPT]
    assert subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout == "1 False\n"


def test_adapter_loads_in_plain_peft_and_has_learned(workspace: Path, models: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(workspace / "model")
    tokens = AutoTokenizer.from_pretrained(workspace / "model")(PROMPT, return_tensors="pt").input_ids
    model = PeftModel.from_pretrained(base, str(models / "adapter")).eval()
    with torch.no_grad():
        tuned = model(input_ids=tokens).logits
        with model.disable_adapter():
            assert not torch.equal(tuned, model(input_ids=tokens).logits)
    config = json.loads((models / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["base_model_name_or_path"]) == (4, 8, "model")
    assert sorted(config["target_modules"]) == ["o_proj", "qkv_proj"]


def test_report_measures_every_stage(models: Path) -> None:
    report = json.loads((models / "report.json").read_text())
    keys = {"name", "accuracy", "perplexity", "first_token_ms", "tokens_per_second", "size_bytes"}
    assert [stage["name"] for stage in report["stages"]] == ["base", "tuned", "merged", "onnx"]
    for stage in report["stages"]:
        assert set(stage) == keys
        assert 0 <= stage["accuracy"] <= 1
        assert all(stage[key] > 0 for key in keys - {"name", "accuracy"})
    by_name = {stage["name"]: stage for stage in report["stages"]}
    assert by_name["merged"]["perplexity"] == pytest.approx(by_name["tuned"]["perplexity"], rel=1e-4)
    assert by_name["tuned"]["perplexity"] < by_name["base"]["perplexity"]
    assert by_name["onnx"]["size_bytes"] < by_name["merged"]["size_bytes"]
    assert [point["step"] for point in report["losses"]] == [1, 2, 3]


def test_what_is_shared_names_no_folder_of_this_machine(workspace: Path, models: Path) -> None:
    for name in ("adapter/README.md", "model/README.md", "report.json", "report.html", "adapter/adapter_config.json"):
        text = (models / name).read_text(encoding="utf-8")
        assert str(workspace) not in text
        assert str(Path.home()) + "/" not in text
    assert "{" in (models / "model" / "README.md").read_text()  # the config is told all the same


def test_events_are_those_of_the_schema(whole: Ended) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for event in whole.events:
        validator.validate(event)


def test_events_tell_the_run_in_order(workspace: Path, whole: Ended) -> None:
    order = [
        (event["type"], event.get("name") or event.get("stage"))
        for event in whole.events
        if event["type"] not in ("progress", "metric", "log", "warning")
    ]
    assert order == [
        ("run-started", None),
        ("pass-started", "tune"),
        ("pass-finished", "tune"),
        ("evaluated", "base"),
        ("evaluated", "tuned"),
        ("pass-started", "merge"),
        ("pass-finished", "merge"),
        ("evaluated", "merged"),
        ("pass-started", "build"),
        ("pass-finished", "build"),
        ("evaluated", "onnx"),
        ("artifact", "adapter"),
        ("artifact", "model"),
        ("run-finished", None),
    ]
    started, finished = whole.events[0], whole.events[-1]
    assert [entry["name"] for entry in started["passes"]] == ["tune", "merge", "build"]
    assert (finished["state"], Path(finished["output"])) == ("succeeded", workspace / "models")


def test_events_carry_steps_and_losses(whole: Ended) -> None:
    steps = [event for event in whole.of_type("progress") if event["doing"] == "training"]
    assert steps[-1]["done"] == steps[-1]["total"] == 3
    assert [event["step"] for event in whole.of_type("metric") if event["name"] == "loss"] == [1, 2, 3]
    assert any(event["doing"] == "reading layers" for event in whole.of_type("progress"))


def test_terminal_shows_the_table_of_stages(whole: Ended) -> None:
    for word in ("base", "tuned", "merged", "onnx"):
        assert word in whole.output
    assert "Traceback" not in whole.output + whole.errors


def test_todays_form_makes_the_very_same_files(tiny_model: Path, models: Path, tmp_path: Path) -> None:
    folder = write_workspace(tmp_path / "today", tiny_model, todays_config())
    run_well(folder)
    names = ("*.safetensors", "*.onnx", "*.onnx.data", "adapter_config.json", "genai_config.json")
    assert hashes(folder / "models", *names) == hashes(models, *names)


def test_merge_of_an_adapter_that_is_there_already(workspace: Path, models: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    config = todays_config(merge={"type": "MergeAdapterWeights"})
    config["input_model"]["adapter_path"] = str(models / "adapter")
    folder = write_workspace(tmp_path / "merge", workspace / "model", config)
    run_well(folder)
    merged = AutoModelForCausalLM.from_pretrained(folder / "models" / "model").state_dict()
    base = AutoModelForCausalLM.from_pretrained(workspace / "model").state_dict()
    changed = {name.removeprefix("model.layers.") for name in base if not torch.equal(base[name], merged[name])}
    assert set(merged) == set(base)
    assert changed == {f"{n}.self_attn.{name}.weight" for n in (0, 1) for name in ("o_proj", "qkv_proj")}
    assert (folder / "models" / "model" / "tokenizer.json").is_file()


def test_passes_out_of_order_are_refused_before_anything_loads(tiny_model: Path, tmp_path: Path) -> None:
    config = todays_config(build={"type": "ModelBuilder", "precision": "int4"}, tune=LORA)
    folder = write_workspace(tmp_path / "order", tiny_model, config)
    ended = run(folder)
    assert ended.exit_code == 2
    assert [event["type"] for event in ended.events] == ["run-failed"]
    assert not (folder / "models").exists()


def test_up_to_stops_after_the_pass(workspace: Path, whole: Ended, tmp_path: Path) -> None:
    config = {**old_config(), "engine": {**old_config()["engine"], "output_dir": "first"}}
    write_config(workspace, config)
    try:
        ended = run_well(workspace, "--up-to", "tune")
    finally:
        write_config(workspace, old_config())
    assert ended.names("pass-skipped") == ["tune"]
    assert {path.name for path in (workspace / "first").iterdir() if path.is_dir()} == {"adapter"}
