"""Values that a person sets for one run, by dotted path: the config's text with them in place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .edits import insert_member, replace_value
from .problems import Edit, Severity, apply_edits
from .tree import Array, Node, Object, to_data

_PYTHON = {"True": "true", "False": "false", "None": "null"}


class OverrideRefused(ValueError):
    """A value that cannot be set; the message says why."""


def parse_override(text: str) -> tuple[str, Any]:
    """Path and value of `path.to.key=value`. The value is JSON; what is none is a string. Raises `OverrideRefused`."""
    path, equals, value = text.partition("=")
    path, value = path.strip(), value.strip()
    if not equals or not path:
        raise OverrideRefused(f"{text!r} does not set anything; write path.to.key=value.")
    try:
        return path, json.loads(value)
    except ValueError:
        if value in _PYTHON:
            raise OverrideRefused(f"{path}: JSON writes {_PYTHON[value]} for {value}.") from None
        if not value or value[0] in '"[{':
            raise OverrideRefused(f"{path}: {value!r} is not JSON.") from None
        return path, value


def override(text: str, values: Mapping[str, Any], *, yaml: bool = False) -> str:
    """The text of a config with values set by dotted path, as the text writes the names. Raises `OverrideRefused`.

    A key may be new, the block that it stands in not.
    """
    for path, value in values.items():
        changed = apply_edits(text, _edits(text, path, value, yaml))
        expected = _with(to_data(_tree(text, yaml)), _place(_tree(text, yaml), path), value)
        if json.dumps(to_data(_tree(changed, yaml))) != json.dumps(expected):  # an anchor or a layout of YAML
            raise OverrideRefused(f"{path} cannot be set where it stands; change it in the config.")
        text = changed
    return text


def _tree(text: str, yaml: bool) -> Node:
    if yaml:
        from .yaml_tree import parse_yaml as parse
    else:
        from .parser import parse
    parsed = parse(text)
    if any(problem.severity is Severity.ERROR for problem in parsed.problems):
        raise OverrideRefused("Nothing can be set in a config with syntax errors.")
    return parsed.tree


def _place(tree: Node, dotted: str) -> tuple[str | int, ...]:
    """The steps of a dotted path to a value that is there, or to a new key of a block that is."""
    node: Node | None = tree
    steps: list[str | int] = []
    rest = dotted
    while rest:
        step, rest = _step(node, rest)
        steps.append(step)
        node = _below(node, step)
        if node is None and rest:
            raise OverrideRefused(f'{dotted} leads nowhere: there is no "{_shown(steps)}" in the config.')
    return tuple(steps)


def _step(node: Node | None, rest: str) -> tuple[str | int, str]:
    """The first step of a path below `node`; a key that is there may have dots in it."""
    if isinstance(node, Object):
        keys = [m.name for m in node.members if rest == m.name or rest.startswith(m.name + ".")]
        key = max(keys, key=len, default=rest.partition(".")[0])
        if not key:
            raise OverrideRefused(f'"{rest}" has an empty step.')
        return key, rest[len(key) + 1 :]
    first, _, rest = rest.partition(".")
    if isinstance(node, Array):
        if first.isdecimal() and int(first) < len(node.items):
            return int(first), rest
        raise OverrideRefused(f"{first!r} is no item of a list of {len(node.items)}; items count from 0.")
    raise OverrideRefused(f'There is no "{first}" in a single value.')


def _below(node: Node | None, step: str | int) -> Node | None:
    if isinstance(node, Object):
        return node.get(str(step))
    return node.items[step] if isinstance(node, Array) and isinstance(step, int) else None


def _shown(steps: list[str | int]) -> str:
    return ".".join(map(str, steps))


def _edits(text: str, dotted: str, value: Any, yaml: bool) -> tuple[Edit, ...]:
    node: Node | None = _tree(text, yaml)
    container: Node | None = None
    steps = _place(node, dotted) if node else ()
    for step in steps:
        container, node = node, _below(node, step)
    if node is not None:
        return replace_value(node, value)
    if yaml or not isinstance(container, Object):
        raise OverrideRefused(f"{dotted} is not in the config; add it there.")
    return insert_member(text, container, str(steps[-1]), value)


def _with(data: Any, steps: tuple[str | int, ...], value: Any) -> Any:
    """The data with a value set, the order of the keys kept."""
    if not steps:
        return value
    if isinstance(data, list):
        return [_with(item, steps[1:], value) if number == steps[0] else item for number, item in enumerate(data)]
    return {**data, steps[0]: _with(data.get(steps[0]), steps[1:], value)}
