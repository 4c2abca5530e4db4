"""Event files are read while they are written, and come to what a person wants to know."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from olivine_schemas import runs
from olivine_schemas.ledger.follow import CHUNK, LONGEST_LINE, Follower
from olivine_schemas.ledger.summary import Summary
from olivine_schemas.runs import dump_event


def line(number: float, name: str = "loss") -> str:
    return dump_event(runs.Metric(0.0, name, float(number), int(number))) + "\n"


def steps(follower: Follower) -> list[int]:
    return [event.step for event in follower.new_events() if isinstance(event, runs.Metric)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8") as stream:
        stream.write(text)


def test_each_event_comes_once_and_a_torn_line_when_it_is_whole(file: Path) -> None:
    follower = Follower(file)
    assert steps(follower) == []
    append(file, line(1) + line(2)[:20])
    assert steps(follower) == [1]
    assert steps(follower) == []
    append(file, line(2)[20:] + line(3))
    assert steps(follower) == [2, 3]


def test_letters_cut_between_their_bytes_are_whole_in_the_end(file: Path) -> None:
    whole = (dump_event(runs.Log(0.0, "info", "größer 🙂")) + "\n").encode()
    follower = Follower(file)
    told = []
    for byte in whole:
        with file.open("ab") as stream:
            stream.write(bytes([byte]))
        told += list(follower.new_events())
    assert told == [runs.Log(0.0, "info", "größer 🙂")]


METRIC = {"v": 1, "type": "metric", "time": 0.0, "name": "loss", "value": 1.0, "step": 1}
RUBBISH = (
    {"type": "later"},
    {"type": "metric"},
    {**METRIC, "v": 2},
    {**METRIC, "value": "low"},
    {**METRIC, "step": None},
)


@pytest.mark.parametrize(
    "rubbish",
    ["{\n", "\n", "null\n", "\0\0\0\n", f"{'[' * 99_999}\n", *(json.dumps(one) + "\n" for one in RUBBISH)],
)
def test_rubbish_is_skipped(rubbish: str, file: Path) -> None:
    append(file, line(1) + rubbish + line(2))
    assert steps(Follower(file)) == [1, 2]


def test_fields_of_later_versions_are_skipped_wherever_they_are(file: Path) -> None:
    started = runs.RunStarted(0.0, "c", [runs.PassInfo("p", "LoRA")], "cpu", 1, {"torch": "2.9"})
    warned = runs.Warned(0.0, "c", "m", runs.Location("f", 1, 2))
    for event, inner in ((started, '{"name": "p"'), (warned, '{"file": "f"')):
        text = dump_event(event)
        assert inner in text
        append(file, text.replace(inner, f'{inner}, "later": 1').replace('{"v"', '{"later": [1], "v"') + "\n")
    assert list(Follower(file).new_events()) == [started, warned]


def test_a_file_that_was_cut_or_replaced_is_read_from_its_start(file: Path) -> None:
    follower = Follower(file)
    append(file, line(1) + line(2))
    assert steps(follower) == [1, 2]
    file.write_text(line(3))
    assert steps(follower) == [3]
    (file.parent / "other").write_text(line(4) + line(5) + line(6))
    (file.parent / "other").replace(file)
    assert steps(follower) == [4, 5, 6]
    file.unlink()
    assert steps(follower) == []
    append(file, line(7))
    assert steps(follower) == [7]


@pytest.mark.parametrize("keep", [1, 100, CHUNK - 1, CHUNK, 10 * CHUNK])
def test_only_the_end_of_a_long_file_is_read(keep: int, file: Path) -> None:
    append(file, "".join(map(line, range(20_000))))
    follower = Follower(file)
    follower.skip_to_last(keep)
    read = steps(follower)
    assert read == list(range(20_000))[len(range(20_000)) - len(read) :]
    assert len(read) <= keep / 60 or keep == 10 * CHUNK
    append(file, line(20_000))
    assert steps(follower) == [20_000]


def test_an_endless_line_takes_no_memory_and_what_follows_is_read(file: Path) -> None:
    follower = Follower(file)
    append(file, line(1) + "x" * (3 * LONGEST_LINE))
    assert steps(follower) == [1]
    assert len(follower._rest) <= LONGEST_LINE
    append(file, "\n" + line(2))
    assert steps(follower) == [2]


def test_a_watcher_that_stops_half_way_misses_and_repeats_nothing(file: Path) -> None:
    append(file, "".join(map(line, range(5))))
    follower = Follower(file)
    first = next(iter(follower.new_events()))
    assert isinstance(first, runs.Metric) and first.step == 0
    assert steps(follower) == [1, 2, 3, 4]


PASSES = [
    runs.PassInfo("tune", "LoRA"),
    runs.PassInfo("merge", "MergeAdapterWeights"),
    runs.PassInfo("x", "ModelBuilder"),
]
STARTED = runs.RunStarted(1.0, "c.json", PASSES, "cpu", 1)
STORY: list[tuple[runs.Event, int, str]] = [
    (STARTED, 0, "starting"),
    (runs.Progress(1.0, "loading libraries", 0, 0, "library"), 0, "starting: loading libraries"),
    (runs.PassStarted(1.0, "tune", "LoRA", 1, 3), 0, "[1/3] tune"),
    (runs.Progress(1.0, "preparing data", 9, 9, "row"), 0, "[1/3] tune: preparing data 9/9 rows"),
    (runs.Progress(1.0, "training", 30, 120, "step", 50.0), 20, "[1/3] tune: training 30/120 steps, 50 s left"),
    (runs.Metric(1.0, "loss", 1.25, 30), 20, "[1/3] tune: training 30/120 steps, loss 1.25, 50 s left"),
    (runs.Progress(1.0, "evaluating", 1, 10, "batch"), 20, "[1/3] tune: evaluating 1/10 batches, loss 1.25"),
    (runs.PassFinished(1.0, "tune", "LoRA", 1, 3, 9.0, "a"), 80, "[1/3] tune: loss 1.25"),
    (runs.PassSkipped(1.0, "merge", "MergeAdapterWeights", 2, 3, "b"), 90, "[2/3] merge"),
    (runs.PassStarted(1.0, "x", "ModelBuilder", 3, 3), 90, "[3/3] x"),
    (runs.PassFinished(1.0, "x", "ModelBuilder", 3, 3, 9.0, "c"), 99, "[3/3] x"),
    (runs.RunFinished(1.0, "succeeded", 20.0, "models"), 100, "[3/3] x"),
]


def test_a_summary_tells_where_a_run_is() -> None:
    summary = Summary()
    for event, percent, words in STORY:
        summary.add(event)
        assert (summary.percent, summary.line) == (percent, words), event


def test_a_cancelled_run_is_not_done() -> None:
    summary = Summary()
    for event, _, _ in STORY[:6]:
        summary.add(event)
    summary.add(runs.RunFinished(2.0, "cancelled", 20.0))
    assert summary.percent == 20


def test_a_resumed_run_begins_anew() -> None:
    summary = Summary()
    for event, _, _ in STORY[:8]:
        summary.add(event)
    summary.add(runs.RunFailed(2.0, "x", "broken"))
    summary.add(STARTED)
    assert (summary.percent, summary.failed, summary.index) == (0, None, 0)


def test_a_summary_bears_events_that_make_no_sense() -> None:
    summary = Summary()
    summary.add(runs.Progress(1.0, "x", 5, 0, ""))
    summary.add(runs.PassStarted(1.0, "late", "LoRA", 7, 7))
    assert summary.line and 0 <= summary.percent < 100
    summary.add(runs.Log(time.time(), "info", "text"))
    assert summary.line
