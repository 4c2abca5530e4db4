"""What the checker says of real configs: `python bench/false_alarms.py FOLDER [--accepted INDEX] [--list CODE]`.

FOLDER holds .json and .yaml configs. INDEX is a JSON list of objects with `file` (relative to FOLDER) and `olive_0_13`;
only files that it marks `ok` are counted then: on those every error is a false alarm. Nothing is known of the files
around the configs. Warnings and informations are listed by category, each with what justifies it.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from olivine_schemas.check import check
from olivine_schemas.problems import Problem, Severity

BECAUSE = {
    "builder-precision-device": "onnxruntime has no kernels for this precision on this device; a later target may have",
    "ignored-setting": "Microsoft Olive reads the setting and does nothing with it, or another one overrules it",
    "unknown-builder-option": "the builder of onnxruntime-genai skips options that it does not know",
    "unknown-key": "Microsoft Olive drops the key without a word: its value has no effect",
    "unknown-value": "in a pass that Olivine does not run: another version of Olive, or a script, may know the value",
    "unsupported-value": "Microsoft Olive runs it, Olivine does not",
    "wrong-type": "in a pass that Olivine does not run: another version of Olive may take the value",
    "trust-remote-code": "true, and a person should know",
    "unused-data-config": "true, and harmless",
    "old-form": "means the same; there is a migration",
    "old-name": "means the same; there is a migration",
    "wrong-case": "Olive tolerates it",
}
"""What justifies each category where Olive accepts the config."""


def configs(folder: Path, index: Path | None) -> Iterator[Path]:
    """The config files to look at."""
    if index is None:
        yield from sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".yaml", ".yml"))
        return
    for entry in json.loads(index.read_text(encoding="utf-8")):
        if entry["olive_0_13"] == "ok":
            yield folder / entry["file"]


def found_in(path: Path) -> tuple[Problem, ...]:
    """The problems of one config."""
    return check(path.read_text(encoding="utf-8"), yaml=path.suffix != ".json").problems


def why(severity: Severity, code: str) -> str:
    """What justifies a problem; nothing justifies an error in a config that Olive accepts."""
    if severity is Severity.ERROR:
        return "a false alarm where Olive accepts the config"
    return BECAUSE.get(code, "**not justified yet**")


def main() -> None:
    """Print a table of severity, code and number, over problems and over files, with reason and example."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--accepted", type=Path, metavar="INDEX")
    arguments.add_argument("--list", metavar="CODE", help="print every problem of this code or severity")
    options = arguments.parse_args()
    problems: Counter[tuple[Severity, str]] = Counter()
    files: dict[tuple[Severity, str], set[Path]] = defaultdict(set)
    example: dict[tuple[Severity, str], str] = {}
    paths = list(configs(options.folder, options.accepted))
    for path in paths:
        for one in found_in(path):
            kind = (one.severity, one.code)
            problems[kind] += 1
            files[kind].add(path)
            example.setdefault(kind, one.message)
            if options.list in (one.code, one.severity.value):
                text = path.read_text(encoding="utf-8")
                print(f"{path.name}:{text.count(chr(10), 0, one.span.start) + 1}: {one.code}: {one.message}")
    wrong = {path for (severity, _), found in files.items() if severity is Severity.ERROR for path in found}
    print(f"{len(paths)} files, {len(wrong)} with errors\n")
    print("| severity | code | problems | files | because | such as |\n| --- | --- | --- | --- | --- | --- |")
    ranks = list(Severity)
    for kind in sorted(problems, key=lambda kind: (ranks.index(kind[0]), kind[1])):
        reason, shown = why(*kind), example[kind].replace("|", "\\|")
        print(f"| {kind[0].value} | {kind[1]} | {problems[kind]} | {len(files[kind])} | {reason} | {shown} |")


if __name__ == "__main__":
    main()
