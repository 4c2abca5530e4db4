"""Case files: a config with its diagnostics drawn below the lines, the files around it, and the text after a fix.

    # what this case shows
    #: devices cuda=yes bf16=no
    { "passes": { "ft": { "type": "LoRA", "lora_droput": 0.1 } } }
    #                                     ^^^^^^^^^^^^^ error unknown-key: …
    #                                     fix: Change to "lora_dropout"     (`fix?:` for one that is only suggested)
    //- dataset/phrases.json
    [{"phrase": "…"}]
    #--- after fix: Change to "lora_dropout"
    { … }

A case with `//-` files is checked in a folder that holds them; without any, nothing is known of the outside. A
`.safetensors` file is written from lines `name dtype shape`. A case whose name ends in `.yaml.case` is YAML.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from olivine_schemas.check import Checked, check
from olivine_schemas.disk_facts import DiskFacts
from olivine_schemas.facts import DeviceFacts, Facts, NoFacts
from olivine_schemas.problems import Fix, Problem, apply_edits

FOLDER = Path(__file__).parent.parent / "cases"
_SECTION = re.compile(r"^(//- .*|#--- after fix.*)\n", re.MULTILINE)
_ANNOTATION = re.compile(r"[#^]")


@dataclass
class Case:
    """One case file, taken apart."""

    path: Path
    head: str
    """Description and options, as written."""
    text: str
    """The config."""
    files: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)
    """Expected text by title of a fix."""

    @property
    def code(self) -> str:
        return self.path.parent.name

    @property
    def is_yaml(self) -> bool:
        return self.path.name.endswith(".yaml.case")


def case_paths() -> list[Path]:
    """Every case file."""
    return sorted(FOLDER.glob("*/*.case"))


def read_case(path: Path) -> Case:
    """Take a case file apart."""
    first, *rest = _SECTION.split(path.read_text(encoding="utf-8"))
    lines = first.splitlines(keepends=True)
    start = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    text = "".join(line for line in lines[start:] if not _ANNOTATION.match(line))
    case = Case(path, "".join(lines[:start]), text)
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        if title.startswith("//- "):
            case.files[title[4:].strip()] = body
        else:
            case.fixed[title.removeprefix("#--- after fix").removeprefix(": ").strip()] = body
    return case


def check_case(case: Case, folder: Path, text: str | None = None) -> Checked:
    """Check the config of a case among its files, which are written to `folder`."""
    for name, body in case.files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, body)
    return check(case.text if text is None else text, _facts(case, folder), yaml=case.is_yaml)


def draw(case: Case, checked: Checked) -> str:
    """The case file as it would be if what was found were expected."""
    drawn = [case.head, _annotated(case.text, checked.problems)]
    for name, body in case.files.items():
        drawn.append(f"//- {name}\n{body}")
    for title in _titles(case, checked):
        fixed = apply_edits(case.text, fix_called(checked, title).edits)
        drawn.append(f"#--- after fix: {title}\n{fixed}" + ("" if fixed.endswith("\n") else "\n"))
    return "".join(drawn)


def fix_called(checked: Checked, title: str) -> Fix:
    """The first fix with a title; of an empty title the first of all."""
    return next(fix for problem in checked.problems for fix in _offered(problem) if title in ("", fix.title))


def _offered(problem: Problem) -> tuple[Fix, ...]:
    return (*problem.fixes, *problem.suggestions)


def _titles(case: Case, checked: Checked) -> list[str]:
    """The fixes that are asserted: those that the file names, else the first one that repairs the case's code."""
    offered = [fix.title for problem in checked.problems for fix in _offered(problem)]
    named = [title for title in case.fixed if title in offered]
    own = [fix.title for problem in checked.problems if problem.code == case.code for fix in _offered(problem)]
    return named or own[:1]


def _annotated(text: str, problems: tuple[Problem, ...]) -> str:
    lines, offset = [], 0
    for line in text.splitlines(keepends=True) or [""]:
        lines.append(line if line.endswith("\n") or not problems else line + "\n")
        end = offset + len(line)
        lines += [
            _drawn(p, line, offset)
            for p in problems
            if offset <= p.span.start < end or p.span.start == end == len(text)
        ]
        offset = end
    return "".join(lines)


def _drawn(problem: Problem, line: str, offset: int) -> str:
    column = min(problem.span.start - offset, len(line))
    length = max(1, min(problem.span.end - offset, len(line.rstrip("\n"))) - column)
    margin = "#" + " " * (column - 1) if column else ""
    drawn = f"{margin}{'^' * length} {problem.severity.value} {problem.code}: {problem.message}\n"
    offered = [("fix", fix) for fix in problem.fixes] + [("fix?", fix) for fix in problem.suggestions]
    return drawn + "".join(f"#{' ' * max(1, column - 1)}{kind}: {fix.title}\n" for kind, fix in offered)


def _facts(case: Case, folder: Path) -> Facts:
    said = re.search(r"^#: devices (.*)$", case.head, re.MULTILINE)
    devices = _devices(said[1]) if said else None
    return _Folder(folder, devices) if case.files else _Machine(devices)


def _devices(options: str) -> DeviceFacts:
    said = dict(option.split("=") for option in options.split())
    bf16, providers = said.get("bf16"), said.get("providers")
    known = None if providers is None else frozenset(providers.split(","))
    return DeviceFacts(said["cuda"] == "yes", None if bf16 is None else bf16 == "yes", known)


class _Machine(NoFacts):
    """A machine that the case describes, and no files."""

    def __init__(self, devices: DeviceFacts | None) -> None:
        self._devices = devices

    def devices(self) -> DeviceFacts | None:
        return self._devices


class _Folder(DiskFacts):
    """The real facts of a folder, on a machine that the case describes."""

    def __init__(self, base: Path, devices: DeviceFacts | None) -> None:
        super().__init__(base)
        self._devices = devices

    def devices(self) -> DeviceFacts | None:
        return self._devices


def _write(place: Path, body: str) -> None:
    if place.suffix != ".safetensors":
        place.write_text(body, encoding="utf-8")
        return
    header, position = {}, 0
    for name, dtype, *shape in (line.split() for line in body.splitlines()):
        sizes = [int(size) for size in shape]
        end = position + prod(sizes) * 2
        header[name] = {"dtype": dtype, "shape": sizes, "data_offsets": [position, end]}
        position = end
    encoded = json.dumps(header).encode()
    place.write_bytes(struct.pack("<Q", len(encoded)) + encoded + bytes(position))
