"""Problems, with the severity that a person has set for their code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from olivine_schemas.problems import Problem, Severity
from olivine_server.settings import OFF
from olivine_server.workspace import Document

UNNECESSARY = frozenset({"unused-data-config", "ignored-setting"})
"""Codes of what could go without a change: editors fade it."""
DEPRECATED = frozenset({"old-name", "old-form"})
"""Codes of what has a newer form: editors strike it through."""


def diagnostics(document: Document, severities: Mapping[str, str]) -> list[Problem]:
    """The problems of a document, in the order of the text; those of a code that is off are left out."""
    return [
        replace(problem, severity=Severity(severities[problem.code])) if problem.code in severities else problem
        for problem in document.checked.problems
        if severities.get(problem.code) != OFF
    ]
