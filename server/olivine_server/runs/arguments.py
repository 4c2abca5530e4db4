"""What the commands take: one object each, looked at before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Refused(Exception):
    """A command that is not done. `str()` is for the person; `data` tells a program the same."""

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.data = data


@dataclass(frozen=True)
class Takes:
    """One argument: its kind, and whether the command can do without it."""

    kind: type
    needed: bool = False


_RUN = {"runId": Takes(str, needed=True)}
_CONFIG = {"uri": Takes(str, needed=True), "upTo": Takes(str)}
_START = {**_CONFIG, "overrides": Takes(dict), "force": Takes(bool), "fresh": Takes(bool)}
COMMANDS: dict[str, dict[str, Takes]] = {
    "olivine.run": _START,
    "olivine.submit": _START,
    "olivine.plan": _CONFIG,
    "olivine.azure": {"uri": Takes(str, needed=True), "list": Takes(str, needed=True), "choose": Takes(str)},
    "olivine.cancel": _RUN,
    "olivine.resume": _RUN,
    "olivine.listRuns": {},
    "olivine.runDetails": {**_RUN, "since": Takes(int)},
    "olivine.deleteRun": _RUN,
    "olivine.chatModels": _RUN,
    "olivine.chat": {
        **_RUN,
        "side": Takes(str, needed=True),
        "prompt": Takes(str, needed=True),
        "chat": Takes(bool),
        "maxTokens": Takes(int),
        "temperature": Takes(float),
    },
    "olivine.chatStop": _RUN,
    "olivine.chatClose": _RUN,
    "olivine.checkEnvironment": {},
    "olivine.setupEnvironment": {"folder": Takes(str), "device": Takes(str)},
}
"""The commands with their arguments."""

_WORDS = {str: "a string", bool: "true or false", dict: "an object", int: "a whole number", float: "a number"}


def read_arguments(command: str, given: Any) -> Mapping[str, Any]:
    """The arguments of a command, from what the client sent; null counts as left out. Raises Refused."""
    known = COMMANDS.get(command)
    if known is None:
        raise Refused(f'There is no command "{command}"; there are {", ".join(COMMANDS)}.')
    if given in (None, []):
        given = [{}]
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], dict):
        raise Refused(f"{command} takes one object as its only argument.")
    values = {name: value for name, value in given[0].items() if value is not None}
    for name, value in values.items():
        if name not in known:
            names = ", ".join(known) if known else "nothing"
            raise Refused(f'{command} does not know "{name}"; it takes {names}.')
        kind = known[name].kind
        if not isinstance(value, (int, float) if kind is float else kind):
            raise Refused(f'{command}: "{name}" must be {_WORDS[kind]}.')
    for name, takes in known.items():
        if takes.needed and name not in values:
            raise Refused(f'{command} needs "{name}".')
    return values
