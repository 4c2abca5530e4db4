"""Passes that other installed packages add, as far as their metadata tells; no package is imported for it."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

GROUP = "olivine.passes"


@lru_cache(maxsize=1)
def other_passes() -> dict[str, Any]:
    """Type name to parameter schema of every pass of another package. Of the parameters, anything goes."""
    found = (point for point in entry_points(group=GROUP) if not point.value.startswith("olivine_pipeline."))
    return {point.name: {"type": "object", "properties": {}, "title": point.name} for point in found}
