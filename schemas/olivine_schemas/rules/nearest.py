"""The name that was probably meant, and the repair that puts it there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from ..edits import replace_value
from ..problems import Edit, Fix
from ..tree import Scalar

ENOUGH = 0.72
"""Likeness from which a name counts as a slip of the hand; "train" and "tain" 0.89, "host" and "target" 0.2."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name most like `word`, or None where none is alike enough."""
    best, likeness = None, ENOUGH
    for name in known:
        found = SequenceMatcher(None, _plain(word), _plain(name)).ratio()
        if found > likeness or (found == likeness and best is None):
            best, likeness = name, found
    return best


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")


def change_to_nearest(node: Scalar, known: Iterable[str], *further: Edit) -> Fix | None:
    """Change a string to the known name most like it, along with further edits."""
    name = nearest(str(node.value), known)
    return change_to(node, name, *further) if name is not None else None


def change_to(node: Scalar, value: str | int | float | bool, *further: Edit) -> Fix:
    """Change a value."""
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return Fix(f"Change to {shown}", (replace_value(node, value), *further))


def listed(known: Iterable[str], what: str) -> str:
    """`There is "a" and "b".` for a message; `what` is what there is none of, in the plural."""
    quoted = [f'"{name}"' for name in known]
    if not quoted:
        return f"There are no {what}."
    shown = quoted if len(quoted) <= 8 else [*quoted[:7], f"{len(quoted) - 7} more"]
    return f"There is {' and '.join([', '.join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)}."
