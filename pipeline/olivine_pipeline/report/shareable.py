"""A config that may leave the machine: without secrets, workspaces and absolute paths."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from olivine_schemas.redact import HIDDEN, redact

PRIVATE = {"azureml_client", "subscription_id", "resource_group", "tenant_id"}
"""Keys that are left out."""
SECRET = re.compile(
    r"(secret|password|connection_string|api_?key|account_?key|access_?key|sas_token|hf_token)$", re.IGNORECASE
)
"""Keys whose text is hidden."""


def shareable(value: Any, config_folder: Path) -> Any:
    """The same plain data, with paths relative to `config_folder` and secrets hidden."""
    if isinstance(value, dict):
        return {
            key: HIDDEN if isinstance(entry, str) and SECRET.search(key) else shareable(entry, config_folder)
            for key, entry in value.items()
            if key not in PRIVATE
        }
    if isinstance(value, (list, tuple)):
        return [shareable(entry, config_folder) for entry in value]
    return redact(_relative(value, config_folder)) if isinstance(value, str) else value


def _relative(text: str, folder: Path) -> str:
    if "{" in text or "\n" in text:  # a text template, which may begin with a slash
        return text
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
        if Path(text).is_relative_to(folder):
            return Path(text).relative_to(folder).as_posix()
        return PureWindowsPath(text).name or text
    return text
