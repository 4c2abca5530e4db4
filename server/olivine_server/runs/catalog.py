"""What there is at Azure ML, as the person's account sees it: asked for on demand, and kept as long as this process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from olivine_schemas.overrides import OverrideRefused, override
from olivine_server.features.azure import choosing_compute, choosing_workspace, cloud_of, workspace_of
from olivine_server.workspace import Document

from .arguments import Refused
from .asking import LISTS, listed
from .start import Starter

if TYPE_CHECKING:
    from .tokens import TokenGiver

Items = list[dict[str, Any]]
NO_WORKSPACE = "The config names no Azure ML workspace; select one first."
CHOICES = {"workspaces": choosing_workspace, "computes": choosing_compute}
"""What a choice changes in a config."""


class Catalog:
    """The lists that were asked for, by workspace."""

    def __init__(self, tokens: Callable[[str], TokenGiver | None]) -> None:
        self._tokens = tokens
        self._known: dict[tuple[str, ...], Items] = {}

    def known(self, document: Document, kind: str) -> Items:
        """The items of the config's workspace, as they were last; none where nobody has asked."""
        return self._known.get(_key(document, kind), [])

    def answer(self, starter: Callable[[], Starter], document: Document, kind: str, choice: str | None) -> Any:
        """The items, or the text of the config with one of them chosen. Raises Refused."""
        if kind not in LISTS or (choice is not None and kind not in CHOICES):
            raise Refused(f"olivine.azure lists {', '.join(LISTS)}; to choose from are {' and '.join(CHOICES)}.")
        if choice is None:
            return {"items": self._ask(starter(), document, kind)}
        item = next((one for one in self.known(document, kind) if _id(one) == choice), None)
        if item is None:
            raise Refused(f'There is no "{choice}" among the {kind} that were listed.')
        try:
            return {"text": override(document.text, CHOICES[kind](document, item), yaml=document.yaml)}
        except OverrideRefused as error:
            raise Refused(str(error)) from error

    def _ask(self, starter: Starter, document: Document, kind: str) -> Items:
        workspace = workspace_of(document)
        if workspace is None and kind != "workspaces":
            raise Refused(NO_WORKSPACE)
        question = {"list": kind, "workspace": workspace, "cloud": cloud_of(document)}
        with ExitStack() as stack:
            giver = self._tokens(f"{kind}-{secrets.token_hex(4)}")
            if giver:
                stack.callback(giver.close)
            items = listed(starter.interpreter, document, question, giver.variables if giver else {})
        items = [{**one, "id": _id(one)} for one in items]
        self._known[_key(document, kind)] = items
        return items


def _key(document: Document, kind: str) -> tuple[str, ...]:
    names = workspace_of(document) if kind != "workspaces" else None
    return kind, *(names or {}).values()


def _id(item: dict[str, Any]) -> str:
    """What tells an item from others of its name."""
    return "/".join(str(item[key]) for key in ("subscription_id", "resource_group", "name") if key in item)
