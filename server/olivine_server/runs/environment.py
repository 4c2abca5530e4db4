"""The Python that runs use: which it is, and whether it has what they need."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from olivine_schemas.ledger.folder import HOME

from .start import environment

SECONDS = 60
"""How long a Python may take to tell what it has."""
SET_UP = "olivine.setupEnvironment"
READY = "olivine.ready"
"""A file in an environment that is set up to the end; one that is half made is not used."""

_PROBE = """
import json, platform
from importlib.metadata import PackageNotFoundError, distribution
told = {"python": platform.python_version(), "packages": None, "azure": True}
try:
    distribution("azure-ai-ml"), distribution("azure-identity")
except PackageNotFoundError:
    told["azure"] = False
try:
    from olivine_pipeline import doctor
    told["packages"] = [[f.about, f.verdict, f.text] for f in doctor.packages()]
except ImportError as error:  # also where there is the source alone, which does not say what it needs
    told["error"] = str(error)
print(json.dumps(told))
"""
"""Reads what is written down of installed packages, and imports none of them."""


@dataclass(frozen=True)
class Package:
    """A package that runs need: whether it is there and fits, and its version or what is wrong with it."""

    name: str
    ok: bool
    text: str


@dataclass(frozen=True)
class Environment:
    """What the Python at `interpreter` has. `message` says what is wrong; empty where nothing is."""

    interpreter: str
    python: str = ""
    packages: tuple[Package, ...] = ()
    message: str = ""
    azure: bool = False
    """Whether it has what jobs of Azure ML need."""

    @property
    def ok(self) -> bool:
        return not self.message

    def to_data(self) -> dict[str, Any]:
        """As JSON, with the command that helps."""
        return {"ok": self.ok, **asdict(self), "command": None if self.ok else SET_UP}


def interpreter_for(chosen: str, folder: Path | None) -> str:
    """The Python for runs: the one chosen in the settings, else what was set up in the folder, else this one."""
    if chosen:
        path = Path(chosen).expanduser()
        # A bare name is looked up where programs are; a path is relative to what is open, not to each config.
        return str((folder or Path()) / path) if len(path.parts) > 1 else chosen
    made = folder / HOME / "venv" if folder else None
    return str(python_of(made)) if made and (made / READY).exists() else sys.executable


def python_of(venv: Path) -> Path:
    """Where the Python of a virtual environment is."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def look(interpreter: str) -> Environment:
    """Ask a Python what it has, without loading any of it."""
    try:
        asked = subprocess.run(
            [interpreter, "-c", _PROBE],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            env=environment(interpreter),
            cwd=Path(__file__).parent,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Environment(interpreter, message=f"{interpreter} does not answer.")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Environment(interpreter, message=f"{interpreter} cannot be started: {reason}.")
    try:
        told = json.loads(asked.stdout)
        return _judged(interpreter, told)
    except (ValueError, KeyError, TypeError):
        last = asked.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or "it said nothing"
        return Environment(interpreter, message=f"{interpreter} is not a Python that Olivine can use: {last}")


def _judged(interpreter: str, told: dict[str, Any]) -> Environment:
    python = told["python"]
    if told["packages"] is None:
        return Environment(interpreter, python, message=f"Olivine is not installed for {interpreter}: {told['error']}.")
    packages = tuple(Package(name, verdict != "no", text) for name, verdict, text in told["packages"])
    wrong = [f"{each.name} {each.text}" for each in packages if not each.ok]
    message = f"{interpreter} lacks what runs need: {'; '.join(wrong)}." if wrong else ""
    return Environment(interpreter, python, packages, message, told["azure"])
