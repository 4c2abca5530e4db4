"""Config files on disk, read as the text they hold."""

from __future__ import annotations

from pathlib import Path

from olivine_schemas.problems import Severity

from .errors import RunError

BOM = "\ufeff"
DEFAULT_CONFIG = Path("olive-config.json")
"""What a command works on where no config is named."""


def read_config(path: Path) -> str:
    """The text of a config file, line endings and byte order mark as they are; `RunError` says why not."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _unreadable(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise _unreadable(f"{path}: is a folder; name the config file in it") from None
    except OSError as error:
        if path.is_dir():  # what Windows calls a permission error
            raise _unreadable(f"{path}: is a folder; name the config file in it") from None
        raise _unreadable(f"{path}: cannot be read: {error.strerror}") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _unreadable(f"{path}: is UTF-16 text; save it as UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(f"{path}: is not UTF-8 text (line {line}, byte {error.start}); save it as UTF-8") from None


def _unreadable(message: str) -> RunError:
    return RunError("unreadable-config", message)


def is_yaml(path: Path) -> bool:
    """Whether a config is YAML, by its name."""
    return path.suffix.lower() in (".yaml", ".yml")


def is_well_formed(text: str, *, yaml: bool) -> bool:
    """Whether a config's text has no syntax error."""
    if yaml:
        from olivine_schemas.yaml_tree import parse_yaml as parse
    else:
        from olivine_schemas.parser import parse
    return not any(problem.severity is Severity.ERROR for problem in parse(text).problems)
