"""Problems of config files as people and programs read them: text with carets, JSON, SARIF 2.1.0."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from olivine_schemas.problems import Problem, Severity, Span

from .errors import ConfigRefused
from .wording import near

COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFORMATION: "34", Severity.HINT: "36"}
SARIF_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "note",
    Severity.HINT: "note",
}


@dataclass(frozen=True)
class Checked:
    """A file, its text, and what was found in it."""

    file: str
    text: str
    problems: Sequence[Problem]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1; columns count characters."""
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)


def of_refusal(error: ConfigRefused) -> Checked:
    """What a refused config is refused for."""
    return Checked(near(error.path), error.text, error.problems)


def refused(findings: Sequence[Checked], strict: bool = False) -> bool:
    """Whether any finding is an error, or when `strict` a warning."""
    grave = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(problem.severity in grave for checked in findings for problem in checked.problems)


def human(findings: Sequence[Checked], colour: bool) -> str:
    """Every problem with its place, its line and carets below it, and a count at the end."""
    paint = _painter(colour)
    blocks = [_block(checked, problem, paint) for checked in findings for problem in _in_order(checked.problems)]
    return "\n".join([*blocks, summary(findings, paint)])


def summary(findings: Sequence[Checked], paint: Callable[[str, str], str] = lambda text, code: text) -> str:
    """One line: how many problems of each severity, and how many of them `--fix` can mend."""
    problems = [problem for checked in findings for problem in checked.problems]
    if not problems:
        return paint("No problems found.", "32")
    counts = [(severity, sum(problem.severity is severity for problem in problems)) for severity in Severity]
    line = ", ".join(paint(_count(number, severity.value), COLOURS[severity]) for severity, number in counts if number)
    fixable = sum(len(problem.fixes) == 1 for problem in problems)
    return f"{line}; {fixable} of them can be mended with --fix." if fixable else f"{line}."


def as_json(findings: Sequence[Checked]) -> list[dict[str, Any]]:
    """The problems as plain data; lines and columns count from 1, the end is exclusive."""
    return [
        {
            "file": checked.file,
            **_range(checked, problem.span),
            "severity": problem.severity.value,
            "code": problem.code,
            "message": problem.message,
            "fixes": [
                {"title": fix.title, "edits": [{**_range(checked, e.span), "newText": e.text} for e in fix.edits]}
                for fix in problem.fixes
            ],
        }
        for checked in findings
        for problem in _in_order(checked.problems)
    ]


def as_sarif(findings: Sequence[Checked], version: str) -> dict[str, Any]:
    """The problems as a SARIF 2.1.0 log, which code hosts show beside a change."""
    codes = sorted({problem.code for checked in findings for problem in checked.problems})
    driver = {"name": "Olivine", "version": version, "rules": [{"id": code} for code in codes]}
    results = [_sarif_result(checked, problem) for checked in findings for problem in _in_order(checked.problems)]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def wants_colour(stream: TextIO) -> bool:
    """Whether escape codes are welcome on a stream: a terminal that has colours, and no wish against them."""
    import os

    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return False
    if sys.platform == "win32":
        os.system("")  # turns on escape codes in older Windows consoles
    return True


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.span)


def _painter(colour: bool) -> Callable[[str, str], str]:
    return (lambda text, code: f"\x1b[{code}m{text}\x1b[0m") if colour else (lambda text, code: text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number > 1 and noun != "information" else "")


def _block(checked: Checked, problem: Problem, paint: Callable[[str, str], str]) -> str:
    line, column = checked.position(problem.span.start)
    colour = COLOURS[problem.severity]
    place = paint(f"{checked.file}:{line}:{column}:", "1")
    head = f"{place} {paint(problem.severity.value, f'1;{colour}')} {paint(problem.code, colour)} {problem.message}"
    source = checked.text.split("\n")[line - 1].rstrip("\r")
    carets = _carets(source, column, problem.span.end - problem.span.start)
    gutter = " " * len(str(line))
    lines = [head, f" {paint(f'{line} |', '2')} {source}", f" {paint(f'{gutter} |', '2')} {paint(carets, colour)}"]
    lines += [f" {paint(f'{gutter} =', '2')} fix: {fix.title}" for fix in problem.fixes]
    return "\n".join(lines) + "\n"


def _carets(source: str, column: int, length: int) -> str:
    """Spaces and carets that stand under the characters of a line, tabs and wide characters included."""
    before, marked = source[: column - 1], source[column - 1 : column - 1 + length]
    indent = "".join("\t" if character == "\t" else " " * _cells(character) for character in before)
    return indent + "^" * max(1, sum(map(_cells, marked)))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _range(checked: Checked, span: Span) -> dict[str, int]:
    line, column = checked.position(span.start)
    end_line, end_column = checked.position(span.end)
    return {"line": line, "column": column, "endLine": end_line, "endColumn": end_column}


def _sarif_region(checked: Checked, span: Span) -> dict[str, int]:
    place = _range(checked, span)
    return {
        "startLine": place["line"],
        "startColumn": place["column"],
        "endLine": place["endLine"],
        "endColumn": place["endColumn"],
    }


def _sarif_result(checked: Checked, problem: Problem) -> dict[str, Any]:
    artifact = {"uri": _uri(checked.file)}
    place = {"artifactLocation": artifact, "region": _sarif_region(checked, problem.span)}
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "level": SARIF_LEVELS[problem.severity],
        "message": {"text": problem.message},
        "locations": [{"physicalLocation": place}],
    }
    if problem.fixes:
        result["fixes"] = [
            {
                "description": {"text": fix.title},
                "artifactChanges": [
                    {
                        "artifactLocation": artifact,
                        "replacements": [
                            {"deletedRegion": _sarif_region(checked, edit.span), "insertedContent": {"text": edit.text}}
                            for edit in fix.edits
                        ],
                    }
                ],
            }
            for fix in problem.fixes
        ]
    return result


def _uri(file: str) -> str:
    """A reference relative to where the program ran, as code hosts expect, or else a file: URI."""
    from urllib.parse import quote

    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
