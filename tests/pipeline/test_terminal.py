"""What a person reads while a run goes on: calm on a terminal, plain lines anywhere else."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from olivine_pipeline.errors import RunError
from olivine_pipeline.journal import Journal
from olivine_pipeline.terminal import PlainDisplay, open_display
from olivine_pipeline.wording import amount, clean, duration, measurements, number, size, sparkline, time_left
from olivine_schemas import runs

PASSES = [runs.PassInfo("ft", "LoRA"), runs.PassInfo("merge", "MergeAdapterWeights")]


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_run(journal: Journal) -> None:
    """Tell a run of two passes with everything that can happen in it."""
    journal.run_started("olive-config.json", PASSES, "cpu", {})
    journal.warn("eval-never-runs", "eval_steps is above max_steps.", runs.Location("olive-config.json", 3, 7))
    journal.pass_started("ft", "LoRA", 1, 2)
    for step in range(1, 11):
        journal.progress("Training", step, 10, "steps")
        journal.metric("loss", 2.5 - step / 10, step)
        journal.metric("tokens_per_second", 1204.4, step)
    journal.pass_finished("ft", "LoRA", 1, 2, 252.0, "abc")
    journal.evaluated("ft", {"accuracy": 0.9, "perplexity": None, "first_token_ms": 36.2, "size_bytes": 88e6})
    journal.pass_skipped("merge", "MergeAdapterWeights", 2, 2, "def")
    journal.log("info", "a library says this and that")
    journal.artifact("merge", "model", Path("models/merge"), 542_000_000)
    journal.finished(runs.RunState.SUCCEEDED, 260.0, "models")
    journal.close()


def test_a_run_in_plain_lines() -> None:
    stream = io.StringIO()
    a_run(Journal([open_display(stream)]))
    assert stream.getvalue().splitlines() == [
        "olive-config.json: 2 passes on cpu",
        "warning: eval_steps is above max_steps. [eval-never-runs] at olive-config.json:3:7",
        "[1/2] ft (LoRA) started",
        "[1/2] ft finished in 4 min 12 s, loss 1.5, 1,204 tokens/s",
        "measured ft: accuracy 0.9, first token 36.2 ms, size 88 MB",
        "[2/2] merge (MergeAdapterWeights) cached",
        "merge: models/merge (542 MB)",
        "done in 4 min 20 s: models",
    ]


@pytest.mark.parametrize(
    ("seconds_a_step", "steps", "lines"),
    [
        (0.1, 100, 0),  # over before anyone wonders
        (1.0, 100, 9),  # each tenth
        (0.5, 100, 5),  # no sooner than ten seconds
        (60.0, 1000, 999),  # a sign of life each minute
    ],
)
def test_plain_progress_is_seldom_but_never_silent(seconds_a_step: float, steps: int, lines: int) -> None:
    clock, stream = Clock(), io.StringIO()
    journal = Journal([PlainDisplay(stream, clock)])
    journal.pass_started("ft", "LoRA", 1, 1)
    for step in range(1, steps + 1):
        clock.now += seconds_a_step
        journal.progress("Training", step, steps, "steps")
    told = stream.getvalue().splitlines()[1:]
    assert abs(len(told) - lines) <= 1
    assert all(line.startswith("[1/1] ft: Training ") for line in told)


def test_a_failure_says_what_where_and_what_to_do() -> None:
    stream = io.StringIO()
    journal = Journal([open_display(stream)])
    journal.failed(
        RunError("missing-file", "There is no file data.json.", "Check the path.", runs.Location("a.json", 4, 2))
    )
    assert stream.getvalue() == "failed: a.json:4:2: There is no file data.json. Check the path.\n"


def test_plain_lines_hold_no_control_codes_even_where_libraries_send_some() -> None:
    stream = io.StringIO()
    journal = Journal([open_display(stream)])
    journal.warn("odd", "\x1b[31mred\x1b[0m\rover\x07\x1b]0;title\x07 two\nlines")
    assert stream.getvalue() == "warning: redover two lines [odd]\n"


LIVE = """
import sys
sys.path.insert(0, sys.argv[1])
from olivine_pipeline.journal import Journal
from olivine_pipeline.terminal import LiveDisplay, open_display
from test_terminal import a_run
display = open_display(sys.stdout)
assert isinstance(display, LiveDisplay)
a_run(Journal([display]))
"""


def on_a_terminal(code: str, *arguments: str, columns: int = 100) -> str:
    """What a program writes to a terminal."""
    import pty  # not on Windows

    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=child, stderr=child, env=environment)
    os.close(child)
    chunks = []
    try:
        while chunk := os.read(parent, 65536):
            chunks.append(chunk)
    except OSError:  # how Linux says that the other end is closed
        pass
    assert process.wait(60) == 0, b"".join(chunks).decode()
    return b"".join(chunks).decode()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize("columns", [40, 100])
def test_a_run_on_a_terminal_leaves_ticked_passes_and_a_visible_cursor(columns: int) -> None:
    written = on_a_terminal(LIVE, str(Path(__file__).parent), columns=columns)
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l") > -1
    text = re.sub(r"\s+", " ", clean(written.replace("\r\n", " ")))
    assert "✓ ft LoRA 4 min 12 s loss 1.5" in text
    assert "✓ merge MergeAdapterWeights cached" in text
    assert "! warning: eval_steps is above max_steps." in text
    assert "✓ done in 4 min 20 s: models" in text
    assert "a library says" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.7, "1 min 00 s"), (252, "4 min 12 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1 s left"), (7.4, "7 s left"), (43, "45 s left"), (58, "1 min left"), (3590, "1 h 00 min left")],
)
def test_remaining_times(seconds: float, text: str) -> None:
    assert time_left(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (88_000_000, "88 MB"), (999_600_000, "1.0 GB"), (1.85e9, "1.9 GB")]
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1204.4, "1,204"), (3.0, "3"), (0.90124, "0.9012"), (1e-5, "1e-05"), (-1.5, "-1.5")]
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("done", "total", "unit", "text"),
    [
        (17, 30, "layer", "17/30 layers"),
        (1, 1, "step", "1/1 step"),
        (3, 10, "batch", "3/10 batches"),
        (5, 0, "rows", "5 rows"),
        (0, 0, "layer", ""),
        (1.2e9, 5e9, "bytes", "1.2 GB of 5.0 GB"),
    ],
)
def test_amounts_of_work(done: float, total: float, unit: str, text: str) -> None:
    assert amount(runs.Progress(0.0, "work", done, total, unit)) == text


def test_files_are_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = runs.Location(str(tmp_path / "sub" / "a.json"), 4, 2)
    stream = io.StringIO()
    journal = Journal([open_display(stream)])
    journal.failed(RunError("x", "No such layer", "Name one.", here))
    journal.finished(runs.RunState.SUCCEEDED, 1.0, str(tmp_path.parent / "models"))
    first, second = stream.getvalue().splitlines()
    assert first == f"failed: {Path('sub', 'a.json')}:4:2: No such layer. Name one."
    assert second == f"done in 1.0 s: {tmp_path.parent / 'models'}"


def test_what_could_not_be_measured_is_left_out() -> None:
    assert measurements({"accuracy": None, "perplexity": 6.473}) == "perplexity 6.473"


@pytest.mark.parametrize(
    ("values", "blocks"),
    [([], ""), ([1.0], ""), ([1, 1, 1], "▁▁▁"), ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"), ([3, 1], "█▁")],
)
def test_the_course_of_a_number(values: list[float], blocks: str) -> None:
    assert sparkline(values) == blocks


def test_a_long_course_is_as_wide_as_a_short_one() -> None:
    assert len(sparkline([float(step % 7) for step in range(1000)], width=16)) == 16
