"""The loss curve as a drawing that needs nothing but the browser."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .record import LossPoint

WIDTH, HEIGHT = 880, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 76, 14, 34
MOST_POINTS = 300
"""Longer curves are thinned to so many points."""
SMOOTH_FROM = 12
"""Shorter curves are drawn as they are."""

Scale = Callable[[float], float]
"""From a step or a loss to a place in the drawing."""


def loss_chart(losses: Sequence[LossPoint], eval_losses: Sequence[LossPoint]) -> str:
    """SVG of training and held-out loss over the steps; values appear under the pointer. Empty without two points."""
    points, evals = _finite(losses), _finite(eval_losses)
    if len(points) < 2:
        return ""
    everything = [*points, *evals]
    ticks = _ticks(min(p.loss for p in everything), max(p.loss for p in everything), 4)
    low, high = ticks[0], ticks[-1]
    first, last = min(p.step for p in everything), max(p.step for p in everything)

    def x(step: float) -> float:
        return LEFT + (step - first) / max(1, last - first) * (WIDTH - LEFT - RIGHT)

    def y(loss: float) -> float:
        return TOP + (high - loss) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def path(line: Sequence[LossPoint]) -> str:
        return "M" + "L".join(f"{x(p.step):.1f} {y(p.loss):.1f}" for p in line)

    smooth = _smooth(points) if len(points) >= SMOOTH_FROM else points
    parts = [f'<svg class="loss" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Loss over training steps">']
    parts += _axes(ticks, first, last, x, y)
    if smooth is not points:
        parts.append(f'<path class="raw" d="{path(points)}"/>')
    floor = HEIGHT - BOTTOM
    under = f"L{x(smooth[-1].step):.1f} {floor}L{x(smooth[0].step):.1f} {floor}Z"
    parts.append(f'<path class="area" d="{path(smooth)}{under}"/>')
    parts.append(f'<path class="train" d="{path(smooth)}"/>')
    ends = [("train", "training", smooth[-1])]
    if evals:
        parts.append(f'<path class="eval" d="{path(evals)}"/>')
        parts += [f'<circle class="evaldot" cx="{x(p.step):.1f}" cy="{y(p.loss):.1f}" r="3.5"/>' for p in evals]
        ends.append(("eval", "held-out", evals[-1]))
    heights = _apart([y(point.loss) for _, _, point in ends], 16)
    for (name, title, point), height in zip(ends, heights, strict=True):
        parts.append(f'<text class="end {name}" x="{x(point.step) + 10:.1f}" y="{height + 4:.1f}">{title}</text>')
    parts += _hover(points, evals, x, y)
    return "".join([*parts, "</svg>"])


def _axes(ticks: Sequence[float], first: int, last: int, x: Scale, y: Scale) -> list[str]:
    marks = []
    for tick in ticks:
        marks.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        marks.append(f'<text class="tick" x="{LEFT - 10}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in _ticks(first, last, 6):
        if first <= tick <= last and tick == int(tick):
            marks.append(
                f'<text class="tick" x="{x(tick):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{int(tick)}</text>'
            )
    marks.append(f'<text class="tick" x="{WIDTH - RIGHT + 26}" y="{HEIGHT - 12}">step</text>')
    return marks


def _hover(points: Sequence[LossPoint], evals: Sequence[LossPoint], x: Scale, y: Scale) -> list[str]:
    """A band for each point that shows its values while the pointer is over it."""
    by_step = {point.step: point.loss for point in evals}
    marks, floor = [], HEIGHT - BOTTOM
    for index, point in enumerate(points):
        middle, level = x(point.step), y(point.loss)
        left = (x(points[index - 1].step) + middle) / 2 if index else middle - 4
        right = (x(points[index + 1].step) + middle) / 2 if index + 1 < len(points) else middle + 4
        text = f"step {point.step} · loss {point.loss:.4g}"
        if point.step in by_step:
            text += f" · held-out {by_step[point.step]:.4g}"
        anchor, offset = ("start", 8) if middle < WIDTH / 2 else ("end", -8)
        marks.append(
            f'<g class="hit"><rect x="{left:.1f}" y="{TOP}" width="{max(1, right - left):.1f}" height="{floor - TOP}"/>'
            f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{TOP}" y2="{floor}"/>'
            f'<circle cx="{middle:.1f}" cy="{level:.1f}" r="4"/>'
            f'<text x="{middle + offset:.1f}" y="{TOP + 12}" text-anchor="{anchor}">{text}</text></g>'
        )
    return marks


def _finite(points: Sequence[LossPoint]) -> list[LossPoint]:
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


def _ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers that enclose low and high."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= count)
    start, end = math.floor(low / step), math.ceil(high / step)
    return [round(index * step, 10) for index in range(start, max(end, start + 1) + 1)]


def _apart(heights: list[float], distance: float) -> list[float]:
    """The same heights, moved so that two labels do not overlap."""
    if len(heights) == 2 and abs(heights[0] - heights[1]) < distance:
        middle, sign = sum(heights) / 2, 1 if heights[0] >= heights[1] else -1
        return [middle + sign * distance / 2, middle - sign * distance / 2]
    return heights
