"""What a person can set, as the editor sends it: the section `olivine`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from olivine_schemas.problems import Severity

OFF = "off"


@dataclass(frozen=True)
class Settings:
    """The settings of the server. What a person writes wrong keeps its default."""

    severities: Mapping[str, str] = field(default_factory=dict)
    """Severity by diagnostic code; `off` silences a code."""
    facts: bool = True
    """Whether files around a config, and the devices of this machine, are looked at."""
    lenses: bool = True
    """Whether runs are offered above the config and its passes."""
    interpreter: str = ""
    """The Python for runs; empty for the one that was set up in the workspace, else the server's own."""
    at_once: int | None = None
    """How many runs may use a device at the same time; None for what `olivine run` does by default."""
    trusted: bool = True
    """Whether anything may be executed in the workspace. Never read from settings, which lie in the workspace."""


def read_settings(given: Any) -> Settings:
    """The settings in a JSON value of any shape; the section may come with its name around it."""
    section = given if isinstance(given, dict) else {}
    inner = section.get("olivine")
    section = inner if isinstance(inner, dict) else section
    allowed = {OFF, *(severity.value for severity in Severity)}
    severities = section.get("severities")
    chosen = severities.items() if isinstance(severities, dict) else ()
    interpreter, at_once = _inner(section, "pipeline", "interpreter"), _inner(section, "runs", "atOnce")
    counts = isinstance(at_once, int) and not isinstance(at_once, bool) and at_once > 0
    return Settings(
        {code: value for code, value in chosen if isinstance(value, str) and value in allowed},
        section.get("facts") is not False,
        section.get("lenses") is not False,
        interpreter.strip() if isinstance(interpreter, str) else "",
        at_once if counts else None,
    )


def _inner(section: dict[str, Any], group: str, name: str) -> Any:
    """A setting of a group, nested or by its dotted name."""
    inner = section.get(group)
    return inner.get(name) if isinstance(inner, dict) else section.get(f"{group}.{name}")
