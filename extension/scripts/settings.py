"""Writes the settings that follow from the server into package.json: `python scripts/settings.py [--check]`.

These are the severities: one setting for each diagnostic, with its title.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from olivine_schemas.problems import Severity
from olivine_schemas.rules.document import documentation
from olivine_server.settings import OFF

MANIFEST = Path(__file__).parents[1] / "package.json"
SETTING = "olivine.severities"


def severities() -> dict[str, Any]:
    """The JSON schemas of the severities by code."""
    values = [*(severity.value for severity in Severity), OFF]
    return {
        code: {"enum": values, "default": severity.value, "description": text.partition("\n")[0]}
        for code, (severity, text) in sorted(documentation().items())
    }


def main(arguments: list[str]) -> int:
    """Write the manifest, or with --check tell whether it is current."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    setting = manifest["contributes"]["configuration"]["properties"][SETTING]
    wanted = severities()
    if "--check" in arguments:
        if setting["properties"] != wanted:
            print("extension/package.json is out of date; run python extension/scripts/settings.py", file=sys.stderr)
        return int(setting["properties"] != wanted)
    setting["properties"] = wanted
    MANIFEST.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
