"""Making a Python that has what runs need: a virtual environment with the right packages for this machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from threading import Event
from typing import Literal

from olivine_schemas.ledger.folder import HOME
from olivine_schemas.redact import redact

from .arguments import Refused
from .environment import READY, python_of
from .start import environment

Device = Literal["cpu", "cuda", "directml"]
EXTRAS: dict[str, str] = {"cpu": "pipeline", "cuda": "cuda", "directml": "directml"}
"""What is installed of Olivine, by device."""
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""Builds of torch for Linux without the gigabytes for GPUs."""

_NEWS = re.compile(r"(Collecting|Downloading|Installing collected packages|Building|Preparing) ?(\S*)")
_STEP = 0.2
"""Seconds between two looks at a command, and so between two reports of it."""


@dataclass(frozen=True)
class Step:
    """A command of the set-up, with others to try where it fails."""

    title: str
    commands: tuple[tuple[str, ...], ...]


def device_found() -> Device:
    """The device that models will run on, as far as can be told without any package."""
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists():
        return "cuda"
    return "directml" if sys.platform == "win32" else "cpu"


def steps(folder: Path, device: Device, base: str, *, azure: bool = False) -> list[Step]:
    """What is done to set up `folder`, with the Python `base` to begin with; `azure` for jobs of Azure ML too."""
    python = str(python_of(folder))
    pip = (python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    torch: tuple[tuple[str, ...], ...] = ((*pip, torch_requirement()),)
    if device == "cpu" and sys.platform == "linux":
        elsewhere = ("--index-url", CPU_INDEX, "--retries", "1", "--timeout", "15")  # not everyone may go there
        torch = ((*pip, *elsewhere, torch_requirement()), *torch)
    return [
        Step("making the environment", ((base, "-m", "venv", str(folder)),)),
        Step("installing torch", torch),
        Step("installing Olivine", ((*pip, olivine_requirement(EXTRAS[device] + (",azure" if azure else ""))),)),
    ]


def make(folder: Path, device: Device, tell: Callable[[str, int], None], stop: Event, *, azure: bool = False) -> Path:
    """Set up `folder`, and tell the log of that. `tell` is as for `set_up`, which raises Refused."""
    log = folder.with_name(f"{folder.name}-setup.log")
    set_up(steps(folder, device, sys.executable, azure=azure), log, tell, stop)
    (folder / READY).touch()
    return log


def torch_requirement() -> str:
    """torch within the bounds that Olivine declares."""
    for requirement in _distribution_requires():
        if match := re.match(r"torch\s*([<>=!~][^;]*)", requirement):
            return f"torch{match[1].strip()}"
    return "torch"


def olivine_requirement(extra: str) -> str:
    """This very Olivine, with an extra: from the folder it was installed from, else by its version."""
    try:
        here = distribution("olivine")
    except PackageNotFoundError:
        return f"olivine[{extra}]"
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        source = json.loads(here.read_text("direct_url.json") or "null")
        version_control = source.get("vcs_info")
        url = "{vcs}+{url}@{commit_id}".format(**source, **version_control) if version_control else source["url"]
        return f"olivine[{extra}] @ {url}"
    return f"olivine[{extra}]=={here.version}"


def set_up(planned: Sequence[Step], log: Path, tell: Callable[[str, int], None], stop: Event) -> None:
    """Do the steps, with what they print in `log`; `tell` gets a line and a percentage. Raises Refused."""
    log.parent.mkdir(parents=True, exist_ok=True)
    ignore = log.parent / ".gitignore"
    if log.parent.name == HOME and not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    log.write_text("", encoding="utf-8")
    for number, step in enumerate(planned):
        news = partial(_tell_share, tell, 100 * number // len(planned))
        news(step.title)
        if not any(_run(command, step.title, log, news, stop) for command in step.commands):
            raise Refused(f"{step.title.capitalize()} failed: {_reason(log)} The whole story is in {log}.")


def _tell_share(tell: Callable[[str, int], None], share: int, line: str) -> None:
    tell(line, share)


def _run(command: Sequence[str], title: str, log: Path, tell: Callable[[str], None], stop: Event) -> bool:
    """Run one command; whether it succeeded. Raises Refused once `stop` is set."""
    with log.open("ab") as out:
        out.write(redact(f"$ {' '.join(command)}\n").encode())
        out.flush()
        start = out.tell()
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment(command[0])
            )
        except OSError as error:
            out.write(f"ERROR: {error}\n".encode())
            return False
    told = ""
    try:
        while process.poll() is None:
            if stop.wait(_STEP):
                raise Refused("Setting up was cancelled; what was downloaded is kept for the next time.")
            if (news := _news(log, start)) != told:
                told = news
                tell(f"{title}: {news}")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    return process.returncode == 0


def _news(log: Path, start: int) -> str:
    """What pip said last that a person can follow."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 4096))
        found = _NEWS.findall(file.read().decode("utf-8", "replace"))
    return " ".join(found[-1]).strip().lower() if found else ""


def _reason(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "Error:"))]
    return redact((errors or lines or ["no message"])[-1].removeprefix("ERROR: ").rstrip(".")) + "."


def _distribution_requires() -> list[str]:
    try:
        return distribution("olivine").requires or []
    except PackageNotFoundError:
        return []
