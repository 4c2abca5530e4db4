"""A workspace that runs can be started in, and an editor at work in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from editor import Editor, Json

sys.path.append(str(Path(__file__).parents[1] / "pipeline"))

from runs import LORA, TRAINING, todays_config, write_workspace

from olivine_schemas.ledger.process import RUN_VARIABLE

BARS: Json = {"window": {"workDoneProgress": True}}
MANY = 1500
"""Steps that take longer than any test looks at them."""


def config(steps: int = 3) -> Json:
    """A fine-tuning of so many steps, without measurements, which take longer than a short training."""
    training = {**TRAINING, "max_steps": steps, "save_steps": 20}
    flow = todays_config(tune={**LORA, "training_args": training})
    return {key: value for key, value in flow.items() if not key.startswith("evaluator")}


class Desk:
    """A folder with a config, a small model and its data."""

    def __init__(self, folder: Path, model: Path, flow: Json) -> None:
        self.folder = write_workspace(folder, model, flow)
        (folder / ".git").mkdir()
        self.config = folder / "olive-config.json"
        self.uri = self.config.as_uri()

    def sit_down(self, capabilities: Json | None = None, **options: Any) -> Editor:
        """An editor with the folder and the config open."""
        editor = Editor()
        editor.start(capabilities or BARS, rootUri=self.folder.as_uri(), initializationOptions=options)
        editor.open(self.uri, self.config.read_text())
        return editor

    def alive(self, run_id: str) -> list[int]:
        """The processes of a run."""
        mark = str(self.folder / ".olivine" / "runs" / run_id)
        return [process.pid for process in psutil.process_iter() if variable(process) == mark]

    def write(self, flow: Json) -> None:
        self.config.write_text(json.dumps(flow))


def variable(process: psutil.Process) -> str | None:
    try:
        dead = process.status() == psutil.STATUS_ZOMBIE
        return None if dead else process.environ().get(RUN_VARIABLE)
    except (psutil.Error, OSError):
        return None


def command(editor: Editor, name: str, **arguments: Any) -> Any:
    """The result of a command."""
    return editor.request("workspace/executeCommand", {"command": f"olivine.{name}", "arguments": [arguments]})


def refusal(editor: Editor, name: str, *arguments: Any) -> Json:
    """The error that a command answers."""
    asked = editor.begin("workspace/executeCommand", {"command": f"olivine.{name}", "arguments": list(arguments)})
    answer = editor.answer(asked)
    assert "error" in answer, answer
    error: Json = answer["error"]
    return error


def until(editor: Editor, run_id: str, happened: Callable[[Json], Any]) -> Json:
    """The first news of a run that is what is waited for."""
    while True:
        news: Json = editor.note("olivine/runChanged")
        if news["runId"] == run_id and happened(news):
            return news
        assert news["state"] not in ("failed", "lost"), news


def trains(news: Json) -> bool:
    """Whether a run has done a step of training."""
    return news["loss"] is not None and news["unit"] == "step"


def ended(news: Json) -> bool:
    return news["state"] in ("succeeded", "cancelled", "failed", "lost")


def bars(editor: Editor) -> list[Json]:
    """What was sent for bars so far, oldest first."""
    return [note["params"] for note in editor._notes if note["method"] == "$/progress"]
