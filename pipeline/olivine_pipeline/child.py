"""Work in a child process: for libraries that change the process they run in, or may end it.

A module does such work in a function `work(request, say)`. The parent sends one JSON request and reads one JSON message
a line. The child ends when its parent does, however that ends: its standard input closes.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from .cancel import Cancel
from .scratch import scratch_folder

Message = dict[str, Any]
Say = Callable[[Message], None]


class ChildFailed(Exception):
    """The child ended with an exit code other than 0; `words` are the last lines that it wrote to standard error."""

    def __init__(self, exit_code: int, words: list[str]) -> None:
        super().__init__(f"exit code {exit_code}: {' '.join(words[-1:])}")
        self.exit_code = exit_code
        self.words = words

    @property
    def was_killed(self) -> bool:
        """Whether the system ended it, mostly for lack of memory."""
        return self.exit_code in (-9, 137)


class Child:
    """A running child process of `module`; a context manager that leaves nothing alive behind."""

    def __init__(self, module: str, *, fork: bool = False) -> None:
        # An empty working folder: libraries import modules by common names, which a project's folder may have too.
        self._scratch = scratch_folder()
        start: type[_Process] = _Forked if fork else _Spawned
        self._process = start(module, Path(self._scratch.name))

    @classmethod
    def of(cls, module: str) -> Child:
        """The child that was forked ahead for `module`, else a new one."""
        return _forked_ahead.pop(module, None) or cls(module)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        self._scratch.cleanup()

    def messages(self, request: Message, cancel: Cancel) -> Iterator[Message]:
        """Send the request and yield what the child says; raises `Cancelled` and `ChildFailed`."""
        forget = cancel.on_request(self._process.kill)
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.flush()
            for line in self._process.stdout:
                cancel.check()
                with contextlib.suppress(ValueError):
                    yield json.loads(line)
            exit_code = self._process.wait()
        finally:
            forget()
        cancel.check()
        if exit_code:
            words = Path(self._scratch.name, _STDERR).read_text(encoding="utf-8", errors="replace")
            raise ChildFailed(exit_code, words.strip().splitlines()[-20:])


_forked_ahead: dict[str, Child] = {}


def fork_ahead(module: str) -> None:
    """Fork a child for later work of `module`, so that it shares the libraries which this process has just loaded.

    To be called before those libraries start threads. Linux alone: elsewhere they do not survive a fork.
    """
    if sys.platform == "linux" and module not in _forked_ahead:
        _forked_ahead[module] = Child(module, fork=True)


def dismiss_forked() -> None:
    """End the children that were forked ahead and are not needed after all."""
    while _forked_ahead:
        _, child = _forked_ahead.popitem()
        child.__exit__()


_STDERR = "stderr"


class _Process(Protocol):
    """What a child needs of its process."""

    stdin: BinaryIO
    stdout: BinaryIO

    def __init__(self, module: str, folder: Path) -> None: ...
    def kill(self) -> None: ...
    def wait(self) -> int: ...


class _Spawned:
    """A new Python process."""

    def __init__(self, module: str, folder: Path) -> None:
        with (folder / _STDERR).open("wb") as errors:
            command = [sys.executable, "-m", __name__, module]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, cwd=folder)
        assert self._process.stdin and self._process.stdout
        self.stdin: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self.stdout: BinaryIO = self._process.stdout  # type: ignore[assignment]

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        exit_code = self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        return exit_code


class _Forked:
    """A copy of this process, with its loaded libraries."""

    def __init__(self, module: str, folder: Path) -> None:
        (request, stdin), (stdout, answers) = os.pipe(), os.pipe()
        channels = (request, answers, stdin, stdout)
        fork = multiprocessing.get_context("fork")
        self._process = fork.Process(target=_serve_forked, args=(module, folder, channels), daemon=True)
        self._process.start()
        os.close(request)
        os.close(answers)
        self.stdin: BinaryIO = os.fdopen(stdin, "wb")
        self.stdout: BinaryIO = os.fdopen(stdout, "rb")

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        self._process.join()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        return self._process.exitcode or 0


def _serve_forked(module: str, folder: Path, channels: tuple[int, int, int, int]) -> None:
    request, answers, parents_stdin, parents_stdout = channels
    os.close(parents_stdin)
    os.close(parents_stdout)
    os.dup2(request, 0)
    os.dup2(answers, 1)
    os.close(request)
    os.close(answers)
    os.dup2(os.open(folder / _STDERR, os.O_CREAT | os.O_WRONLY | os.O_APPEND), 2)
    os.chdir(folder)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    serve(module)


def serve(module: str) -> None:
    """The child's side: read the request from standard input, and let the module's `work` answer it."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    os.environ["TQDM_DISABLE"] = "1"
    # Libraries print to descriptor 1; the messages keep the pipe for themselves.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    line = b""
    while not line.endswith(b"\n"):
        if not (part := os.read(0, 1 << 16)):
            return
        line += part
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def say(message: Message) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    importlib.import_module(module).work(json.loads(line), say)


def _die_with_parent() -> None:
    """Have Linux kill this process when its parent ends: at once, also while a native library holds Python up."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig, sigkill = 1, 9
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, sigkill)


def _end_with_parent() -> None:
    while os.read(0, 1):  # the descriptor itself: a buffered reader would hold a lock when Python shuts down
        pass
    os._exit(1)


if __name__ == "__main__":
    serve(sys.argv[1])
