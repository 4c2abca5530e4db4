"""The stages side by side, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .columns import COLUMNS, stage_title
from .record import RunReport

if TYPE_CHECKING:
    from rich.table import Table


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
