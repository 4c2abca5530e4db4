"""The files that a config names, as links."""

from __future__ import annotations

import re
from dataclasses import dataclass

from olivine_schemas.problems import Span
from olivine_schemas.rules.reading import is_plain_path
from olivine_schemas.tree import Scalar, walk
from olivine_server.workspace import Document, uri_of

from .selection import inside_quotes

_HOLDS_PATH = re.compile(r"(?:path|file|files|dir|script|folder|model_name_or_path)$")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
HUB = "https://huggingface.co/"


@dataclass(frozen=True)
class Link:
    """A span that leads to `target`, a URI."""

    span: Span
    target: str
    tooltip: str


def links(document: Document) -> list[Link]:
    """Links to the files that are there, to the config.json of model folders, and to models on the hub."""
    found = []
    for path, node in walk(document.tree):
        key = next((step for step in reversed(path) if isinstance(step, str)), "")
        if isinstance(node, Scalar) and isinstance(node.value, str) and _HOLDS_PATH.search(key):
            target = _target(document, node.value, key)
            if target:
                found.append(Link(inside_quotes(document.text, node.span), *target))
    return found


def _target(document: Document, written: str, key: str) -> tuple[str, str] | None:
    if not is_plain_path(written):
        return None
    there = document.facts.path_exists(written)
    if there and document.path is not None:
        inner = f"{written.rstrip('/')}/config.json"
        is_model = bool(document.facts.path_exists(inner))
        return uri_of(document.path.parent / (inner if is_model else written)), "Open the file"
    if there is False and key == "model_path" and _HUB_ID.fullmatch(written):
        return HUB + written, "Show the model on Hugging Face"
    return None
