"""Starting a run: its folder, then its process, which owes nothing to this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import psutil
from filelock import Timeout

from olivine_schemas.ledger import control
from olivine_schemas.ledger.folder import RunFolder, create, root_of
from olivine_schemas.ledger.process import RUN_VARIABLE, identity, is_alive, members
from olivine_schemas.runs import RunArguments, RunRecord, RunState

from .arguments import Refused

if TYPE_CHECKING:
    from .tokens import TokenGiver


@dataclass(frozen=True)
class Starter:
    """How runs are started: with which Python, and how many may use a device at once."""

    interpreter: str
    at_once: int | None = None
    tokens: Callable[[RunFolder], TokenGiver | None] = lambda folder: None
    """What gives a run's process the tokens that it needs, if any."""

    def start(self, config: Path, text: str, arguments: RunArguments) -> RunFolder:
        """Run `text` as the config at `config`. Raises Refused."""
        try:
            folder = create(root_of(config), config, text, arguments)
        except OSError as error:
            raise Refused(f"The run has no place to be kept: {error}") from error
        except UnicodeEncodeError as error:
            raise Refused(f"The config has half a letter, which no file can hold: {error}") from error
        try:
            self._spawn(folder, lambda record: record)
        except Refused:
            shutil.rmtree(folder.path, ignore_errors=True)  # there never was a run
            raise
        return folder

    def resume(self, folder: RunFolder) -> None:
        """Run an ended run's config again, in the same folder, from what is finished. Raises Refused."""

        def again(record: RunRecord) -> RunRecord:
            fresh = control.reopened(folder, record)
            if fresh is None:
                ended = record.state is RunState.SUCCEEDED
                raise Refused("The run has succeeded; start a new one." if ended else "The run is going on.")
            return replace(fresh, started=None)  # it has its process at once

        control.await_leaving(folder)
        self._spawn(folder, again)

    def _spawn(self, folder: RunFolder, prepare: Callable[[RunRecord], RunRecord]) -> None:
        """Start the process while nobody else writes the record, so that no reader sees a run without its process."""
        giver = self.tokens(folder)
        own = {RUN_VARIABLE: str(folder.path), **(giver.variables if giver else {})}
        begun: RunRecord | None = None

        def spawn(record: RunRecord) -> RunRecord:
            nonlocal begun
            record = prepare(record)
            with folder.console.open("ab") as console:
                pid = _spawn_apart(
                    self._command(folder, record),
                    cwd=_working_folder(Path(record.config)),
                    env=environment(self.interpreter, own),
                    stderr=console,
                )
            begun = replace(record, pid=pid, process=identity(pid))
            return begun

        try:
            if folder.update(spawn) is None:
                raise Refused("The run has no record.")
        except (OSError, Timeout) as error:
            for process in members(folder.path) if begun else ():  # a run that nobody could find again
                with suppress(psutil.Error):
                    process.kill()
            raise Refused(f"The run cannot be started with {self.interpreter}: {error}") from error
        finally:
            if giver:
                Thread(target=_close_after, args=(giver, begun), name=f"end of {folder.id}", daemon=True).start()

    def _command(self, folder: RunFolder, record: RunRecord) -> Sequence[str]:
        """The command line; what is asked of the run is in its record."""
        run = [self.interpreter, "-m", "olivine_pipeline", "run", "--run-folder", str(folder.path)]
        return [*run, *[f"--at-once={self.at_once}"] * bool(self.at_once), "--", record.config]


_PARENT = """
import json, subprocess, sys
try:
    nothing = subprocess.DEVNULL
    print(subprocess.Popen(sys.argv[2:], stdin=nothing, stdout=nothing, **json.loads(sys.argv[1])).pid)
except OSError as error:
    print(error)
"""


def _spawn_apart(command: Sequence[str], **options: Any) -> int:
    """Start a process that is no child of this one, and return its pid. Raises OSError.

    Editors end a server that hangs together with all its children, and their children.
    """
    parent = [sys.executable, "-I", "-S", "-c", _PARENT, json.dumps(detached()), *command]
    options = {**options, **detached(), "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    made = subprocess.run(parent, check=False, **options)
    answer = made.stdout.decode("utf-8", "replace").strip()
    if not answer.isdecimal():
        raise OSError(answer or f"{sys.executable} ends with {made.returncode}")
    return int(answer)


def _close_after(giver: TokenGiver, begun: RunRecord | None) -> None:
    """Give no more tokens once the process has ended."""
    while begun and is_alive(begun.pid, begun.process):
        time.sleep(1)
    giver.close()


def environment(interpreter: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for a process of another Python: the person's own, without what makes this server's packages found.

    The process starts in a folder of the person's, whose modules must not be taken for the packages of the same name.
    """
    env = {**os.environ, "PYTHONSAFEPATH": "1", **(more or {})}
    if interpreter != sys.executable and "PYTHONPATH" in env:
        bundle = Path(__file__).parents[2]
        paths = env["PYTHONPATH"].split(os.pathsep)
        env["PYTHONPATH"] = os.pathsep.join(path for path in paths if Path(path) != bundle)
    return env


def detached() -> dict[str, Any]:
    """What makes a process outlive this one, its terminal and their signals."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _working_folder(config: Path) -> Path:
    return config.parent if config.parent.is_dir() else Path.home()
