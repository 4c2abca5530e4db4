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


def read_settings(given: Any) -> Settings:
    """The settings in a JSON value of any shape; the section may come with its name around it."""
    section = given if isinstance(given, dict) else {}
    inner = section.get("olivine")
    section = inner if isinstance(inner, dict) else section
    allowed = {OFF, *(severity.value for severity in Severity)}
    severities = section.get("severities")
    chosen = severities.items() if isinstance(severities, dict) else ()
    return Settings(
        {code: value for code, value in chosen if isinstance(value, str) and value in allowed},
        section.get("facts") is not False,
        section.get("lenses") is not False,
    )
