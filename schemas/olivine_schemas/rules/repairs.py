"""The repairs that rules offer, and the words in which they list what there is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from olivine_schemas.edits import insert_member, remove_member, replace_value
from olivine_schemas.nearest import nearest
from olivine_schemas.problems import Edit, Fix
from olivine_schemas.tree import Member, Object, Scalar

from .rule import Context

AT_MOST = 8
"""Names that a message lists."""


def meant(word: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: a few slips away, or the only one that contains the word."""
    names = list(known)
    found = nearest(word, names)
    if found:
        return found[0]
    around = [
        name for name in names if len(word) > 2 and (word.lower() in name.lower() or name.lower() in word.lower())
    ]
    return around[0] if len(around) == 1 else None


def change_to_meant(node: Scalar, known: Iterable[str], *further: Edit) -> Fix | None:
    """Change a string to the known name that was probably meant, along with further edits."""
    name = meant(str(node.value), known)
    return change_to(node, name, *further) if name is not None else None


def change_to(node: Scalar, value: str | int | bool, *further: Edit) -> Fix:
    """Change a value."""
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return Fix(f"Change to {shown}", (*replace_value(node, value), *further))


def change_to_neighbour(context: Context, node: Scalar) -> Fix | None:
    """Change a path to that of a file in the same folder whose name is nearly the same."""
    path = PurePath(str(node.value))
    known = {PurePath(one): one for one in context.facts.neighbours(str(node.value)) or ()}
    same = [one for one in known if one.stem.lower() == path.stem.lower() and one.suffix]
    near = nearest(path.name, (one.name for one in known), limit=min(3, len(path.stem) // 3))
    around = [one for one in known if one.suffix == path.suffix and _one_in_the_other(one.stem, path.stem)]
    found = [one for one in known if one.name in near[:1]] or same[:1] or (around if len(around) == 1 else [])
    return change_to(node, known[found[0]]) if found else None


def _one_in_the_other(one: str, other: str) -> bool:
    return min(len(one), len(other)) > 2 and (one in other or other in one)


def remove(context: Context, container: Object, member: Member) -> Fix:
    """Take a setting out."""
    return Fix(f'Remove "{member.name}"', remove_member(context.text, container, member))


def add(context: Context, container: Object, key: str, value: str | int | bool) -> Fix:
    """Add a setting beside others."""
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return Fix(f'Add "{key}": {shown}', insert_member(context.text, container, key, value))


def listed(known: Iterable[str], what: str) -> str:
    """`There are "a" and "b".` for a message; `what` is what there is none of, in the plural."""
    quoted = [f'"{name}"' for name in known]
    if not quoted:
        return f"There are no {what}."
    if len(quoted) > AT_MOST:
        quoted = [*quoted[: AT_MOST - 1], f"{len(quoted) - AT_MOST + 1} more"]
    if len(quoted) == 1:
        return f"There is {quoted[0]}."
    return f"There are {', '.join(quoted[:-1])} and {quoted[-1]}."
