"""Starting a run: its folder, then its process, which owes nothing to this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from olivine_schemas.ledger import control
from olivine_schemas.ledger.folder import RunFolder, create, root_of
from olivine_schemas.ledger.process import RUN_VARIABLE, identity
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
        begun: list[subprocess.Popen[bytes]] = []
        giver = self.tokens(folder)
        own = {RUN_VARIABLE: str(folder.path), **(giver.variables if giver else {})}

        def spawn(record: RunRecord) -> RunRecord:
            record = prepare(record)
            with folder.console.open("ab") as console:
                process = subprocess.Popen(
                    self._command(folder, record),
                    cwd=_working_folder(Path(record.config)),
                    env=environment(self.interpreter, own),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=console,
                    **detached(),
                )
            begun.append(process)
            return replace(record, pid=process.pid, process=identity(process.pid))

        try:
            if folder.update(spawn) is None:
                raise Refused("The run has no record.")
        except (OSError, Timeout) as error:
            for process in begun:  # a run that nobody could find again
                process.kill()
            raise Refused(f"The run cannot be started with {self.interpreter}: {error}") from error
        finally:
            # Someone has to ask for the exit code, or a run that has ended would stay in the table of processes.
            Thread(target=_bury, args=(begun, giver), name=f"bury {folder.id}", daemon=True).start()

    def _command(self, folder: RunFolder, record: RunRecord) -> Sequence[str]:
        """The command line; what is asked of the run is in its record."""
        run = [self.interpreter, "-m", "olivine_pipeline", "run", "--run-folder", str(folder.path)]
        return [*run, *[f"--at-once={self.at_once}"] * bool(self.at_once), "--", record.config]


def _bury(begun: list[subprocess.Popen[bytes]], giver: TokenGiver | None) -> None:
    """Wait for the end of what was started, then give no more tokens."""
    for process in begun:
        process.wait()
    if giver:
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
