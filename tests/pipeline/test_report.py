"""The report, the terminal's table and the model card."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from rich.console import Console

from olivine_pipeline.evaluate import StageMetrics
from olivine_pipeline.report import (
    LossPoint,
    PassRecord,
    RunReport,
    SampleAnswers,
    Stage,
    stage_table,
    write_model_card,
    write_report,
)
from olivine_pipeline.report.columns import duration, size
from olivine_pipeline.report.findings import findings
from olivine_pipeline.report.loss_chart import loss_chart
from olivine_pipeline.report.shareable import shareable

FOLDER = Path("/home/ann/project")
TOKEN = "hf_" + "a" * 34
REPORT = RunReport(
    stages=[
        Stage("base", StageMetrics(0.3125, 64.73, 54.0, 21.8, 538_080_536)),
        Stage("tuned", StageMetrics(0.992, 6.473, 55.9, 20.8, 541_000_000)),
        Stage("onnx", StageMetrics(0.57, 7.36, None, None, 84_940_310)),
    ],
    config={
        "input_model": {"type": "HfModel", "model_path": "owner/base-model"},
        "azureml_client": {"subscription_id": "1234"},
        "data_configs": [{"name": "tones", "load_dataset_config": {"data_files": "/home/ann/project/data/train.json"}}],
        "passes": {"ft": {"type": "LoRA"}, "merge": [{"type": "MergeAdapterWeights"}]},
        "hf_token": TOKEN,
    },
    started="2026-05-02T13:07:00Z",
    seconds=754.0,
    passes=[PassRecord("ft", "LoRA", 702.3, False, "a1"), PassRecord("merge", "MergeAdapterWeights", 3.2, True, "b2")],
    losses=[LossPoint(step, 3 / step) for step in range(1, 41)],
    eval_losses=[LossPoint(20, 0.4), LossPoint(40, 0.3)],
    samples=[SampleAnswers("Tone of <this> & that:\n", "joy", {"base": "<script>alert(1)</script>", "tuned": "joy"})],
    versions={"olivine": "0.1.0", "torch": "2.13.0"},
)


@pytest.fixture
def page(tmp_path: Path) -> str:
    return write_report(tmp_path, REPORT, FOLDER).read_text(encoding="utf-8")


def test_report_json_has_the_agreed_form(tmp_path: Path) -> None:
    write_report(tmp_path, REPORT, FOLDER)
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert set(data) == {
        *("stages", "config", "passes", "losses", "eval_losses", "samples", "versions", "started", "seconds"),
    }
    assert data["stages"][2] == {
        "name": "onnx",
        "accuracy": 0.57,
        "perplexity": 7.36,
        "first_token_ms": None,
        "tokens_per_second": None,
        "size_bytes": 84_940_310,
    }
    assert data["passes"][1] == {
        "name": "merge",
        "type": "MergeAdapterWeights",
        "seconds": 3.2,
        "cached": True,
        "artifact": "b2",
    }
    assert data["losses"][1] == {"step": 2, "loss": 1.5}
    assert data["samples"][0]["answers"]["tuned"] == "joy"
    assert data["config"]["data_configs"][0]["load_dataset_config"]["data_files"] == "data/train.json"


def test_page_needs_no_other_file(page: str) -> None:
    assert not re.findall(r"""(?:src|href)\s*=|@import|url\(|<link|<iframe|<script|https?://""", page)
    assert len(page.encode()) < 200_000


def test_page_shows_stages_steps_and_answers(page: str) -> None:
    for text in ("base-model", "31.2%", "57.0%", "84.9 MB", "12 min 34 s", "2 May 2026, 13:07 UTC", "cached"):
        assert text in page
    assert "Tone of &lt;this&gt; &amp; that:" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'class="answer right">joy<' in page


@pytest.mark.parametrize(
    "report",
    [
        RunReport([], {}, "2026-05-02T13:07:00+02:00", 1.0),
        replace(REPORT, stages=REPORT.stages[:1], losses=[], samples=[], passes=[]),
        replace(REPORT, losses=[LossPoint(1, 2.0), LossPoint(2, math.inf)], eval_losses=[]),
    ],
    ids=["empty", "one stage", "one finite loss"],
)
def test_a_run_with_little_to_tell_has_its_report_too(report: RunReport, tmp_path: Path) -> None:
    assert "Olivine report" in write_report(tmp_path, report, FOLDER).read_text(encoding="utf-8")
    assert write_model_card(tmp_path, report, FOLDER).exists()
    assert stage_table(report).row_count == len(report.stages)


def test_report_json_is_json_when_the_loss_ran_away(tmp_path: Path) -> None:
    write_report(tmp_path, replace(REPORT, losses=[LossPoint(1, math.nan), LossPoint(2, math.inf)]), FOLDER)
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    losses = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))["losses"]
    assert losses == [{"step": 1, "loss": None}, {"step": 2, "loss": None}]


@pytest.mark.parametrize("count", [2, 11, 40, 5000])
def test_loss_chart_is_drawn_inside_its_frame(count: int) -> None:
    losses = [LossPoint(step, 5 / step) for step in range(1, count + 1)]
    svg = ElementTree.fromstring(loss_chart(losses, [LossPoint(count, 0.1)]))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    for path in svg.iter("path"):
        numbers = [float(number) for number in re.findall(r"[\d.-]+", path.attrib["d"])]
        assert all(0 <= x <= width for x in numbers[::2])
        assert all(0 <= y <= height for y in numbers[1::2])
    told = [text.text for text in svg.iter("text")]
    assert f"step {count} · loss {5 / count:.4g} · held-out 0.1" in told
    assert len(told) < 400


def test_flat_loss_is_drawn() -> None:
    assert "<path" in loss_chart([LossPoint(1, 0.0), LossPoint(2, 0.0)], [])


def test_table_shows_a_dash_where_nothing_was_measured() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(stage_table(REPORT))
    lines = console.export_text().splitlines()
    assert next(line.split() for line in lines if "ONNX" in line) == ["ONNX", "57.0%", "7.36", "–", "–", "84.9", "MB"]
    assert next(line.split() for line in lines if "Base" in line) == [
        "Base",
        "31.2%",
        "64.7",
        "54",
        "ms",
        "21.8",
        "538",
        "MB",
    ]


def metrics(accuracy: float | None, perplexity: float, rate: float = 10.0, count: int = 100) -> StageMetrics:
    return StageMetrics(accuracy, perplexity, None, rate, count)


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ({"base": metrics(0.3, 9), "tuned": metrics(0.9, 4)}, ["+Fine-tuning raised accuracy from 30% to 90%."]),
        ({"base": metrics(0.9, 9), "tuned": metrics(0.9, 4)}, ["-Fine-tuning moved accuracy from 90% to 90%."]),
        (
            {"base": metrics(None, 9), "merged": metrics(None, 4)},
            ["+Fine-tuning lowered held-out perplexity from 9 to 4."],
        ),
        ({"base": metrics(0.9, 9), "onnx": metrics(0.57, 9)}, ["-Conversion lost 33 points of accuracy."]),
        (
            {"base": metrics(0.9, 9), "onnx": metrics(0.89, 9, rate=40.0, count=25)},
            ["+Conversion kept accuracy and made the model 4.0 times smaller and 4.0 times as fast."],
        ),
        ({"base": metrics(None, 4), "onnx": metrics(None, 5)}, ["-Conversion raised perplexity by 25%."]),
        ({"onnx": metrics(0.9, 5)}, []),
    ],
)
def test_findings_tell_gain_and_cost(stages: dict[str, StageMetrics], told: list[str]) -> None:
    report = replace(REPORT, stages=[Stage(name, measured) for name, measured in stages.items()])
    found = [("+" if finding.good else "-") + finding.text for finding in findings(report)]
    assert len(found) == len(told)
    assert all(text.startswith(start) for text, start in zip(found, told, strict=True)), found


def _front_matter(card: str) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load(card.split("---\n")[1])
    return loaded


@pytest.mark.parametrize(
    ("marker", "library"),
    [("genai_config.json", "onnxruntime-genai"), ("adapter_config.json", "peft"), ("config.json", "transformers")],
)
def test_model_card_of_each_kind_of_folder(tmp_path: Path, marker: str, library: str) -> None:
    (tmp_path / marker).touch()
    card = write_model_card(tmp_path, REPORT, FOLDER).read_text(encoding="utf-8")
    front = _front_matter(card)
    assert (front["base_model"], front["library_name"]) == ("owner/base-model", library)
    assert {"olivine", "lora"} <= set(front["tags"])  # type: ignore[call-overload]
    assert "| ONNX | 57.0% | 7.36 | – | – | 84.9 MB |" in card
    assert "1. ft (LoRA, 11 min 42 s)\n2. merge (MergeAdapterWeights, cached)\n" in card
    compile(card.split("```python\n")[1].split("```")[0], "card", "exec")


def test_model_card_code_loads_and_runs_the_model(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = write_model_card(tmp_path, REPORT, FOLDER).read_text(encoding="utf-8")
    monkeypatch.chdir(tiny_model)
    exec(card.split("```python\n")[1].split("```")[0], {})
    assert "Tone of <this> & that:" in capsys.readouterr().out


def test_a_folder_is_not_taken_for_a_hub_name(tmp_path: Path) -> None:
    (tmp_path / "owner" / "base-model").mkdir(parents=True)
    assert "base_model" not in _front_matter(write_model_card(tmp_path, REPORT, tmp_path).read_text(encoding="utf-8"))


def test_nothing_private_leaves_the_machine(tmp_path: Path) -> None:
    write_report(tmp_path, REPORT, FOLDER)
    write_model_card(tmp_path, REPORT, FOLDER)
    for file in tmp_path.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not [secret for secret in (TOKEN, "1234", "/home/ann") if secret in text], file.name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"path": "/home/ann/project/a/b.json"}, {"path": "a/b.json"}),
        ({"path": "/data/elsewhere/b.json"}, {"path": "b.json"}),
        ({"path": r"C:\Users\ann\b.json"}, {"path": "b.json"}),
        ({"text_template": "/no_think {phrase}"}, {"text_template": "/no_think {phrase}"}),
        ({"hf_token": True, "pad_token": "<pad>"}, {"hf_token": True, "pad_token": "<pad>"}),
        ({"client_secret": "x", "n": [1, None]}, {"client_secret": "***", "n": [1, None]}),
    ],
)
def test_shareable_config(value: dict[str, object], shown: dict[str, object]) -> None:
    assert shareable(value, FOLDER) == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(512, "0.512 kB"), (88_400_000, "88.4 MB"), (7_640_000_000, "7.64 GB"), (999_900_000, "1 GB")],
)
def test_sizes(value: int, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(2.14, "2.1 s"), (59.97, "1 min 0 s"), (7500, "2 h 5 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
