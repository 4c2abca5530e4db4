"""Files that a crash must not leave half written, and reading some that may be."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

_STEP, _STEPS = 0.02, 50


def write_whole(path: Path, text: str) -> None:
    """Replace a file by a rename, so that a crash leaves the old text or the new; links and permissions stay.

    Raises OSError.
    """
    import tempfile  # most commands write nothing

    target = path.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(target.stat().st_mode if target.exists() else 0o644)
        _replace(Path(temporary), target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is none that is whole."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _replace(temporary: Path, target: Path) -> None:
    """Rename a file over another. Windows refuses that while anyone reads the other, which is over in a moment."""
    for left in reversed(range(_STEPS)):
        try:
            temporary.replace(target)
            return
        except PermissionError:
            if not left:
                raise
            time.sleep(_STEP)
