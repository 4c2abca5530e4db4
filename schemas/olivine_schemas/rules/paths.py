"""Paths of the config that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from olivine_schemas.tree import Scalar

from .reading import is_plain_path
from .rule import Context, once


def leading_nowhere(context: Context, paths: Iterable[Scalar]) -> Iterator[Scalar]:
    """The nodes whose path is known not to be there."""
    for node in paths:
        path = str(node.value)
        if is_plain_path(path) and _exists(context, path) is False:
            yield node


@once
def _exists(context: Context, path: str) -> bool | None:
    return context.facts.path_exists(path)


def not_there(node: Scalar) -> str:
    """The message for such a path."""
    return f'There is no "{node.value}" beside this config. Paths start at the config\'s folder.'
