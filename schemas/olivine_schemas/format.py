"""Pretty-printing a config text by edits to the space between its tokens."""

from __future__ import annotations

import re

from .edits import indent_unit, line_end
from .parser import parse
from .problems import Edit, Span

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\r\n]*|/\*.*?\*/|[{}\[\],:]|[^\s{}\[\],:"/]+', re.DOTALL)
_SHORT_ARRAY = re.compile(r'\[(?:"(?:[^"\\\r\n]|\\.)*"|[^\[\]{}"\r\n/])*\]')
_HARMLESS = {"comment", "trailing-comma", "duplicate-key"}


def format_json(text: str, indent: str | None = None) -> list[Edit]:
    """The edits that lay a JSON text out, one member a line, keeping its comments and its short arrays on one line.

    `indent` is one level of indentation, the text's own if not given. A text with syntax errors gets no edits.
    """
    parsed = parse(text)
    if any(problem.code not in _HARMLESS for problem in parsed.problems):
        return []
    unit = indent_unit(text) if indent is None else indent
    newline = line_end(text)
    edits: list[Edit] = []
    previous, end, depth, flat_until = "", int(text.startswith("\ufeff")), 0, -1
    for match in _TOKEN.finditer(text, end):
        token, start = match[0], match.start()
        depth -= token in "}]"
        flat = start < flat_until
        gap = _gap(previous, token, text[end:start], newline, unit * depth, flat)
        if gap != text[end:start]:
            edits.append(Edit(Span(end, start), gap))
        depth += token in "{["
        if token == "[" and (short := _SHORT_ARRAY.match(text, start)):
            flat_until = short.end()
        previous, end = token, match.end()
    closing = newline if _breaks(text[end:]) or previous.startswith("//") else ""
    if text[end:] != closing:
        edits.append(Edit(Span(end, len(text)), closing))
    return edits


def _gap(previous: str, token: str, now: str, newline: str, indent: str, flat: bool) -> str:
    """The space between two tokens, which is `now` so far."""
    if not previous:
        return ""
    comment = token.startswith(("//", "/*"))
    after_comment = previous.startswith(("//", "/*"))
    if previous.startswith("//") or ((comment or after_comment) and _breaks(now)):
        return _line(now, newline, indent)
    if comment:
        return " "
    if token in ",:":
        return ""
    if previous == ":" or after_comment:
        return " "
    if previous + token in ("{}", "[]"):
        return ""
    if flat:
        return " " if previous == "," and token != "]" else ""
    return _line(now, newline, indent)


def _line(now: str, newline: str, indent: str) -> str:
    """A new line, after the one empty line that a person may have left."""
    empty = now.replace("\r\n", "\n").replace("\r", "\n").count("\n") > 1
    return newline * (1 + empty) + indent


def _breaks(space: str) -> bool:
    return "\n" in space or "\r" in space
