"""Reading `str.format` templates."""

from __future__ import annotations

import re
from functools import lru_cache
from string import Formatter

from olivine_schemas.problems import Span


@lru_cache(maxsize=256)
def placeholders(template: str) -> tuple[str, ...] | None:
    """The names of a template's placeholders, each once, or None where its braces do not match."""
    try:
        fields = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError:
        return None
    return tuple(dict.fromkeys(re.split(r"[.\[]", name)[0] for name in fields))


def placeholder_spans(text: str, within: Span, name: str) -> list[Span]:
    """Where the name stands in braces inside a string of the config text, braces left out."""
    pattern = re.compile(r"(?<!\{)\{" + re.escape(name) + r"(?=[}.\[!:])")
    found = pattern.finditer(text, within.start, within.end)
    return [Span(match.start() + 1, match.end()) for match in found]
