"""Talking to the model that a run has made, and to the one it started from.

The models are loaded by processes of the Python that runs use (`olivine chat --json`), one for each model that is
talked to. Such a process ends with its standard input, and so with this server, however that ends.
"""

from __future__ import annotations

import json
import string
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from olivine_schemas.check import check
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.ledger.summary import Summary
from olivine_schemas.redact import redact
from olivine_schemas.tree import child, text_of, to_data

from .arguments import Refused
from .progress import Client, Json
from .skim import milestones
from .start import environment
from .watch import Run

RESULT, BASE = "result", "base"
MARKS = ("genai_config.json", "config.json", "adapter_config.json")
"""Files that only a model's folder has; the best to talk to first."""


class Chats:
    """The conversations of one client. What the models say goes to it as `olivine/chatToken`."""

    def __init__(self, client: Client, interpreter: Callable[[], str]) -> None:
        """`interpreter` tells the Python that has what models need; it may raise Refused."""
        self._client = client
        self._interpreter = interpreter
        self._talking: dict[tuple[str, str], Conversation] = {}
        self._lock = Lock()
        self._asked = 0

    def look(self, run: Run) -> Json:
        """Who can be talked to, and in which words."""
        models = [{"side": side, "model": path} for side, path in models_of(run).items()]
        if not models or models[0]["side"] != RESULT:
            raise Refused("The run has left no model to talk to.")
        return {"runId": run.folder.id, "models": models, **prompt_of(_workflow(run.folder))}

    def ask(self, run: Run, side: str, request: Json) -> Json:
        """Have a model answer; the `id` that the tokens of the answer will bear."""
        model = models_of(run).get(side)
        if model is None:
            raise Refused(f'There is no model "{side}" to talk to; there is {RESULT}, and perhaps {BASE}.')
        key = run.folder.id, side
        with self._lock:
            self._asked += 1
            number = self._asked
            talking = self._talking.get(key)
            if talking is None or not talking.alive:
                talking = self._talking[key] = Conversation(self._interpreter(), model, self._teller(*key))
        talking.ask({"id": number, **request})
        return {"id": number}

    def stop(self, run_id: str) -> None:
        """End the answers at work."""
        for (run, _), talking in list(self._talking.items()):
            if run == run_id:
                talking.stop()

    def close(self, run_id: str) -> None:
        """Let the models of a run go, and the memory they take."""
        with self._lock:
            for key in [key for key in self._talking if key[0] == run_id]:
                self._talking.pop(key).close()

    def _teller(self, run_id: str, side: str) -> Callable[[Json], None]:
        def tell(event: Json) -> None:
            with suppress(OSError, ValueError):  # the client is gone
                self._client.notify("olivine/chatToken", {"runId": run_id, "side": side, **event})

        return tell


class Conversation:
    """The process of one model. Every request ends in an event "done" or "error"."""

    def __init__(self, interpreter: str, model: str, tell: Callable[[Json], None]) -> None:
        self._tell = tell
        self._open: set[int] = set()
        self._lock = Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        command = [interpreter, "-m", "olivine_pipeline", "chat", "--json", "--", model]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=Path(__file__).parent,
                env=environment(interpreter, {"PYTHONUTF8": "1"}),
                **_hidden(),
            )
        except OSError as error:
            raise Refused(f"{interpreter} cannot be started: {error}") from error
        Thread(target=self._listen, name=f"chat {model}", daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: Json) -> None:
        """Send a request with an `id` of its own."""
        with self._lock:
            self._open.add(request["id"])
        self._send(request)

    def stop(self) -> None:
        """End the answers at work."""
        self._send({"stop": True})

    def close(self) -> None:
        """End the process; what was open is told as ended."""
        self._process.kill()

    def _send(self, message: Json) -> None:
        assert self._process.stdin
        with suppress(OSError):  # it has ended, and the listener tells so
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout
        why = ""
        for line in self._process.stdout:
            event: Json = json.loads(line)
            if event["type"] == "error" and event["id"] is None:
                why = event["message"]
                continue
            if event["type"] in ("done", "error"):
                self._open.discard(event["id"])
            self._tell(event)
        self._process.wait()
        with self._lock:
            left, self._open = sorted(self._open), set()
        for number in left:
            self._tell({"type": "error", "id": number, "message": why or self._last_words()})
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def _last_words(self) -> str:
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"The model's process has ended. {redact(said)}".strip()


def _hidden() -> dict[str, Any]:
    """What keeps Windows from opening a console for a process."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


def models_of(run: Run) -> dict[str, str]:
    """Folder or name by side: what the run has made, the ONNX model if there is one, and the model it started from."""
    summary = Summary()
    for event in milestones(run.folder.events):
        summary.add(event)
    made = [Path(each.path) for each in reversed(summary.artifacts)]
    result = next((path for mark in MARKS for path in made if (path / mark).is_file()), None)
    base = _base(_workflow(run.folder), Path(run.record.config).parent)
    return {**({RESULT: str(result)} if result else {}), **({BASE: base} if base else {})}


def _base(workflow: Any, folder: Path) -> str | None:
    """The input model's folder, or its name where it comes from the hub; None where it is elsewhere."""
    path = child(workflow, "input_model", "config", "model_path")
    name = text_of(path) or text_of(child(path, "config", "path")) or text_of(child(path, "config", "name"))
    if not name:
        return None
    here = folder / Path(name).expanduser()
    return str(here) if here.exists() else name if name.count("/") == 1 else None


def prompt_of(workflow: Any) -> Json:
    """How the model was trained to be spoken to.

    "template" is the beginning of a training text, up to what is to be answered, with the "fields" in it in braces;
    "chat" says whether the model's own chat template goes around it.
    """
    data = _training_data(to_data(workflow) if workflow else {})
    settings = (data.get("pre_process_data_config") or {}).get("params") or {}
    written = settings.get("input_template") or settings.get("text_template")
    parts = _parts(written if isinstance(written, str) else "")
    if not settings.get("input_template"):
        while parts and parts[-1][1] is None:  # the text after the answer
            parts.pop()
        parts = [*parts[:-1], (parts[-1][0], None)] if parts else []
    template = "".join(text + (f"{{{field}}}" if field is not None else "") for text, field in parts)
    fields = list(dict.fromkeys(field for _, field in parts if field is not None))
    return {"template": template, "fields": fields, "chat": bool(settings.get("chat_template"))}


def _training_data(workflow: Any) -> Json:
    """The data config that a pass trains on, else the first."""
    configs = [each for each in workflow.get("data_configs") or [] if isinstance(each, dict)]
    settings = [one.get("config") or {} for many in (workflow.get("passes") or {}).values() for one in many]
    name = next((each["train_data_config"] for each in settings if "train_data_config" in each), None)
    found: Json = next((each for each in configs if each.get("name") == name), configs[0] if configs else {})
    return found


def _parts(template: str) -> list[tuple[str, str | None]]:
    """A template as texts, each with the field that follows it."""
    with suppress(ValueError):
        return [(text, field) for text, field, _, _ in string.Formatter().parse(template)]
    return []


def _workflow(folder: RunFolder) -> Any:
    """The config that ran, in canonical form; None where it cannot be read."""
    try:
        text = folder.config.read_text(encoding="utf-8")
    except OSError:
        return None
    return check(text, yaml=folder.config.suffix == ".yaml").workflow
