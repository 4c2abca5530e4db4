"""Every diagnostic has a case and a documentation that a person can use, and the manual is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import olivine_schemas
from cases import FOLDER, check_case, read_case
from olivine_schemas.parser import parse
from olivine_schemas.rules import RULES
from olivine_schemas.rules.builtin_codes import BUILTIN
from olivine_schemas.rules.document import documentation, main
from olivine_schemas.tree import Object, child

PACKAGE = Path(olivine_schemas.__file__).parent
CODES = documentation()
_REPORTS = re.compile(r'\b(?:error|_?report|Problem)\([^"()]*(?:\([^()]*\)[^"()]*)*"([a-z][a-z-]*)"')
NOT_FROM_RULES = [path for path in PACKAGE.rglob("*.py") if path.parent.name not in ("rules", "language")]
"""Where problems are made, apart from the rules."""


@pytest.mark.parametrize("code", CODES)
def test_every_diagnostic_has_a_case_that_shows_it(code: str, tmp_path: Path) -> None:
    shown = [read_case(path) for path in sorted((FOLDER / code).glob("*.case")) if not path.name.startswith("not-")]
    assert shown, f"tests/cases/{code} has no case"
    assert any(code in {problem.code for problem in check_case(case, tmp_path).problems} for case in shown)


@pytest.mark.parametrize("code", CODES)
def test_every_documentation_says_what_and_what_olivine_does(code: str) -> None:
    _, text = CODES[code]
    title, _, rest = text.partition("\n")
    assert title.endswith(".") and len(title) <= 110
    assert "Olivine" in rest.replace("Microsoft Olive", "")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_shows_an_example_of_readable_json(rule: olivine_schemas.rules.Rule) -> None:
    example = re.search(r"```json\n(.*?)```", rule.documentation, re.DOTALL)
    if example is None:
        assert "```yaml" in rule.documentation
        return
    tree = parse("{" + example[1].replace("{…}", "{}") + "}").tree
    assert isinstance(tree, Object) and child(tree, tree.members[0].name) is not None


def test_every_rule_is_registered_under_its_file_name() -> None:
    files = {path.stem for path in (PACKAGE / "rules").glob("*.py") if "\nRULE = " in path.read_text(encoding="utf-8")}
    assert files == {rule.code.replace("-", "_") for rule in RULES}
    assert [rule.code for rule in RULES] == sorted(rule.code for rule in RULES)


def test_every_code_of_parser_and_schema_is_documented() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in NOT_FROM_RULES)
    assert all(f'"{code}"' in written for code in BUILTIN)
    assert set(_REPORTS.findall(written)) <= set(BUILTIN)


def test_no_case_is_for_a_code_that_is_gone() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir()}
    assert folders <= {*CODES, "clean"}


def test_every_case_that_the_table_of_mistakes_names_is_there() -> None:
    named = re.findall(r"\| `([a-z-]+/[a-z-]+)` \|$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(named) > 40 and all((FOLDER / f"{name}.case").is_file() for name in named)


def test_the_manual_is_current() -> None:
    assert main(["--check"]) == 0
