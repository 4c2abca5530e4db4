"""The commands: what an editor can have done to runs.

What looks at the open document is done when the command comes, in the order of messages. The rest is work for a thread:
a command that has any answers with the function to be run there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from olivine_schemas.ledger import control, folder
from olivine_schemas.overrides import OverrideRefused, override
from olivine_schemas.problems import Problem, Severity
from olivine_schemas.runs import ACTIVE, RunArguments, RunState
from olivine_schemas.tree import Object
from olivine_server.features.lenses import LastRun, has_job
from olivine_server.settings import Settings
from olivine_server.workspace import Document, Workspace

from .arguments import Refused, read_arguments
from .asking import plan
from .catalog import Catalog
from .chat import Chats
from .details import details, row
from .environment import Environment, interpreter_for, look, python_of
from .progress import Bar, Client, Json
from .start import Starter
from .watch import Run, Watcher

if TYPE_CHECKING:
    from .tokens import TokenGiver

Work = Callable[[], Any]

READS = frozenset({"olivine.listRuns", "olivine.runDetails", "olivine.cancel"})
"""Commands that execute and remove nothing, and so are done in any workspace."""
NO_JOB = 'This config runs on this machine. To submit it, let "host" name a system of the type "AzureML".'
_WARNING = 2


class Runs:
    """The runs of one client."""

    def __init__(self, client: Client, workspace: Workspace, settings: Callable[[], Settings]) -> None:
        self._client = client
        self._workspace = workspace
        self._settings = settings
        self._stopping: set[Path] = set()
        self._sound: dict[str, Environment] = {}
        self._setting_up: tuple[Bar, Event] | None = None
        self._lock = Lock()
        self._watcher = Watcher(client, self._places, self._on_found, self._on_lost)
        self._catalog = Catalog(self._token_giver)
        self._chats = Chats(client, lambda: self._starter().interpreter)

    def follow(self) -> None:
        """Follow the runs there are and will be; does not return."""
        self._watcher.work()

    def execute(self, command: str, arguments: Any) -> Work:
        """Begin a command; what is left of it, whose result is the answer. Raises Refused, at once or then."""
        values = read_arguments(command, arguments)
        if command not in READS and not self._settings().trusted:
            raise Refused("This workspace is not trusted, so nothing in it is run. Trust it first, then try again.")
        begin: Mapping[str, Callable[[Mapping[str, Any]], Work]] = {
            "olivine.run": self._run,
            "olivine.submit": self._submit,
            "olivine.plan": self._plan,
            "olivine.azure": self._azure,
            "olivine.cancel": self._cancel,
            "olivine.resume": self._resume,
            "olivine.listRuns": self._list,
            "olivine.runDetails": self._details,
            "olivine.deleteRun": self._delete,
            "olivine.chatModels": lambda values: lambda: self._chats.look(self._found(values)),
            "olivine.chat": self._chat,
            "olivine.chatStop": lambda values: lambda: self._chats.stop(values["runId"]),
            "olivine.chatClose": lambda values: lambda: self._chats.close(values["runId"]),
            "olivine.checkEnvironment": self._check_environment,
            "olivine.setupEnvironment": self._set_up_environment,
        }
        return begin[command](values)

    def cancel_shown(self, token: Any) -> None:
        """The person has pressed the button of a bar."""
        if self._setting_up and self._setting_up[0].token == token:
            self._setting_up[1].set()
        for run in [*self._watcher.runs.values(), *self._watcher.strays.values()]:
            if run.bar and run.bar.token == token:
                self._stop(run)

    def last_run(self, document: Document) -> LastRun | None:
        """How the newest run of a config went, as far as it is known without looking."""
        run = self._watcher.last(document.path) if document.path else None
        if run is None:
            return None
        measured = [stage.get("accuracy") for stage in run.summary.stages.values()]
        known = [value for value in measured if value is not None]
        when = datetime.fromtimestamp(run.record.ended or run.record.created)
        ends = (known[0], known[-1]) if len(known) > 1 else None
        return LastRun(run.folder.id, run.record.state.value, f"{when:%Y-%m-%d %H:%M}", ends)

    def listed(self, document: Document, kind: str) -> list[Json]:
        """The computes, datastores or environments of a config's workspace, as far as they were asked for."""
        return self._catalog.known(document, kind)

    # Commands

    def _run(self, values: Mapping[str, Any]) -> Work:
        document = self._document(values["uri"])
        overrides = values.get("overrides", {})
        try:
            text = override(document.text, overrides, yaml=document.yaml)
        except OverrideRefused as error:
            raise Refused(str(error)) from error
        if overrides:
            document = replace(document, text=text)
        force = values.get("force", False)
        if not force:
            _refuse_errors(document)
        arguments = RunArguments(_up_to(document, values), values.get("fresh", False), force, overrides)
        config = document.path
        assert config is not None

        def work() -> Json:
            starter = self._starter(azure=has_job(document.workflow))
            return self._begun(starter.start(config, document.text, arguments))

        return work

    def _submit(self, values: Mapping[str, Any]) -> Work:
        if not has_job(self._document(values["uri"]).workflow):
            raise Refused(NO_JOB)
        return self._run(values)

    def _plan(self, values: Mapping[str, Any]) -> Work:
        document = self._document(values["uri"])
        up_to = _up_to(document, values)
        return lambda: plan(self._starter().interpreter, document, up_to)

    def _azure(self, values: Mapping[str, Any]) -> Work:
        document = self._document(values["uri"])
        starter = partial(self._starter, azure=True)
        return partial(self._catalog.answer, starter, document, values["list"], values.get("choose"))

    def _resume(self, values: Mapping[str, Any]) -> Work:
        def work() -> Json:
            run = self._found(values)
            self._starter().resume(run.folder)
            return self._begun(run.folder)

        return work

    def _cancel(self, values: Mapping[str, Any]) -> Work:
        def work() -> Json:
            run = self._watcher.stray(values["runId"]) or self._found(values)
            if not run.active:  # it may have been resumed a moment ago
                self._watcher.look()
                run = self._found(values)
            if run.active:
                self._stop(run)
            return {"runId": run.folder.id, "state": (RunState.CANCELLING if run.active else run.record.state).value}

        return work

    def _list(self, values: Mapping[str, Any]) -> Work:
        def work() -> list[Json]:
            self._watcher.look()
            runs = self._watcher.newest_first()
            return [row(run) for run in runs]

        return work

    def _details(self, values: Mapping[str, Any]) -> Work:
        return lambda: details(self._found(values), max(0, values.get("since", 0)))

    def _chat(self, values: Mapping[str, Any]) -> Work:
        names = {"maxTokens": "max_tokens", "temperature": "temperature", "chat": "chat", "prompt": "prompt"}
        request = {name: values[key] for key, name in names.items() if key in values}
        return lambda: self._chats.ask(self._found(values), values["side"], request)

    def _delete(self, values: Mapping[str, Any]) -> Work:
        def work() -> None:
            run = self._found(values)
            record = control.settled(run.folder)
            if record and record.state in ACTIVE:
                raise Refused("The run is going on; cancel it first.")
            try:
                folder.delete(run.folder)
            except OSError as error:
                raise Refused(f"The run cannot be removed: {error}") from error
            self._watcher.forget(run)

        return work

    def _check_environment(self, values: Mapping[str, Any]) -> Work:
        return lambda: self._environment().to_data()

    def _set_up_environment(self, values: Mapping[str, Any]) -> Work:
        from .setup import EXTRAS, device_found, make  # needed once, if ever

        root = self._workspace.root
        if "folder" not in values and root is None:
            raise Refused('No folder is open, so there is no place for an environment; give one as "folder".')
        target = Path(values["folder"]).expanduser() if "folder" in values else Path()
        target = target if "folder" in values else (root or Path()) / folder.HOME / "venv"
        device = values.get("device") or device_found()
        if device not in EXTRAS or not target.is_absolute():
            wrong = '"folder" must be an absolute path' if device in EXTRAS else f"device is one of {', '.join(EXTRAS)}"
            raise Refused(f"olivine.setupEnvironment: {wrong}.")
        with self._lock:
            if self._setting_up:
                raise Refused("An environment is being set up already.")
            self._setting_up = Bar(self._client, f"olivine-setup-{target}", "Olivine: setting up"), Event()
        bar, stop = self._setting_up
        azure = any("azureml" in document.text.lower() for document in self._workspace)

        def work() -> Json:
            try:
                log = make(target, device, bar.show, stop, azure=azure)
            finally:
                bar.end("")
                self._setting_up = None
            return {**look(str(python_of(target))).to_data(), "log": str(log), "device": device}

        return work

    # Parts of them

    def _document(self, uri: str) -> Document:
        """The text that is open at a URI, saved or not, else that of the file."""
        document = self._workspace.at(uri)
        if document is None:
            raise Refused(f"{uri} is no file that can be read. Save the config first: what it names is beside it.")
        return document

    def _found(self, values: Mapping[str, Any]) -> Run:
        """The run with an id; only what lies in the folders of runs can be found."""
        run = self._watcher.find(values["runId"])
        if run is None:
            self._watcher.look()
            run = self._watcher.find(values["runId"])
        if run is None:
            raise Refused(f'There is no run "{values["runId"]}" in this workspace.')
        return run

    def _begun(self, made: folder.RunFolder) -> Json:
        self._watcher.add(made)
        return {"runId": made.id, "folder": str(made.path)}

    def _environment(self) -> Environment:
        return look(interpreter_for(self._settings().interpreter, self._workspace.root))

    def _starter(self, *, azure: bool = False) -> Starter:
        """What starts runs, with a Python that has what they need, for jobs of Azure ML too. Raises Refused."""
        settings = self._settings()
        interpreter = interpreter_for(settings.interpreter, self._workspace.root)
        known = self._sound.get(interpreter)
        if known is None or (azure and not known.azure):
            found = look(interpreter)
            if found.ok and azure and not found.azure:
                found = replace(found, message=f"{interpreter} lacks the packages for Azure ML: olivine[azure].")
            if not found.ok:
                advice = "The command olivine.setupEnvironment makes one that has it all."
                raise Refused(f"{found.message} {advice}", {"environment": found.to_data()})
            self._sound[interpreter] = found
        return Starter(interpreter, settings.at_once, self._tokens)

    def _tokens(self, made: folder.RunFolder) -> TokenGiver | None:
        """What gives a run the tokens of the person who is signed in here, where it may need some."""
        with suppress(OSError):
            if "azureml" in made.config.read_text(encoding="utf-8").lower():
                return self._token_giver(made.id)
        return None

    def _token_giver(self, run_id: str) -> TokenGiver | None:
        """What gives a process tokens; None where the editor has none, or this machine no place for that."""
        if not self._client.can("experimental", "olivine", "tokens"):
            return None
        from .tokens import TokenGiver  # few need it

        with suppress(OSError):
            return TokenGiver(self._client, run_id)
        return None

    def _stop(self, run: Run) -> None:
        """Cancel a run in a thread of its own: that may take long."""
        path = run.folder.path
        with self._lock:
            if path in self._stopping:
                return
            self._stopping.add(path)

        def work() -> None:
            try:
                control.cancel(run.folder, known=run.record)
            except OSError as error:
                message = f"{run.folder.id} cannot be cancelled: {error}"
                self._client.notify("window/showMessage", {"type": _WARNING, "message": message})
            finally:
                self._stopping.discard(path)

        Thread(target=work, name=f"cancel {run.folder.id}", daemon=True).start()

    # Following

    def _places(self) -> tuple[list[Path], list[Path]]:
        return self._workspace.folders, [path for document in self._workspace if (path := document.path)]

    def _on_found(self, run: Run) -> None:
        """A run was asked to stop by someone who may be gone: what was begun is done to the end."""
        if run.folder.cancel_mark.exists():
            self._stop(run)

    def _on_lost(self, run: Run) -> None:
        if not self._settings().trusted:
            return
        name = Path(run.record.config).parent.name
        message = f"The run of {name} ({run.folder.id}) is gone without a word; it may have been killed."

        def chosen(answer: Any) -> None:
            if isinstance(answer, dict) and answer.get("title") == "Resume":
                Thread(target=self._resume_offered, args=(run,), daemon=True).start()

        asked = {"type": _WARNING, "message": message, "actions": [{"title": "Resume"}, {"title": "Dismiss"}]}
        self._client.request("window/showMessageRequest", asked, chosen)

    def _resume_offered(self, run: Run) -> None:
        try:
            self.execute("olivine.resume", [{"runId": run.folder.id}])()
        except Refused as refused:
            self._client.notify("window/showMessage", {"type": _WARNING, "message": str(refused)})


def _refuse_errors(document: Document) -> None:
    errors = [problem for problem in document.checked.problems if problem.severity is Severity.ERROR]
    if errors:
        count = f"{len(errors)} error" + "s" * (len(errors) > 1)
        told = [_told(document, problem) for problem in errors]
        lines = "\n".join(f"{each['line']}:{each['column']} {each['code']}: {each['message']}" for each in told)
        raise Refused(f"The config has {count}; nothing was run.\n{lines}", {"problems": told})


def _told(document: Document, problem: Problem) -> Json:
    """A problem; line and column count from 1."""
    line, column = document.lines.position(problem.span.start)
    return {"line": line + 1, "column": column + 1, "code": problem.code, "message": problem.message}


def _up_to(document: Document, values: Mapping[str, Any]) -> str | None:
    """The pass to stop after. Raises Refused where the config has none of the name."""
    name = values.get("upTo")
    passes = document.workflow.get("passes") if document.workflow else None
    names = [member.name for member in passes.members] if isinstance(passes, Object) else []
    if name is not None and name not in names:
        raise Refused(f'The config has no pass "{name}"; it has {", ".join(names) or "none"}.')
    return name
