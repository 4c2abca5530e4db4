"""Reading what runs leave, however much it is."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from olivine_schemas import runs
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.ledger.follow import Follower
from olivine_schemas.ledger.summary import Summary
from olivine_server.features.lenses import LastRun, lenses
from olivine_server.runs import skim
from olivine_server.runs.arguments import COMMANDS
from olivine_server.runs.details import LOG_BYTES, POINTS, details, log_tail, series
from olivine_server.runs.watch import Run, change
from olivine_server.workspace import Document

STEPS = [
    runs.Progress(1.0, "training", 3, 9, "step", 4.0),
    runs.Metric(1.0, "loss", 0.5, 3),
    runs.Log(1.0, "info", 'as JSON: {"type": "run-failed"}'),
]
MILESTONES = [
    runs.RunStarted(0.0, "c", [runs.PassInfo("tune", "LoRA"), runs.PassInfo("merge", "M")], "cpu", 1),
    runs.PassStarted(0.0, "tune", "LoRA", 1, 2),
    runs.Evaluated(1.0, "base", {"accuracy": 0.5}),
    runs.Warned(1.0, "odd", "ä" * 50),
    runs.PassFinished(2.0, "tune", "LoRA", 1, 2, 1.0, "key"),
    runs.PassStarted(2.0, "merge", "M", 2, 2),
    runs.Artifact(3.0, "model", "M", "models/model", 10),
]


def write(path: Path, steps: int) -> None:
    """An event file with so many steps after each milestone."""
    lines = [runs.dump_event(each) for one in MILESTONES for each in (one, *(STEPS * steps))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("chunk", [1 << 10, 1 << 12, 1 << 20])
def test_milestones_are_found_wherever_the_pieces_of_the_file_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(skim, "_CHUNK", chunk)
    write(tmp_path / "events", 7)
    assert list(skim.milestones(tmp_path / "events")) == MILESTONES


@pytest.mark.parametrize("steps", [0, 1, 3, 10, 200, 2000])
def test_catching_up_comes_to_the_same_as_reading_everything(tmp_path: Path, steps: int) -> None:
    write(tmp_path / "events", steps)
    whole, caught_up = Summary(), Summary()
    for event in Follower(tmp_path / "events").new_events():
        whole.add(event)
    follower = Follower(tmp_path / "events")
    for event in skim.catch_up(follower):
        caught_up.add(event)
    assert caught_up == whole
    assert list(follower.new_events()) == []


def test_no_file_has_nothing_in_it(tmp_path: Path) -> None:
    assert list(skim.milestones(tmp_path / "none")) == []
    assert list(skim.catch_up(Follower(tmp_path / "none"))) == []
    assert series(tmp_path / "none") == {}
    assert log_tail(tmp_path / "none") == ""


@pytest.mark.parametrize("count", [1, POINTS - 1, POINTS, 10 * POINTS + 3])
def test_a_series_is_thinned_evenly_and_keeps_its_end(tmp_path: Path, count: int) -> None:
    lines = [runs.dump_event(runs.Metric(0.0, "loss", step / 2, step)) for step in range(count)]
    (tmp_path / "metrics").write_text("\n".join(lines) + "\n")
    points = series(tmp_path / "metrics")["loss"]
    assert len(points) <= POINTS
    assert points[0] == (0, 0.0)
    assert points[-1] == (count - 1, (count - 1) / 2)
    gaps = {after[0] - before[0] for before, after in pairwise(points[:-1])}
    assert len(gaps) <= 1


def test_the_log_is_told_by_its_end_in_whole_lines_without_secrets(tmp_path: Path) -> None:
    secret = "hf_" + "a" * 30
    (tmp_path / "log").write_text("first\n" + "a line of the log\n" * LOG_BYTES + f"token {secret}\n")
    told = log_tail(tmp_path / "log")
    assert told.startswith("a line of the log\n")
    assert told.endswith("token ***\n")


@pytest.mark.parametrize(
    ("last", "title"),
    [
        (LastRun("id", "succeeded", "2026-01-02 03:04", (0.25, 0.875)), "accuracy 0.25 → 0.875"),
        (LastRun("id", "lost", "2026-01-02 03:04"), "Last run: lost 2026-01-02 03:04"),
    ],
)
def test_the_last_run_stands_above_the_config(last: LastRun, title: str) -> None:
    document = Document("", json.dumps({"passes": {"tune": {"type": "LoRA"}}}))
    found = [one for one in lenses(document, last) if one.run]
    assert [one.title.endswith(title) for one in found] == [True]
    assert len(lenses(document)) == len(lenses(document, last)) - 1


def test_the_manual_names_every_command_argument_and_field() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "server-commands.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `(.+?)`\n(.*?)(?=^##|\Z)", manual, re.MULTILINE | re.DOTALL))
    assert set(sections) == set(COMMANDS)
    assert [(name, each) for name, takes in COMMANDS.items() for each in takes if f"{each}" not in sections[name]] == []
    record = runs.RunRecord("id", runs.RunState.QUEUED, "c", "hash", 0.0)
    told = change(Run(RunFolder(Path("folder")), record, 0))
    assert [field for field in told if f"`{field}`" not in manual] == []


def test_details_tell_what_was_measured_since_and_when_passes_ran(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    run = Run(folder, runs.RunRecord("id", runs.RunState.SUCCEEDED, "c", "h", 1.0), 0)
    write(folder.events, 1)
    lines = [runs.dump_event(runs.Metric(1.0, "loss", 1.0 / step, step)) + "\n" for step in (1, 2, 3)]
    folder.metrics.write_text(lines[0] + lines[1] + lines[2][:20])
    first = details(run)
    assert first["metrics"] == {"loss": [(1, 1.0), (2, 0.5)]}
    folder.metrics.write_text("".join(lines))
    then = details(run, first["metricsEnd"])
    assert then["metrics"] == {"loss": [(3, 1.0 / 3)]}
    assert then["metricsStart"] == first["metricsEnd"]
    folder.metrics.write_text(lines[0])  # a new file of the same name
    assert details(run, then["metricsEnd"])["metricsStart"] == 0
    assert [(each["name"], each["started"], each["seconds"]) for each in then["timeline"]] == [
        ("tune", 0.0, 1.0),
        ("merge", 2.0, None),
    ]
