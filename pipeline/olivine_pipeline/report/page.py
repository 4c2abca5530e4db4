"""report.json and report.html in the result's folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from olivine_schemas.files import write_whole

from .columns import BY_NAME, COLUMNS, Column, duration, stage_title
from .findings import findings
from .loss_chart import loss_chart
from .record import RunReport, Stage, short_name, to_data

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tile:
    """A number at the top of the page, and what it was before."""

    title: str
    value: str
    before: str


def write_report(folder: Path, report: RunReport, config_folder: Path) -> Path:
    """Write report.json and report.html into `folder`; returns the path of the page, which needs no other file."""
    data = to_data(report, config_folder)
    write_whole(folder / "report.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    page = folder / "report.html"
    write_whole(page, _page(report, data))
    return page


def _page(report: RunReport, data: dict[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        title=short_name(data["config"]),
        started=datetime.fromisoformat(report.started.replace("Z", "+00:00")).astimezone(timezone.utc),
        took=duration(report.seconds),
        tiles=_tiles(report.stages),
        findings=findings(report),
        columns=COLUMNS,
        best={column.name: column.best(report.stages) for column in COLUMNS},
        bars=[(column, bars) for column in COLUMNS if len(bars := _bars(column, report.stages)) > 1],
        loss=Markup(loss_chart(report.losses, report.eval_losses)),  # numbers only: nothing to escape
        stage_title=stage_title,
        duration=duration,
        config=json.dumps(data["config"], indent=2, ensure_ascii=False),
    )


def _tiles(stages: Sequence[Stage]) -> list[Tile]:
    """The last value of the measurements that matter most, each with the first."""
    tiles = []
    for name in ("accuracy", "perplexity", "tokens_per_second", "size_bytes"):
        column = BY_NAME[name]
        measured = [stage for stage in stages if column.value(stage) is not None]
        if measured:
            before = f"{stage_title(measured[0].name)}: {column.text(measured[0])}" if len(measured) > 1 else ""
            tiles.append(Tile(column.title, column.text(measured[-1]), before))
    return tiles


def _bars(column: Column, stages: Sequence[Stage]) -> list[tuple[Stage, float]]:
    """The measured stages with the length of their bars in percent."""
    values = [(stage, value) for stage in stages if (value := column.value(stage)) is not None]
    longest = 1.0 if column.name == "accuracy" else max((value for _, value in values), default=0.0) or 1.0
    return [(stage, round(100 * value / longest, 1)) for stage, value in values]
