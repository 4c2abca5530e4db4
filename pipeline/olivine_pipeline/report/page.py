"""report.json and report.html in the result's folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from olivine_schemas.files import write_whole

from ..wording import duration
from .charts import loss_chart, stage_charts
from .columns import BY_NAME, COLUMNS, stage_title
from .findings import findings
from .record import RunReport, Stage, short_name, to_data

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tile:
    """A number at the top of the page, and what it was before."""

    title: str
    value: str
    before: str


def write_report(folder: Path, report: RunReport, config_folder: Path) -> Path:
    """Write report.json and report.html into `folder`; returns the path of the page, which needs no other file.

    A run that made nothing leaves the page of the run that did: it tells the same, and when and how long.
    """
    data = to_data(report, config_folder)
    record, page = folder / "report.json", folder / "report.html"
    if not (page.exists() and all(entry.cached for entry in report.passes) and _same_results(record, data)):
        write_whole(page, _page(report, data))
    write_whole(record, json.dumps(data, indent=2, ensure_ascii=False) + "\n")  # last: it vouches for the page
    return page


def _same_results(record: Path, data: dict[str, Any]) -> bool:
    try:
        before = json.loads(record.read_text(encoding="utf-8"))
        return _results(before) == _results(data)
    except (OSError, ValueError, TypeError, KeyError):  # no report, or none that Olivine wrote
        return False


def _results(data: dict[str, Any]) -> dict[str, Any]:
    """What a report tells, apart from when the run was and how long it took."""
    passes = [(entry["name"], entry["type"], entry["artifact"]) for entry in data["passes"]]
    return {key: value for key, value in data.items() if key not in ("started", "seconds")} | {"passes": passes}


def _page(report: RunReport, data: dict[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    loss, bars = loss_chart(report.losses, report.eval_losses), stage_charts(report.stages)
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
        bars=[(column, Markup(figure)) for column, figure in bars],
        loss=Markup(loss),
        library=Markup(get_plotlyjs()) if loss or bars else "",
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
