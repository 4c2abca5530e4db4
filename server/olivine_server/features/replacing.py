"""From one text to another by the smallest single edit."""

from __future__ import annotations

from olivine_schemas.problems import Edit, Span


def replacement(text: str, new: str) -> tuple[Edit, ...]:
    """The one edit that makes `new` of a text, without what both begin and end with; none if they are the same."""
    if text == new:
        return ()
    start, most = 0, min(len(text), len(new))
    while start < most and text[start] == new[start]:
        start += 1
    end = 0
    while end < most - start and text[-1 - end] == new[-1 - end]:
        end += 1
    return (Edit(Span(start, len(text) - end), new[start : len(new) - end]),)
