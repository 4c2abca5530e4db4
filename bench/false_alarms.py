"""Count what the checker says of real configs: `python bench/false_alarms.py FOLDER [--accepted INDEX] [--list CODE]`.

FOLDER holds .json and .yaml configs. INDEX is a JSON list of objects with `file` (relative to FOLDER) and `olive_0_13`;
only files that it marks `ok` are counted then: on those every error is a false alarm unless it can be explained.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from olivine_schemas.parser import parse
from olivine_schemas.problems import Problem
from olivine_schemas.schema import validate


def configs(folder: Path, index: Path | None) -> Iterator[Path]:
    """The config files to look at."""
    if index is None:
        yield from sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".yaml", ".yml"))
        return
    for entry in json.loads(index.read_text(encoding="utf-8")):
        if entry["olive_0_13"] == "ok":
            yield folder / entry["file"]


def read(path: Path) -> str:
    """The text of a config; YAML as the JSON that it means."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return text
    import yaml

    return json.dumps(yaml.safe_load(text), indent=2, default=str)


def main() -> None:
    """Print a table of severity, code and number, over problems and over files."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--accepted", type=Path, metavar="INDEX")
    arguments.add_argument("--list", metavar="CODE", help="print every problem of this code or severity")
    options = arguments.parse_args()
    problems: Counter[tuple[str, str]] = Counter()
    files: Counter[tuple[str, str]] = Counter()
    looked_at = 0
    for path in configs(options.folder, options.accepted):
        text = read(path)
        found: list[Problem] = validate(parse(text).tree)
        looked_at += 1
        problems.update((one.severity.value, one.code) for one in found)
        files.update({(one.severity.value, one.code) for one in found})
        for one in found:
            if options.list in (one.code, one.severity.value):
                print(f"{path.name}:{text.count(chr(10), 0, one.span.start) + 1}: {one.code}: {one.message}")
    print(f"{looked_at} files")
    for (severity, code), number in sorted(problems.items()):
        print(f"{severity:12} {code:20} {number:6} in {files[severity, code]:5} files")


if __name__ == "__main__":
    main()
