"""The charts of the page, as figures of plotly in JSON.

Colours are CSS variables of the page, which its script fills in: so a chart follows the page from light to dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from .columns import COLUMNS, TITLES, Column, stage_title
from .record import LossPoint, Stage

MOST_POINTS = 2000
"""Longer curves are thinned to so many points."""
SMOOTH_FROM = 12
"""Shorter curves are drawn as they are."""
NAME_ROOM, VALUE_ROOM = 82, 66
"""Pixels before the bars for the names of the stages, and behind them for the values."""
FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def loss_chart(losses: Sequence[LossPoint], eval_losses: Sequence[LossPoint]) -> str:
    """Training loss, raw and smoothed, and held-out loss over the steps; empty without two points."""
    points, evals = _drawable(losses), _drawable(eval_losses)
    if len(points) < 2:
        return ""
    line = {"color": "var(--olive)", "width": 2.5}
    if len(points) < SMOOTH_FROM:
        traces = [_curve(points, "training", line=line)]
    else:
        faint = {"color": "var(--olive)", "width": 1}
        traces = [_curve(points, "training", line=faint, opacity=0.45)]
        traces.append(_curve(_smooth(points), "smoothed", line=line))
    if evals:
        marker = {"color": "var(--card)", "size": 8, "line": {"color": "var(--held)", "width": 2}}
        style = {"mode": "lines+markers", "line": {"color": "var(--held)", "width": 2}, "cliponaxis": False}
        traces.append(_curve(evals, "held-out", marker=marker, **style))
    axis = {"gridcolor": "var(--line)", "zeroline": False, "automargin": True}
    step = {"tickformat": ",d", "tickprefix": "step ", "showtickprefix": "first"}  # hover labels have it too
    spike = {"spikecolor": "var(--soft)", "spikethickness": 1}
    steps = [point.step for point in (*points, *evals)]
    return _figure(
        traces,
        height=320,
        hovermode="x unified",
        margin={"l": 36, "r": 18, "t": 28, "b": 30},
        legend={"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        xaxis={**axis, **step, **spike, "showgrid": False, "range": [min(steps), max(steps)], "ticklabelstandoff": 6},
        yaxis={**axis, "fixedrange": True, "showspikes": False, "nticks": 6, "tickformat": "~g"},
    )


def stage_charts(stages: Sequence[Stage]) -> list[tuple[Column, str]]:
    """Bars of the stages, a chart for each measurement that at least two of them have."""
    measured = [(column, [stage for stage in stages if column.value(stage) is not None]) for column in COLUMNS]
    return [(column, _bars(column, found)) for column, found in measured if len(found) > 1]


def _bars(column: Column, stages: Sequence[Stage]) -> str:
    values = [column.value(stage) or 0.0 for stage in stages]
    best = column.best(stages)
    texts = [column.text(stage) for stage in stages]
    longest = 1.0 if column.name == "accuracy" else max(values) or 1.0
    first = stage_title(stages[0].name)
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": [escape(stage_title(stage.name)) for stage in stages],
        "text": [f"<b>{text}</b>" if stage.name in best else text for stage, text in zip(stages, texts, strict=True)],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"color": "var(--ink)"},
        "marker": {"color": [_colour(stage) for stage in stages], "cornerradius": 4},
        "hovertext": [f"{value / values[0]:.2f} × {escape(first)}" if values[0] else "" for value in values],
        "hovertemplate": "<b>%{y}</b>  %{text}<br>%{hovertext}<extra></extra>",
    }
    return _figure(
        [trace],
        height=30 * len(stages),
        bargap=0.42,
        margin={"l": NAME_ROOM, "r": VALUE_ROOM, "t": 0, "b": 0},
        showlegend=False,
        xaxis={"visible": False, "fixedrange": True, "range": [0, longest]},
        yaxis={"autorange": "reversed", "fixedrange": True, "ticklabelstandoff": 10, "type": "category"},
    )


def _colour(stage: Stage) -> str:
    return f"var(--{stage.name if stage.name in TITLES else 'merged'})"


def _curve(points: Sequence[LossPoint], name: str, **style: Any) -> dict[str, Any]:
    steps, losses = [point.step for point in points], [point.loss for point in points]
    data = {"type": "scatter", "mode": "lines", "name": name, "x": steps, "y": losses}
    return {**data, "hovertemplate": "%{y:.4g}", **style}


def _figure(traces: Sequence[dict[str, Any]], **layout: Any) -> str:
    """The figure in JSON that is safe within a script element: plotly writes < and > in it as escapes."""
    from plotly.graph_objects import Figure  # only a new page pays for it

    common = {
        "template": {},
        "paper_bgcolor": "var(--card)",
        "plot_bgcolor": "var(--card)",
        "font": {"family": FONT, "size": 13, "color": "var(--soft)"},
        "hoverlabel": {
            "bgcolor": "var(--card)",
            "bordercolor": "var(--edge)",
            "font": {"family": FONT, "size": 13, "color": "var(--ink)"},
        },
    }
    return str(Figure({"data": list(traces), "layout": {**common, **layout}}).to_json())


def _drawable(points: Sequence[LossPoint]) -> list[LossPoint]:
    found = sorted((point for point in points if math.isfinite(point.loss)), key=lambda point: point.step)
    stride = math.ceil(len(found) / MOST_POINTS) or 1
    return found[::-1][::stride][::-1]  # the last point stays


def _smooth(points: Sequence[LossPoint]) -> list[LossPoint]:
    """A moving average centred on each point, narrower at the ends: a trailing one would lag behind a falling loss."""
    reach, line = max(2, len(points) // 20), []
    for index, point in enumerate(points):
        near = min(reach, index, len(points) - 1 - index)
        window = points[index - near : index + near + 1]
        line.append(LossPoint(point.step, sum(p.loss for p in window) / len(window)))
    return line
