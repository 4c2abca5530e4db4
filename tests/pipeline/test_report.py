"""The report, the terminal's table and the model card."""

from __future__ import annotations

import io
import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from plotly.offline import get_plotlyjs
from rich.console import Console

from olivine_pipeline.evaluate import StageMetrics
from olivine_pipeline.report import (
    LossPoint,
    PassRecord,
    RunReport,
    SampleAnswers,
    Stage,
    answer_table,
    stage_table,
    write_model_card,
    write_report,
)
from olivine_pipeline.report.columns import size
from olivine_pipeline.report.findings import findings
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
        "azureml_client": {"subscription_id": "9d3f-private"},
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


class Page(HTMLParser):
    """The script elements of a page: what they hold, by their type."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[str, str]] = []
        self._type: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._type = dict(attributes).get("type") or "code"

    def handle_data(self, data: str) -> None:
        if self._type:
            self.scripts.append((self._type, data))
            self._type = None

    @property
    def figures(self) -> list[dict[str, Any]]:
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


def page_of(folder: Path, report: RunReport) -> Page:
    return Page(write_report(folder, report, FOLDER).read_text(encoding="utf-8"))


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
    assert page.count(get_plotlyjs()) == 1
    rest = page.replace(get_plotlyjs(), "")
    assert not re.findall(r"""(?:src|href)\s*=|@import|url\(|<link|<iframe|https?://""", rest)
    assert "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:" in rest
    assert len(rest.encode()) < 60_000


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
def test_loss_curve_has_every_step_that_can_be_seen(count: int, tmp_path: Path) -> None:
    losses = [*(LossPoint(step, 5 / step) for step in range(count, 0, -1)), LossPoint(count + 1, math.nan)]
    chart = page_of(tmp_path, replace(REPORT, stages=[], losses=losses, eval_losses=[LossPoint(count, 0.1)])).figures[0]
    curves = {curve["name"]: curve for curve in chart["data"]}
    assert set(curves) == {"training", "held-out"} | ({"smoothed"} if count >= 12 else set())
    steps = curves["training"]["x"]
    assert len(steps) == min(count, len(steps)) <= 2000
    assert (steps, steps[-1]) == (sorted(steps), count)
    assert curves["training"]["y"] == [5 / step for step in steps]
    assert (curves["held-out"]["x"], curves["held-out"]["y"]) == ([count], [0.1])
    assert chart["layout"]["hovermode"] == "x unified"


def test_smoothed_loss_lies_on_a_straight_line_to_its_ends(tmp_path: Path) -> None:
    losses = [LossPoint(step, 100 - step) for step in range(100)]
    raw, smoothed = page_of(tmp_path, replace(REPORT, stages=[], losses=losses, eval_losses=[])).figures[0]["data"]
    assert smoothed["y"] == pytest.approx(raw["y"])


def test_bars_compare_the_stages_that_were_measured(tmp_path: Path) -> None:
    accuracy, _, first_token, *_ = page_of(tmp_path, REPORT).figures
    (bars,), (timed,) = accuracy["data"], first_token["data"]
    assert (bars["y"], bars["x"]) == (["Base", "Fine-tuned", "ONNX"], [0.3125, 0.992, 0.57])
    assert bars["text"] == ["31.2%", "<b>99.2%</b>", "57.0%"]
    assert timed["y"] == ["Base", "Fine-tuned"]


@pytest.mark.parametrize(
    ("report", "charts"),
    [
        (REPORT, 6),
        (replace(REPORT, stages=REPORT.stages[:1]), 1),
        (replace(REPORT, losses=[LossPoint(1, 2.0), LossPoint(2, math.inf)]), 5),
        (replace(REPORT, stages=REPORT.stages[:1], losses=[LossPoint(1, 2.0)]), 0),
    ],
    ids=["both", "one stage", "one finite loss", "neither"],
)
def test_a_chart_of_nothing_is_left_out_and_so_is_the_library(report: RunReport, charts: int, tmp_path: Path) -> None:
    page = page_of(tmp_path, report)
    assert len(page.figures) == charts
    assert len(page.scripts) == (charts + 2 if charts else 0)


def test_names_cannot_break_out_of_their_script_or_label(tmp_path: Path) -> None:
    name = "</script><b>&"
    stages = [*REPORT.stages, Stage(name, REPORT.stages[0].metrics)]
    report = replace(REPORT, stages=stages, config={"input_model": {"type": "HfModel", "model_path": name}})
    text = write_report(tmp_path, report, FOLDER).read_text(encoding="utf-8")
    assert name not in text
    assert text.count("</script>") == text.count("<script") == 8
    assert Page(text).figures[0]["data"][0]["y"][-1] == "&lt;/script&gt;&lt;b&gt;&amp;"
    assert "<h1>script&gt;&lt;b&gt;&amp;</h1>" in text


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("scheme", ["0", "1"], ids=["dark", "light"])
def test_a_browser_draws_the_charts_in_the_colours_of_its_scheme(scheme: str, tmp_path: Path) -> None:
    page = write_report(tmp_path, REPORT, FOLDER)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    settings = [f"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=5000"]
    command = [str(CHROMIUM), *options, *settings, "--enable-logging=stderr", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True)
    drawn = shown.stdout.replace(get_plotlyjs(), "")
    assert "CONSOLE" not in shown.stderr
    assert drawn.count('<g class="point">') == 13  # bars
    assert drawn.count('<path class="point"') == 2  # marks of the held-out loss
    assert ("rgb(166, 197, 92)" if scheme == "0" else "rgb(107, 142, 35)") in drawn


ALL_CACHED = replace(REPORT, passes=[replace(entry, cached=True, seconds=0.0) for entry in REPORT.passes])


@pytest.mark.parametrize(
    ("again", "kept"),
    [
        (replace(ALL_CACHED, seconds=0.4, started="2026-06-01T00:00:00Z"), True),
        (REPORT, False),
        (replace(ALL_CACHED, stages=REPORT.stages[:2]), False),
        (replace(ALL_CACHED, versions={"olivine": "0.2.0"}), False),
    ],
    ids=["nothing made", "made again", "less measured", "newer version"],
)
def test_a_run_that_made_nothing_leaves_the_page(again: RunReport, kept: bool, tmp_path: Path) -> None:
    page = write_report(tmp_path, REPORT, FOLDER)
    page.write_text("as it was", encoding="utf-8")
    write_report(tmp_path, again, FOLDER)
    assert (page.read_text(encoding="utf-8") == "as it was") == kept
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (told["seconds"], len(told["stages"])) == (again.seconds, len(again.stages))


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"passes": [1]}'])
def test_a_page_beside_a_strange_record_is_written_anew(damage: str, tmp_path: Path) -> None:
    write_report(tmp_path, REPORT, FOLDER).write_text("as it was", encoding="utf-8")
    (tmp_path / "report.json").write_text(damage, encoding="utf-8")
    assert "Olivine report" in write_report(tmp_path, ALL_CACHED, FOLDER).read_text(encoding="utf-8")


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
        assert not [secret for secret in (TOKEN, "9d3f-private", "/home/ann") if secret in text], file.name


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


def test_answers_stand_beside_their_prompt() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(answer_table(REPORT))
    text = console.export_text()
    sample = REPORT.samples[0]
    assert "Base answers" in text and "ONNX answers" in text
    assert sample.prompt.split()[-1] in text and sample.answers["base"] in text
