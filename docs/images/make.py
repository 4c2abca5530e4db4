"""Draw the pictures of the README: python docs/images/make.py REPORT

REPORT is the report.json of a run of examples/phrase-tone. What is shown comes from the functions that print it:
`olivine check` on the example with two typing mistakes, and the table at the end of that run.
"""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from olivine_pipeline import findings
from olivine_pipeline.evaluate import StageMetrics
from olivine_pipeline.report import RunReport, Stage, stage_table
from olivine_schemas.check import check
from olivine_schemas.disk_facts import DiskFacts

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "phrase-tone"
CONFIG = "olive-config.today.json"
MISTAKES = {'"lora_dropout"': '"lora_droput"', '"train_data_config": "phrases"': '"train_data_config": "phrase"'}

NORMAL = [(60, 64, 72), (196, 56, 48), (52, 128, 64), (168, 112, 0), (40, 96, 184), (136, 72, 168), (0, 128, 136)]
LIGHT = TerminalTheme((250, 251, 249), (36, 41, 38), [*NORMAL, (90, 96, 92)])
DARK_NORMAL = [(90, 96, 104), (255, 123, 114), (126, 205, 130), (232, 187, 88), (121, 178, 255), (210, 168, 255)]
DARK = TerminalTheme((22, 27, 24), (222, 228, 222), [*DARK_NORMAL, (110, 210, 214), (190, 196, 192)])


def checked_with_mistakes() -> str:
    """What `olivine check` prints of the example with mistakes, with colours."""
    text = (EXAMPLE / CONFIG).read_text(encoding="utf-8")
    for right, wrong in MISTAKES.items():
        if right not in text:
            raise SystemExit(f"{CONFIG} does not have {right} any more: change MISTAKES")
        text = text.replace(right, wrong)
    problems = check(text, DiskFacts(EXAMPLE)).problems
    return findings.human([findings.Checked("olive-config.json", text, problems)], colour=True)


def report_of(path: Path) -> RunReport:
    """The stages of a report.json; the rest of it is not shown."""
    names = [field.name for field in fields(StageMetrics)]
    data = json.loads(path.read_text(encoding="utf-8"))
    stages = [Stage(entry["name"], StageMetrics(**{name: entry[name] for name in names})) for entry in data["stages"]]
    return RunReport(stages, data["config"], data["started"], data["seconds"])


def draw(report: RunReport, theme: TerminalTheme) -> str:
    """One terminal window: a check that finds mistakes, and the end of a run."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    prompt = "[bold green]$[/] [bold]olivine"
    console.print(f"{prompt} check olive-config.json[/]\n")
    console.print(Text.from_ansi(checked_with_mistakes()))
    console.print(f"\n{prompt} run olive-config.json[/]\n[dim]…[/]")
    console.print(stage_table(report))
    svg = console.export_svg(title="olivine", theme=theme, unique_id="olivine")
    # The font would be fetched from a server; every system has a monospaced one.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace(
        "Fira Code", "ui-monospace, Menlo, Consolas"
    )


def main(arguments: list[str]) -> int:
    """Write both pictures, for light and for dark pages."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    report = report_of(Path(arguments[0]))
    for name, theme in (("light", LIGHT), ("dark", DARK)):
        (HERE / f"terminal-{name}.svg").write_text(draw(report, theme) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
