"""What the Python for runs is asked to tell, in a process of its own: this one never loads what that takes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from olivine_server.workspace import Document

from .arguments import Refused
from .start import environment

LIST_SECONDS = 180
"""How long a list may take: the person may have to sign in."""
PLAN_SECONDS = 300
"""How long a plan may take: it reads all data of a config once, to know what is cached."""
_DONE, _REFUSED = 0, 2
"""Exit codes of `olivine`."""
LISTS = ("workspaces", "computes", "datastores", "environments")
"""What there is to choose from at Azure ML."""


def plan(interpreter: str, document: Document, up_to: str | None) -> dict[str, Any]:
    """What a run of a config would do, in lines for a person; `ok` is false where it would be refused."""
    config = document.path
    assert config is not None
    command = ["plan", "--stdin", *(["--up-to", up_to] if up_to else []), "--", str(config)]
    asked = _ask([interpreter, "-m", "olivine_pipeline", *command], document, document.text, PLAN_SECONDS)
    text = (asked.stdout or asked.stderr).strip()
    if asked.returncode not in (_DONE, _REFUSED):
        raise Refused((asked.stderr or text).strip().rpartition("\n")[2] or "The plan cannot be made.")
    return {"ok": asked.returncode == _DONE, "text": text}


def listed(interpreter: str, document: Document, question: Any, more: Mapping[str, str]) -> list[dict[str, Any]]:
    """The items of a list of Azure ML, each with its `name`; `more` are variables for the process. Raises Refused."""
    command = [interpreter, "-m", "olivine_pipeline.hosts.azureml.listing"]
    asked = _ask(command, document, json.dumps(question), LIST_SECONDS, more)
    try:
        answer = json.loads(asked.stdout)
    except ValueError:
        last = asked.stderr.strip().rpartition("\n")[2]
        raise Refused(f"Azure ML cannot be asked: {last or 'the Python for runs said nothing'}") from None
    if "items" not in answer:
        raise Refused(str(answer.get("message")))
    items: list[dict[str, Any]] = answer["items"]
    return items


def _ask(
    command: list[str], document: Document, text: str, seconds: int, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of the Python for runs beside a config, with a text on its standard input. Raises Refused."""
    assert document.path is not None
    try:
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            cwd=document.path.parent,
            env=environment(command[0], {"PYTHONUTF8": "1", "NO_COLOR": "1", **(more or {})}),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"{command[0]} does not answer within {seconds} s.") from None
    except OSError as error:
        raise Refused(f"{command[0]} cannot be started: {error}") from error
