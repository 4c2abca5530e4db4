"""The name that a person most likely meant."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

HAND_WRITTEN = 500
"""Keys that a block of a config may have; one with more was made by a machine, and gets no guesses, which take long."""


@lru_cache(maxsize=4096)
def distance(a: str, b: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`."""
    before: list[int] = []
    previous = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        row = [i]
        for j, right in enumerate(b, 1):
            cost = min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, previous = previous, row
    return previous[-1]


def nearest(name: str, candidates: Iterable[str], limit: int | None = None) -> list[str]:
    """The nearest candidates, at most three, within `limit` edits (default: a third of the name); case is free."""
    allowed = max(1, min(3, len(name) // 3)) if limit is None else limit
    lower = name.lower()
    ranked = sorted(
        (gap, candidate)
        for candidate in set(candidates)
        if candidate != name and abs(len(candidate) - len(name)) <= allowed
        for gap in [distance(lower, candidate.lower())]
        if gap <= allowed
    )
    return [candidate for gap, candidate in ranked[:3] if gap <= ranked[0][0] + 1]


def slip(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` is a misspelling of: one or two edits away, fewer for short names; else None."""
    found = nearest(name, candidates, limit=min(2, (len(name) - 1) // 2))
    return found[0] if found else None
