"""The way to Azure: its packages, which may be missing, and a connection through them."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.errors import RunError
from olivine_pipeline.journal import Journal
from olivine_schemas.runs import Location

from .request import Workspace

if TYPE_CHECKING:
    from .connection import Connection

_PACKAGES = ("azure.ai.ml", "azure.identity", "azure.storage.blob")
_ROOTS = ("azure", "msrest", "marshmallow")


def missing(location: Location | None = None) -> RunError:
    """What to do where the packages of Azure are not installed."""
    hint = "Run: pip install 'olivine[azure]'"
    return RunError("missing-package", "The packages of Azure are not installed.", hint, location)


def is_installed() -> bool:
    """Whether the packages of Azure are there, found out without importing them."""
    try:
        return all(importlib.util.find_spec(name) for name in _PACKAGES)
    except ModuleNotFoundError:
        return False


def connect(workspace: Workspace, cancel: Cancel, journal: Journal, *, patiently: bool = True) -> Connection:
    """A connection to a workspace, which is there; to what needs none, where it has no name. `RunError`.

    Where nobody answers that is told, and tried for some minutes, unless it is not to be done `patiently`.
    """
    try:
        with quiet():
            from .connection import PATIENCE_SECONDS, Connection
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _ROOTS:
            raise
        raise missing() from error
    connection = Connection(workspace, cancel, journal.warn, PATIENCE_SECONDS if patiently else 0.0)
    if workspace.workspace_name:
        connection.open()
    return connection


@contextmanager
def quiet() -> Iterator[None]:
    """Import packages of Azure, which log at length what is experimental and what they retry."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
        for name in ("azure", "azure.ai.ml", "msrest"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
