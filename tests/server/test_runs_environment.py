"""The Python that runs use, and how one is made. Nothing here is downloaded."""

from __future__ import annotations

import os
import re
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from desk import Desk, command, config, refusal
from editor import Json

import olivine_pipeline
import olivine_schemas
from olivine_schemas.ledger.folder import run_folders
from olivine_schemas.runs import RunArguments
from olivine_server.runs.arguments import Refused
from olivine_server.runs.environment import READY, interpreter_for, look, python_of
from olivine_server.runs.setup import CPU_INDEX, Step, olivine_requirement, set_up, steps, torch_requirement
from olivine_server.runs.start import Starter
from olivine_server.settings import read_settings


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any package."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=False)
    return python_of(folder)


def test_the_environment_tells_its_packages(desk: Desk) -> None:
    with desk.sit_down() as editor:
        told = command(editor, "checkEnvironment")
    assert told["ok"]
    assert told["interpreter"] == sys.executable
    assert "torch" in [each["name"] for each in told["packages"]]


def test_a_python_without_olivine_is_refused_with_the_command_that_helps(
    make_desk: Callable[[Json], Desk], bare: Path
) -> None:
    desk = make_desk(config())
    with desk.sit_down(pipeline={"interpreter": str(bare)}) as editor:
        told = command(editor, "checkEnvironment")
        assert (told["ok"], told["command"]) == (False, "olivine.setupEnvironment")
        error = refusal(editor, "run", {"uri": desk.uri})
        assert f"Olivine is not installed for {bare}" in error["message"]
        assert "olivine.setupEnvironment" in error["message"]
        assert error["data"]["environment"]["interpreter"] == str(bare)
        assert command(editor, "listRuns") == []


def test_source_on_the_path_is_no_installation(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = [str(Path(package.__file__).parents[1]) for package in (olivine_schemas, olivine_pipeline)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(rooms))
    assert f"Olivine is not installed for {bare}" in look(str(bare)).message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "cannot be started"),
        ("#!/bin/sh\nexit 1\n", "is not a Python"),
        ("#!/bin/sh\necho 3\n", "is not a Python"),
    ],
)
def test_what_is_no_python_is_told(tmp_path: Path, text: str | None, expected: str) -> None:
    program = tmp_path / "python"
    if text is not None:
        program.write_text(text)
        program.chmod(0o755)
    assert expected in look(str(program)).message


def test_the_chosen_python_comes_before_the_one_that_was_set_up(tmp_path: Path) -> None:
    assert interpreter_for("", tmp_path) == sys.executable
    made = python_of(tmp_path / ".olivine" / "venv")
    made.parent.mkdir(parents=True)
    made.touch()
    assert interpreter_for("", tmp_path) == sys.executable  # half made
    (tmp_path / ".olivine" / "venv" / READY).touch()
    assert interpreter_for("", tmp_path) == str(made)
    assert interpreter_for("python3", tmp_path) == "python3"
    assert interpreter_for("env/bin/python", tmp_path) == str(tmp_path / "env" / "bin" / "python")
    assert interpreter_for("", None) == sys.executable


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"pipeline": {"interpreter": " py "}, "runs": {"atOnce": 2}}, ("py", 2)),
        ({"pipeline.interpreter": "py", "runs.atOnce": 1}, ("py", 1)),
        ({"pipeline": 3, "runs": {"atOnce": True}}, ("", None)),
        ({"pipeline": {"interpreter": None}, "runs": {"atOnce": 0}}, ("", None)),
    ],
)
def test_settings_of_runs(given: Json, expected: tuple[str, int | None]) -> None:
    settings = read_settings({"olivine": given})
    assert (settings.interpreter, settings.at_once) == expected


def test_a_python_that_is_gone_leaves_no_run_behind(tmp_path: Path) -> None:
    config = tmp_path / "olive-config.json"
    with pytest.raises(Refused, match="cannot be started with"):
        Starter(str(tmp_path / "gone")).start(config, "{}", RunArguments())
    assert run_folders(tmp_path) == []


# Setting up


def test_torch_comes_before_what_needs_it_and_this_olivine_is_what_is_installed(tmp_path: Path) -> None:
    made, torch, olivine = steps(tmp_path / "venv", "cpu", sys.executable)
    assert made.commands[0][:3] == (sys.executable, "-m", "venv")
    assert torch_requirement() in torch.commands[-1]
    assert olivine_requirement("pipeline") in olivine.commands[0]
    assert (CPU_INDEX in torch.commands[0]) == (sys.platform == "linux")
    assert CPU_INDEX not in torch.commands[-1]


@pytest.mark.parametrize(("device", "extra"), [("cpu", "pipeline"), ("cuda", "cuda"), ("directml", "directml")])
def test_each_device_has_its_extra(tmp_path: Path, device: str, extra: str) -> None:
    *_, olivine = steps(tmp_path, device, sys.executable)  # type: ignore[arg-type]
    assert re.search(rf"olivine\[{extra}\]( @ |==|$)", olivine.commands[0][-1])


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_a_step_that_fails_is_tried_another_way(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    log = tmp_path / ".olivine" / "setup.log"
    ways = (python("raise SystemExit('not so')"), python("print('but so')"))
    set_up([Step("first", ways), Step("second", (python(""),))], log, lambda *news: told.append(news), Event())
    assert told == [("first", 0), ("second", 50)]
    assert "not so" in log.read_text()
    assert "but so" in log.read_text()
    assert (tmp_path / ".olivine" / ".gitignore").read_text() == "*\n"


def test_a_step_that_cannot_be_done_says_why_and_keeps_secrets(tmp_path: Path) -> None:
    code = "print('ERROR: no torch at https://me:secret@example.com/x'); raise SystemExit(1)"
    with pytest.raises(Refused) as refused:
        set_up([Step("installing torch", (python(code),))], tmp_path / "log", lambda *news: None, Event())
    assert "Installing torch failed: no torch at" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_setting_up_stops_when_asked(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(Refused, match="cancelled"):
        set_up([Step("waiting", (python("input()"),) * 2)], tmp_path / "log", lambda *news: None, stop)


@pytest.mark.skipif(look(sys.executable).azure, reason="this Python has the packages of Azure")
def test_a_python_without_the_packages_of_azure_submits_nothing(make_desk: Callable[[Json], Desk]) -> None:
    client = dict.fromkeys(("subscription_id", "resource_group", "workspace_name"), "x")
    system = {"type": "AzureML", "aml_compute": "c", "aml_docker_config": {"base_image": "i"}}
    flow = {**config(), "azureml_client": client, "systems": {"cloud": system}, "host": "cloud"}
    desk = make_desk(flow)
    with desk.sit_down() as editor:
        assert not command(editor, "checkEnvironment")["azure"]
        for name in ("submit", "run"):
            error = refusal(editor, name, {"uri": desk.uri})
            assert "olivine[azure]" in error["message"]
            assert not error["data"]["environment"]["ok"]
        assert command(editor, "listRuns") == []


def test_an_environment_for_jobs_of_azure_ml_has_their_packages(tmp_path: Path) -> None:
    *_, olivine = steps(tmp_path, "cpu", sys.executable, azure=True)
    assert "[pipeline,azure]" in olivine.commands[0][-1]
