"""Every case file shows what it says: each diagnostic under its text, no surplus one, and the text after a fix."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cases import Case, case_paths, check_case, draw, fix_called, read_case
from olivine_schemas.problems import apply_edits

CASES = case_paths()


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case_shows_its_diagnostics(path: Path, tmp_path: Path, update: bool) -> None:
    case = read_case(path)
    drawn = draw(case, check_case(case, tmp_path))
    if update:
        path.write_text(drawn, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == drawn


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_fix_removes_its_problem_and_brings_no_error(path: Path, tmp_path: Path) -> None:
    case = read_case(path)
    checked = check_case(case, tmp_path)
    for problem in checked.problems:
        for fix in (*problem.fixes, *problem.suggestions):
            after = check_case(case, tmp_path, apply_edits(case.text, fix.edits))
            assert _count(after.problems, problem.code) < _count(checked.problems, problem.code), fix.title
            assert len(after.errors) <= len(checked.errors), fix.title


def _count(problems: tuple[object, ...], code: str) -> int:
    return Counter(getattr(problem, "code") for problem in problems)[code]  # noqa: B009


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_case_is_about_the_code_of_its_folder(path: Path, tmp_path: Path) -> None:
    case = read_case(path)
    codes = [problem.code for problem in check_case(case, tmp_path).problems]
    quiet = path.stem.startswith("not-")
    assert (case.code in codes) is not quiet or case.code == "clean", codes
    assert case.code != "clean" or not codes


def test_a_surplus_diagnostic_fails_a_case(tmp_path: Path) -> None:
    case = Case(tmp_path / "x.case", "", '{ "input_model": { "type": "HfModel", "model_path": "a/b" }, "pases": {} }\n')
    assert draw(case, check_case(case, tmp_path)) != case.text


def test_a_named_fix_is_found_by_its_title(tmp_path: Path) -> None:
    case = Case(tmp_path / "x.case", "", '{ "input_model": { "type": "HfModel", "model_path": "a/b" }, "pases": {} }\n')
    assert fix_called(check_case(case, tmp_path), 'Change to "passes"').title == 'Change to "passes"'
