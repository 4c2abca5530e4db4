"""What a run looks like in a terminal: a list of passes with one living line, or plain lines where nobody looks on."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from olivine_schemas import runs

from .wording import amount, clean, duration, measurement, near, number, sparkline, time_left, told

PENDING_SHOWN = 4
QUIET_SECONDS, SILENT_SECONDS, QUIET_SHARE = 10.0, 60.0, 0.1
"""Plain progress: no line sooner than 10 s after the last, then one for each tenth of the work or each minute."""


class Display(Protocol):
    """A terminal that shows a run."""

    def write(self, event: runs.Event) -> None:
        """Show one event."""

    def stopping(self) -> None:
        """Say that the run was asked to stop and will."""

    def show(self, renderable: object) -> None:
        """Print a text or a rich renderable."""

    def show_text(self, text: str) -> None:
        """Print a text that is laid out and coloured already."""

    def close(self) -> None:
        """Leave the terminal as it was."""

    @property
    def colour(self) -> bool:
        """Whether escape codes are welcome."""


def open_display(stream: TextIO, plain: bool = False) -> Display:
    """The display that fits the stream: live on a terminal that can, else plain lines."""
    can = stream.isatty() and os.environ.get("TERM") != "dumb" and "utf" in (stream.encoding or "").lower()
    return LiveDisplay(stream) if can and not plain else PlainDisplay(stream)


class Numbers:
    """The metrics of the current pass that are worth a glance: the latest of each, and the course of the loss."""

    SHOWN = ("loss", "eval_loss", "tokens_per_second")

    def __init__(self) -> None:
        self.latest: dict[str, float] = {}
        self._losses: deque[float] = deque(maxlen=256)

    def add(self, metric: runs.Metric) -> None:
        self.latest[metric.name] = metric.value
        if metric.name == "loss":
            self._losses.append(metric.value)

    def __str__(self) -> str:
        return ", ".join(measurement(name, self.latest[name]) for name in self.SHOWN if name in self.latest)

    @property
    def course(self) -> str:
        return sparkline(list(self._losses))


class PlainDisplay:
    """One line for each thing that happens, without control codes: for logs, pipes and screen readers."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._numbers = Numbers()
        self._pass = ""
        self._told = (clock(), 0.0, "")

    def write(self, event: runs.Event) -> None:
        line = self._line(event)
        if line:
            print(clean(line), file=self._stream, flush=True)

    def stopping(self) -> None:
        print("stopping; a second interrupt ends the run at once", file=self._stream, flush=True)

    def show(self, renderable: object) -> None:
        from rich.console import Console

        Console(file=self._stream, force_terminal=False, width=100).print(renderable)

    def show_text(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        pass

    colour = False

    def _line(self, event: runs.Event) -> str | None:
        if isinstance(event, runs.PassStarted):
            self._pass = f"[{event.index}/{event.of}] {event.name}"
            self._numbers = Numbers()
            self._told = (self._clock(), 0.0, "")
            return f"{self._pass} ({event.pass_type}) started"
        if isinstance(event, runs.PassSkipped):
            return f"[{event.index}/{event.of}] {event.name} ({event.pass_type}) cached"
        if isinstance(event, runs.PassFinished):
            return f"[{event.index}/{event.of}] {event.name} finished in {duration(event.seconds)}{self._in_numbers()}"
        if isinstance(event, runs.Metric):
            self._numbers.add(event)
            return None
        if isinstance(event, runs.Progress):
            return self._progress(event)
        return told(event)

    def _progress(self, event: runs.Progress) -> str | None:
        when, share, doing = self._told
        now = self._clock()
        reached = event.done / event.total if event.total > 0 else 0.0
        further = reached - share >= QUIET_SHARE or event.doing != doing or now - when >= SILENT_SECONDS
        if now - when < QUIET_SECONDS or not further:
            return None
        self._told = (now, reached, event.doing)
        left = f", {time_left(event.eta_seconds)}" if event.eta_seconds is not None else ""
        return f"{self._pass}: {event.doing} {amount(event)}{self._in_numbers()}{left}"

    def _in_numbers(self) -> str:
        return f", {self._numbers}" if self._numbers.latest and str(self._numbers) else ""


class LiveDisplay:
    """Finished passes as ticked lines, below them the current pass with its bar, and the passes still to come."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self._console = Console(file=stream, highlight=False)
        self._spinner = Spinner("dots", style="cyan")
        self._plan: list[runs.PassInfo] = []
        self._current: runs.PassStarted | None = None
        self._progress: runs.Progress | None = None
        self._numbers = Numbers()
        self._stopping = False
        self._widths = (0, 0)
        self._live = Live(get_renderable=self._picture, console=self._console, refresh_per_second=8, transient=True)

    def write(self, event: runs.Event) -> None:
        if isinstance(event, runs.RunStarted):
            self._start(event)
        elif isinstance(event, runs.PassStarted):
            self._current, self._progress, self._numbers = event, None, Numbers()
        elif isinstance(event, runs.Progress):
            self._progress = event
        elif isinstance(event, runs.Metric):
            self._numbers.add(event)
        elif isinstance(event, (runs.PassSkipped, runs.PassFinished)):
            self._ended_pass(event)
        else:
            self._say(event)

    def stopping(self) -> None:
        self._stopping = True
        self._console.show_cursor(True)  # a second interrupt ends the process before the display can
        self._console.print("  [yellow]Stopping[/] after the step at hand; Ctrl+C again ends the run at once")

    def show(self, renderable: object) -> None:
        from rich.padding import Padding

        self._console.print(Padding(renderable, (0, 0, 0, 1)))  # type: ignore[arg-type]  # whatever rich can print

    def show_text(self, text: str) -> None:
        self._console.file.write(text + "\n")
        self._console.file.flush()

    def close(self) -> None:
        self._live.stop()

    @property
    def colour(self) -> bool:
        return self._console.color_system is not None

    def _start(self, event: runs.RunStarted) -> None:
        self._plan = list(event.passes)
        names, types = [p.name for p in event.passes], [p.type for p in event.passes]
        self._widths = (max(map(len, names), default=0), max(map(len, types), default=0))
        count = f"{len(names)} pass" + ("es" if len(names) != 1 else "")
        self._console.print()
        self._console.print(
            _text(("  olivine  ", "bold green"), (clean(near(event.config)), ""), (f"  {event.device}, {count}", "dim"))
        )
        self._console.print()
        self._live.start()

    def _ended_pass(self, event: runs.PassSkipped | runs.PassFinished) -> None:
        cached = isinstance(event, runs.PassSkipped)
        took = "cached" if cached else duration(event.seconds)  # type: ignore[union-attr]
        loss = self._numbers.latest.get("loss") if not cached else None
        result = f"   loss {number(loss)}" if loss is not None else ""
        self._current = self._progress = None
        self._numbers = Numbers()
        self._plan = self._plan[1:] if self._plan and self._plan[0].name == event.name else self._plan
        style = "dim" if cached else ""
        self._console.print(
            _text(
                ("  ✓ ", "green"),
                (self._title(event.name, event.pass_type), style),
                (f"{took:>12}", style),
                (result, "dim"),
            )
        )

    def _say(self, event: runs.Event) -> None:
        line = told(event)
        if isinstance(event, runs.Evaluated):
            self._progress = None
        if isinstance(event, (runs.RunFailed, runs.RunFinished)):
            self._live.stop()
            self._console.print()
        if line is not None:
            mark, style = mark_of(event)
            self._console.print(_hanging(mark, style, clean(line)))

    def _picture(self) -> Any:
        """The living part: the current pass, its bar, its numbers, and what comes next."""
        from rich.console import Group

        current = self._current
        waiting = self._plan[1:] if current and self._plan and self._plan[0].name == current.name else self._plan
        lines: list[Any] = [self._heading(current), *self._work()] if current else self._work()
        lines += [_text((f"  ○ {self._title(p.name, p.type)}", "dim")) for p in waiting[:PENDING_SHOWN]]
        if len(waiting) > PENDING_SHOWN:
            lines.append(_text((f"    and {len(waiting) - PENDING_SHOWN} more", "dim")))
        return Group(*lines)

    def _heading(self, current: runs.PassStarted) -> Any:
        from rich.table import Table

        row = Table.grid()
        state = "stopping" if self._stopping else f"pass {current.index} of {current.of}"
        title = _text((self._title(current.name, current.pass_type), "bold"), (f"{state:>12}", "dim"))
        row.add_row(_text(("  ", "")), self._spinner, _text((" ", "")), title)
        return row

    def _work(self) -> list[Any]:
        lines: list[Any] = []
        if self._progress:
            lines.append(self._bar(self._progress))
        if str(self._numbers):
            lines.append(_text((f"      {self._numbers}  ", "dim"), (self._numbers.course, "cyan")))
        return lines

    def _bar(self, progress: runs.Progress) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        bar = ProgressBar(
            total=progress.total or None,
            completed=progress.done,
            width=max(10, min(32, self._console.width - 58)),
            pulse=progress.total <= 0,
            complete_style="cyan",
            finished_style="cyan",
            pulse_style="cyan",
        )
        left = f"  {time_left(progress.eta_seconds)}" if progress.eta_seconds is not None else ""
        work = Table.grid(padding=(0, 2, 0, 0))
        work.add_row(_text((clean(progress.doing), "")), bar, _text((amount(progress), ""), (left, "dim")))
        row = Table.grid()
        row.add_row(
            *((_text(("      ", "")),) if self._current else (_text(("  ", "")), self._spinner, _text((" ", "")))), work
        )
        return row

    def _title(self, name: str, type: str) -> str:
        return f"{clean(name):<{self._widths[0]}}  {clean(type):<{self._widths[1]}}"


def mark_of(event: runs.Event) -> tuple[str, str]:
    """The mark before an event's line, and its style."""
    if isinstance(event, (runs.Warned, runs.Log)):
        return "!", "yellow"
    if isinstance(event, runs.RunFailed):
        return "✗", "bold red"
    if isinstance(event, runs.RunFinished) and event.state == runs.RunState.SUCCEEDED.value:
        return "✓", "bold green"
    return "·", "dim"


def _hanging(mark: str, style: str, text: str) -> Any:
    """A marked line whose continuation lines stand under its text."""
    from rich.table import Table

    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=3, justify="right")
    row.add_column(overflow="fold")
    row.add_row(_text((mark, style)), _text((text, style)))
    return row


def _text(*parts: tuple[str, str]) -> Any:
    from rich.text import Text

    return Text.assemble(*parts)
