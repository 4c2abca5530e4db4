"""List the measurements, or run one or all: `python -m bench [NAME [ARGUMENT…] | --all]`."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ALONE = ("check_speed", "forms", "kill_and_resume", "lsp_speed", "refusals", "rerun", "runs")
"""Scripts that need nothing but Olivine and, for `forms`, the demo's model; the others need more, or take an hour."""


def scripts() -> dict[str, str]:
    """The first line of each script's docstring, by name."""
    paths = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("__"))
    documented = ((path.stem, ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))) for path in paths)
    return {name: (text or "").partition("\n")[0] for name, text in documented}


def main(arguments: list[str]) -> int:
    """Run what is asked for; 1 if a script fails, 2 if there is none of that name."""
    known = scripts()
    if not arguments:
        print("\n".join(f"{name:16} {line}" for name, line in known.items()))
        return 0
    if arguments[0] == "--all":
        codes = [_run(name, []) for name in ALONE]
        return int(any(codes))
    if arguments[0] not in known:
        print(f"There is no script {arguments[0]!r}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    return _run(arguments[0], arguments[1:])


def _run(name: str, arguments: list[str]) -> int:
    print(f"== {name}", flush=True)
    return subprocess.call([sys.executable, str(FOLDER / f"{name}.py"), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
