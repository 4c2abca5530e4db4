"""What the Python for runs is asked to tell, in a process of its own: this one never loads what that takes."""

from __future__ import annotations

import subprocess
from typing import Any

from olivine_server.workspace import Document

from .arguments import Refused
from .start import environment

PLAN_SECONDS = 300
"""How long a plan may take: it reads all data of a config once, to know what is cached."""
_DONE, _REFUSED = 0, 2
"""Exit codes of `olivine`."""


def plan(interpreter: str, document: Document, up_to: str | None) -> dict[str, Any]:
    """What a run of a config would do, in lines for a person; `ok` is false where it would be refused."""
    config = document.path
    assert config is not None
    command = ["plan", "--stdin", *(["--up-to", up_to] if up_to else []), "--", str(config)]
    try:
        asked = subprocess.run(
            [interpreter, "-m", "olivine_pipeline", *command],
            input=document.text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PLAN_SECONDS,
            cwd=config.parent,
            env=environment(interpreter, {"PYTHONUTF8": "1", "NO_COLOR": "1"}),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"The plan takes longer than {PLAN_SECONDS} s.") from None
    except OSError as error:
        raise Refused(f"The plan cannot be made with {interpreter}: {error}") from error
    text = (asked.stdout or asked.stderr).strip()
    if asked.returncode not in (_DONE, _REFUSED):
        raise Refused((asked.stderr or text).strip().rpartition("\n")[2] or "The plan cannot be made.")
    return {"ok": asked.returncode == _DONE, "text": text}
