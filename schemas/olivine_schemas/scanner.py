"""Reading one string, number or word of a config at a place where the text may be damaged.

Each function returns the node and what is wrong with it. A string never goes past the end of its line, so that one lost
quote damages one line; whether a quote is lost is judged from what follows it, because a string ends before one of
`, : } ]` or the line's end.
"""

from __future__ import annotations

import json
import re

from .problems import Edit, Fix, Problem, Severity, Span
from .tree import Missing, Scalar

_DECODER = json.JSONDecoder(strict=False)

ENDS = r"(?=[ \t]*(?:[,:}\]\r\n]|/[/*]|\Z))"
NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}

_STRING = re.compile(r'"([^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*)\\?("?)')
_ENDS = re.compile(ENDS)
_LOST_KEY_END = re.compile(r'"([^":{}\[\],\r\n]{0,200}?)[ \t]*:')
_LOST_ITEM_END = re.compile(r"[ \t}\]]*,[ \t]*\Z")
_LOST_LINE_END = re.compile(r"(?:\\\")?[ \t,]*(?:[ \t}\],]*)\Z")
_EXTRA_QUOTE = re.compile(r'[^"{}\[\],:\r\n]{0,200}"' + ENDS)
_SECOND_LINE = re.compile(r'(?:\r\n|\n|\r)[^"\\\r\n]{0,1000}"' + ENDS)
_LOST_KEY_START = re.compile(r'[^"{}\[\],:\r\n]{1,200}"' + ENDS)
_LOST_VALUE_START = re.compile(r'[^"\[\]{}\r\n]{1,1000}"' + ENDS)
_SINGLE_QUOTED = re.compile(r"'((?:[^'\\\r\n]|\\[^\r\n])*)'" + ENDS)
_ATOM = re.compile(rf"(?:{NUMBER}|true|false|null)(?=[\s,:{{}}\[\]]|/[/*]|\Z)")
_BAD_NUMBER = re.compile(r"([-+]?)(?:([0-9]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?)|(NaN|Infinity)|0[xX]([0-9a-fA-F]+))\Z")
_WORD = re.compile(r"""[^\s"{}\[\],:]+|.""", re.DOTALL)
_PYTHON = {"True": True, "False": False, "None": None}
_BAD_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}|(?P<bad>))')
_CONTROL = re.compile(r"[\x00-\x1f]")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\|\\\\")


def error(start: int, end: int, code: str, message: str, *fixes: Fix) -> Problem:
    """A problem of severity error at text[start:end]."""
    return Problem(Span(start, end), Severity.ERROR, code, message, fixes)


def replace(title: str, start: int, end: int, text: str) -> Fix:
    """A fix of one edit."""
    return Fix(title, (Edit(Span(start, end), text),))


def number(token: str) -> int | float:
    """The value of a JSON number; one with more digits than Python reads becomes infinite."""
    try:
        return int(token)
    except ValueError:
        return float(token)


def scan(text: str, at: int, as_key: bool = False) -> tuple[Scalar | Missing, list[Problem]]:
    """Read what starts at `at`, at least one character: not space, comment, bracket, comma or colon.

    As a key everything is a string, so the node is a Scalar.
    """
    if text[at] == '"':
        return _string(text, at, as_key)
    atom = None if as_key else _ATOM.match(text, at)
    if atom:
        token = atom[0]
        return Scalar(Span(*atom.span()), CONSTANTS[token] if token in CONSTANTS else number(token)), []
    single = _SINGLE_QUOTED.match(text, at)
    if single:
        return _single_quoted(single)
    lost = (_LOST_KEY_START if as_key else _LOST_VALUE_START).match(text, at)
    if lost:
        problem = error(at, lost.end(), "unclosed", 'The opening " is missing', replace('Insert "', at, at, '"'))
        return Scalar(Span(*lost.span()), lost[0][:-1]), [problem]
    return (_bare_key if as_key else _bare_value)(text, at)


def _string(text: str, at: int, as_key: bool) -> tuple[Scalar, list[Problem]]:
    """Read the string whose opening quote is at `at`, wherever it seems to end."""
    match = _STRING.match(text, at)
    assert match is not None
    end = match.end()
    if match[2] and (_ENDS.match(text, end) or (text[end] in ' \t"' and not _EXTRA_QUOTE.match(text, end))):
        return _decoded(text, at, end)
    if as_key:
        key = _LOST_KEY_END.match(text, at)
        if key:
            return _unclosed(at, key.end(1), key[1])
    if not match[2]:
        second = _SECOND_LINE.match(text, end)
        if second:
            return _decoded(text, at, second.end())
        return _unclosed(at, *_cut(at, text[at + 1 : end], _LOST_LINE_END))
    if _LOST_ITEM_END.search(match[1]):
        return _unclosed(at, *_cut(at, match[1], _LOST_ITEM_END))
    extra = _EXTRA_QUOTE.match(text, end)
    if extra and match[1].isspace():
        problem = error(
            at, at + 1, "unexpected-text", 'There is a " too many here', replace("Remove it", at, at + 1, "")
        )
        return Scalar(Span(end - 1, extra.end()), text[end : extra.end() - 1]), [problem]
    if extra:
        raw = text[at + 1 : extra.end() - 1]
        value = raw.strip('"') if raw[:1] == '"' or raw[-1:] == '"' else raw
        title = "Remove the extra quote" if value != raw else 'Write the quote inside as \\"'
        fix = replace(title, at, extra.end(), json.dumps(value, ensure_ascii=False))
        problem = error(at, extra.end(), "unexpected-text", 'There is a " too many in this string', fix)
        return Scalar(Span(at, extra.end()), value), [problem]
    return _decoded(text, at, end)


def _cut(at: int, content: str, pattern: re.Pattern[str]) -> tuple[int, str]:
    """Where a string without closing quote ends: before the commas and brackets that close what is around it."""
    tail = pattern.search(content)
    kept = content[: tail.start()] if tail else content
    if "{" in kept or "[" in kept:
        kept = content.rstrip(" \t,")
    return at + 1 + len(kept), kept


def _unclosed(at: int, end: int, value: str) -> tuple[Scalar, list[Problem]]:
    fix = replace('Insert "', end, end, '"')
    return Scalar(Span(at, end), value), [error(at, end, "unclosed", 'The closing " of this string is missing', fix)]


def _decoded(text: str, at: int, end: int) -> tuple[Scalar, list[Problem]]:
    """The string text[at:end], both quotes included, with its escapes read."""
    raw, span = text[at + 1 : end - 1], Span(at, end)
    problems = []
    control = _CONTROL.search(raw)
    if control:
        place = at + 1 + control.start()
        clean = _CONTROL.sub(lambda match: json.dumps(match[0])[1:-1], raw)
        fix = replace("Write it as an escape", at + 1, end - 1, clean)
        shown = json.dumps(control[0])[1:-1]
        message = f"A string must write this character as {shown}"
        problems.append(error(place, place + 1, "control-character", message, fix))
    if "\\" not in raw:
        return Scalar(span, raw), problems
    bad = next((match for match in _BAD_ESCAPE.finditer(raw) if match["bad"] is not None), None)
    if bad:
        place = at + 1 + bad.start()
        repaired = _double_backslashes(raw)
        fix = replace("Write each backslash as \\\\", at + 1, end - 1, repaired)
        shown = raw[bad.start() : bad.start() + 2]
        message = f"{shown} is no escape of JSON; a backslash itself is written \\\\"
        problems.append(error(place, min(place + 2, end - 1), "bad-escape", message, fix))
        raw = repaired
    return Scalar(span, _DECODER.decode(f'"{raw}"')), problems


def _double_backslashes(raw: str) -> str:
    """`raw` with its bad escapes as backslashes; in a Windows path also those that are escapes only by accident."""
    path = _WINDOWS_PATH.match(raw)

    def doubled(match: re.Match[str]) -> str:
        accident = path and match[0] not in ("\\\\", '\\"')
        return "\\" + match[0] if match["bad"] is not None or accident else match[0]

    return _BAD_ESCAPE.sub(doubled, raw)


def _single_quoted(match: re.Match[str]) -> tuple[Scalar, list[Problem]]:
    value = match[1].replace("\\'", "'").replace('\\"', '"')
    fix = replace("Use double quotes", *match.span(), json.dumps(value, ensure_ascii=False))
    problem = error(*match.span(), "single-quotes", "JSON strings stand in double quotes", fix)
    return Scalar(Span(*match.span()), value), [problem]


def _bare_key(text: str, at: int) -> tuple[Scalar, list[Problem]]:
    match = _WORD.match(text, at)
    assert match is not None
    word, end = match[0], match.end()
    quoted = json.dumps(word, ensure_ascii=False)
    message = f"A key stands in double quotes: {quoted}"
    return Scalar(Span(at, end), word), [
        error(at, end, "unexpected-text", message, replace("Add quotes", at, end, quoted))
    ]


def _bare_value(text: str, at: int) -> tuple[Scalar | Missing, list[Problem]]:
    """A value that is no JSON: a number or constant in the manner of another language, or a word without quotes."""
    match = _WORD.match(text, at)
    assert match is not None
    word, end = match[0], match.end()
    span = Span(at, end)
    if word in _PYTHON:
        right = json.dumps(_PYTHON[word])
        fix = replace(f"Change to {right}", at, end, right)
        return Scalar(span, _PYTHON[word]), [error(at, end, "python-literal", f"JSON writes {right}, not {word}", fix)]
    value = _odd_number(text, at, end)
    if value is not None:
        finite = abs(value) < float("inf")
        fixes = [replace(f"Change to {value}", at, end, str(value))] if finite else []
        return Scalar(span, value), [error(at, end, "bad-number", f"JSON has no number written {word}", *fixes)]
    quoted = json.dumps(word, ensure_ascii=False)
    titles = [(f"Change to {name}", name) for name in CONSTANTS if len(word) > 1 and name.startswith(word.lower())]
    fixes = [replace(title, at, end, right) for title, right in (*titles, ("Add quotes", quoted))]
    message = f"{word} is no JSON value; text stands in double quotes"
    return Missing(span, word), [error(at, end, "unexpected-text", message, *fixes)]


def _odd_number(text: str, at: int, end: int) -> int | float | None:
    """The value of a word such as `01`, `.5`, `1.`, `+1`, `0x10` or `NaN`; None if it is no number."""
    match = _BAD_NUMBER.match(text, at, end)
    if not match or match.end() != end or not re.search("[0-9a-fN]", match[0]):
        return None
    sign = -1 if match[1] == "-" else 1
    try:
        if match[4]:
            return sign * int(match[4], 16)
        return sign * (float(match[3]) if match[3] else number(match[2]))
    except (ValueError, OverflowError):
        return None
