"""The manual of diagnostics, made of their documentation: `python -m olivine_schemas.rules.document [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from olivine_schemas.problems import Severity

from . import RULES
from .builtin_codes import BUILTIN, LANGUAGE, SYNTAX

PAGE = Path(__file__).parents[3] / "docs" / "diagnostics.md"

_HEAD = """# Diagnostics

What Olivine says of a config, by code. This page is made of the code: `python -m olivine_schemas.rules.document`.

| severity | means |
| --- | --- |
| error | the run is refused, or would fail |
| warning | it runs, but not as written, or Microsoft Olive ignores it silently |
| information | true, but probably not what is wanted |
| hint | an old name that has a migration |

A mistake is reported once, where it is. What only a file elsewhere, or the network, could tell is not reported.
"""


def documentation() -> dict[str, tuple[Severity, str]]:
    """Severity and documentation of every diagnostic, by code; of a documentation the first line is the title."""
    builtin = {code: (entry.severity, entry.documentation) for code, entry in BUILTIN.items()}
    return {**builtin, **{rule.code: (rule.severity, rule.documentation) for rule in RULES}}


def page() -> str:
    """The whole manual, in Markdown."""
    known = documentation()
    groups = {
        "Settings that contradict one another, or the files around them": sorted(set(known) - set(BUILTIN)),
        "Settings that the language does not have": sorted(LANGUAGE),
        "Syntax": sorted(SYNTAX),
    }
    index = [f"- {title}: " + ", ".join(f"[{code}](#{code})" for code in codes) for title, codes in groups.items()]
    parts = [_HEAD, "\n".join(index)]
    for title, codes in groups.items():
        parts.append(f"\n## {title}")
        parts += [_section(code, *known[code]) for code in codes]
    return "\n".join(parts) + "\n"


def _section(code: str, severity: Severity, text: str) -> str:
    title, _, rest = text.partition("\n")
    return f"\n### {code}\n\n*{severity.value}* · {title}\n\n{rest.strip()}"


def main(arguments: list[str]) -> int:
    """Write the page, or with --check tell whether it is current."""
    wanted = page()
    if "--check" in arguments:
        current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted
        if not current:
            print("docs/diagnostics.md is not current: run python -m olivine_schemas.rules.document", file=sys.stderr)
        return 0 if current else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
