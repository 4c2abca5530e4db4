"""The documents that an editor has open, each checked at most once a version."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from olivine_schemas.check import Checked, check
from olivine_schemas.facts import NO_FACTS, Facts
from olivine_schemas.lines import LineIndex
from olivine_schemas.tree import Node, Object

_CONFIG_NAME = re.compile(r"(?:olive[-_]config|.+\.olive)\.(?:json|jsonc|yaml|yml)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Document:
    """One version of a text, with all that is known of it. Work is done when it is first asked for, and kept."""

    uri: str
    text: str
    version: int = 0
    yaml: bool = False
    facts: Facts = NO_FACTS
    """What is known of the files around it."""
    between: Callable[[], None] = lambda: None
    """Called between the steps of a check; raises where nobody waits for it any more."""

    @property
    def path(self) -> Path | None:
        """Where the document is on disk; None for one that was never saved."""
        return path_of(self.uri)

    @cached_property
    def lines(self) -> LineIndex:
        """Offsets to lines and back."""
        return LineIndex(self.text)

    @cached_property
    def checked(self) -> Checked:
        """The tree, the meaning and the problems of the text."""
        return self.check(self.text)

    def check(self, text: str) -> Checked:
        """Check another text as if it stood here."""
        found = check(text, self.facts, yaml=self.yaml, between=self.between)
        if any(problem.code == "unknown-type" for problem in found.problems):
            from .plugins import other_passes  # few configs need to know, and asking takes a while

            if extra := other_passes():
                return check(text, self.facts, yaml=self.yaml, extra_passes=extra, between=self.between)
        return found

    @property
    def tree(self) -> Node:
        """The text as written."""
        return self.checked.tree

    @property
    def workflow(self) -> Object | None:
        """What the text means, in canonical form; None where it is no object."""
        return self.checked.workflow


class Workspace:
    """The open documents that are configs, by URI. `between` is called between the steps of a check."""

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        self._between = between
        self._documents: dict[str, Document] = {}
        self.folders: list[Path] = []
        """What is open, in the order of the editor."""
        self.use_facts = True

    @property
    def root(self) -> Path | None:
        """The first folder that is open."""
        return self.folders[0] if self.folders else None

    def __iter__(self) -> Iterator[Document]:
        return iter(list(self._documents.values()))

    def get(self, uri: str) -> Document | None:
        """The document, if it is open and a config."""
        return self._documents.get(uri)

    def at(self, uri: str) -> Document | None:
        """The open document, else the file as it is; None where neither is there, or the URI is no file's."""
        path = path_of(uri)
        if path is None or not path.parent.is_dir():
            return None
        if uri in self._documents:
            return self._documents[uri]
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError):
            return None
        return Document(uri, text, 0, is_yaml(uri, ""), self._facts(uri), self._between)

    def open(self, uri: str, language: str, version: int, text: str) -> Document | None:
        """Take a document in; None if it is no config."""
        if not is_config(uri, language):
            return None
        document = Document(uri, text, version, is_yaml(uri, language), self._facts(uri), self._between)
        self._documents[uri] = document
        return document

    def change(self, uri: str, version: int, text: str) -> Document | None:
        """Give a document its next version."""
        before = self._documents.get(uri)
        if before is None:
            return None
        self._documents[uri] = replace(before, version=version, text=text)
        return self._documents[uri]

    def close(self, uri: str) -> Document | None:
        """Let go of a document."""
        return self._documents.pop(uri, None)

    def refresh(self) -> None:
        """Forget what was found out: the files around the documents, or the settings, have changed."""
        for uri, document in self._documents.items():
            self._documents[uri] = replace(document, facts=self._facts(uri))

    def _facts(self, uri: str) -> Facts:
        path = path_of(uri)
        folder = path.parent if path else self.root
        if folder is None or not self.use_facts:
            return NO_FACTS
        from olivine_schemas.disk_facts import DiskFacts  # not needed by editors that open no folder

        return DiskFacts(folder, path.name if path else "")


def is_config(uri: str, language: str) -> bool:
    """Whether a document is a config: its language or its name says so."""
    return language.startswith("olive-config") or _CONFIG_NAME.fullmatch(unquote(uri.rsplit("/", 1)[-1])) is not None


def is_yaml(uri: str, language: str) -> bool:
    """Whether a config is written in YAML."""
    return "yaml" in language or uri.lower().endswith((".yaml", ".yml"))


def path_of(uri: str) -> Path | None:
    """The path of a `file:` URI, else None."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    path = unquote(parts.path)
    if re.match(r"/[A-Za-z]:", path):  # Windows: file:///c%3A/folder
        path = path[1:]
    return Path(f"//{parts.netloc}{path}" if parts.netloc and parts.netloc != "localhost" else path)


def uri_of(path: Path) -> str:
    """The `file:` URI of an absolute path."""
    text = path.as_posix()
    if text.startswith("//"):
        return "file:" + quote(text)
    return "file://" + quote(text if text.startswith("/") else "/" + text)
