"""What was measured and answered, stage beside stage, for the terminal."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

from .columns import COLUMNS, stage_title
from .record import RunReport

if TYPE_CHECKING:
    from rich.table import Table

LONGEST_ANSWER = 60
"""Characters of an answer that are shown; an untrained model talks on."""


def stage_table(report: RunReport) -> Table:
    """A row a stage, a column a measurement; the best of each column is bold."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    table.add_column("Stage")
    for column in COLUMNS:
        table.add_column(column.title, justify="right", no_wrap=True)
    best = {column.name: column.best(report.stages) for column in COLUMNS}
    for stage in report.stages:
        cells = [
            f"[bold green]{column.text(stage)}[/]" if stage.name in best[column.name] else column.text(stage)
            for column in COLUMNS
        ]
        table.add_row(stage_title(stage.name), *cells)
    return table


def answer_table(report: RunReport) -> Table:
    """A row a held-out prompt: what the first stage answered and what the last one does; right answers are green."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    stages = dict.fromkeys((report.stages[0].name, report.stages[-1].name))
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    table.add_column("Prompt")
    for name in stages:
        table.add_column(f"{stage_title(name)} answers")
    for sample in report.samples:
        cells = []
        for name in stages:
            answer = sample.answers.get(name, "")
            shown = escape(shorten(answer, LONGEST_ANSWER, placeholder="…"))
            cells.append(f"[bold green]{shown}[/]" if sample.expected and answer == sample.expected else shown)
        table.add_row(escape(" ".join(sample.prompt.split())), *cells)
    return table
