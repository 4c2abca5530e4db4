"""Work in a child process: for libraries that change the process they run in, or may end it.

The parent sends one JSON request and reads one JSON message a line. The child ends when its parent does, however that
ends: its standard input closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from .cancel import Cancel

Message = dict[str, Any]


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

    def __init__(self, module: str, environment: dict[str, str] | None = None) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="olivine-")
        self._errors = Path(self._scratch.name, "stderr")
        with self._errors.open("wb") as errors:
            # An empty working folder: libraries import modules by common names, which a project's folder may have too.
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self._scratch.name,
                env={**os.environ, "PYTHONIOENCODING": "utf-8", "TQDM_DISABLE": "1", **(environment or {})},
            )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._scratch.cleanup()

    def messages(self, request: Message, cancel: Cancel) -> Iterator[Message]:
        """Send the request and yield what the child says; raises `Cancelled` and `ChildFailed`."""
        forget = cancel.on_request(self._process.kill)
        try:
            with contextlib.suppress(BrokenPipeError):
                assert self._process.stdin is not None
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.flush()
            for line in self._process.stdout or ():
                cancel.check()
                with contextlib.suppress(ValueError):
                    yield json.loads(line)
            exit_code = self._process.wait()
        finally:
            forget()
        cancel.check()
        if exit_code:
            words = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise ChildFailed(exit_code, words[-20:])


def serve(work: Callable[[Message, Callable[[Message], None]], None]) -> None:
    """The child's side: read the request, let `work` answer it through the function it is given, then end."""
    import signal

    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    # Libraries print to descriptor 1; the messages keep the pipe for themselves.
    channel: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
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

    work(json.loads(line), say)


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
