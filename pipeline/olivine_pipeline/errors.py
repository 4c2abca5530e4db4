"""How a run ends early: in the person's words, never with a traceback."""

from __future__ import annotations

from olivine_schemas.problems import Problem
from olivine_schemas.runs import Location


class RunError(Exception):
    """The run cannot go on: `code` is stable kebab-case, `message` what is wrong, `hint` what to do."""

    def __init__(self, code: str, message: str, hint: str = "", location: Location | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.location = location


class ConfigRefused(Exception):
    """The config has errors; nothing was started."""

    def __init__(self, path: str, text: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{path}: {len(problems)} problem(s)")
        self.path = path
        self.text = text
        self.problems = problems


class Cancelled(Exception):
    """The person asked to stop; what was finished stays."""


def missing_package(error: ModuleNotFoundError) -> RunError:
    """What to do where a package of the pipeline is not installed."""
    package = (error.name or "").partition(".")[0]
    return RunError(
        "missing-package", f"The package {package!r} is not installed.", "Run: pip install 'olivine[pipeline]'"
    )
