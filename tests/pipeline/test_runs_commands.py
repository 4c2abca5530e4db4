"""Runs as a person meets them on the command line: listed, watched, stopped, resumed, read, deleted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from live import Live, made, olivine, start, training, workspace
from runs import run, run_well, write_config

from olivine_pipeline.commands.logs import CHUNK
from olivine_schemas.ledger.control import cancel
from olivine_schemas.ledger.folder import RunFolder, find_run, run_folders
from olivine_schemas.ledger.process import RUN_VARIABLE
from olivine_schemas.runs import RunState

COMMANDS = ("runs", "attach", "cancel", "resume", "logs")


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A workspace whose run ends soon."""
    return workspace(tmp_path / "work", tiny_model, training(3))


def ended(folder: RunFolder, state: RunState, **changes: object) -> RunFolder:
    """A run as it would be left behind."""
    folder.update(lambda record: replace(record, state=state, **changes))  # type: ignore[arg-type]
    return folder


def listed(cwd: Path, *options: str) -> list[dict[str, object]]:
    done = olivine("runs", "--format", "json", *options, cwd=cwd)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_without_runs_every_command_says_so(command: str, folder: Path) -> None:
    done = olivine(command, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no runs" in done.stderr
    assert "No runs here" in olivine("runs", cwd=folder).stdout


def test_the_list_tells_states_progress_and_loss_also_from_below(folder: Path) -> None:
    run_well(folder)
    ended(made(folder), RunState.RUNNING, pid=os.getpid(), process="another", created=0.0)
    ended(made(folder), RunState.FAILED, message="no luck", started=10.0, ended=12.0)
    (folder / "data" / "deep").mkdir()
    runs = {str(run["state"]): run for run in listed(folder / "data" / "deep")}
    assert set(runs) == {"succeeded", "lost", "failed"}
    assert (runs["succeeded"]["percent"], runs["failed"]["percent"]) == (100, 0)
    assert isinstance(runs["succeeded"]["loss"], float) and runs["failed"]["loss"] is None
    table = olivine("runs", cwd=folder).stdout.splitlines()
    assert table[0].split() == ["run", "state", "config", "started", "took", "done", "loss"]
    assert len(table) == 4
    assert any("failed" in line and "2.0 s" in line for line in table)


def test_the_list_is_short_unless_asked(folder: Path) -> None:
    for _ in range(23):
        ended(made(folder), RunState.SUCCEEDED)
    assert len(listed(folder)) == 20 and len(listed(folder, "--all")) == 23
    assert "3 older ones" in olivine("runs", cwd=folder).stdout


def test_runs_are_meant_by_id_part_or_last(folder: Path) -> None:
    first, second = (ended(made(folder), RunState.SUCCEEDED) for _ in range(2))
    assert second.id == f"{first.id}-2"
    for meant, found in (("last", second), (first.id, first), ("work-2", second), (first.id[:15], None), ("", None)):
        folder_found = find_run(folder, meant)
        assert (folder_found and folder_found.path) == (found and found.path)
    assert "means alone" in olivine("logs", first.id[:15], cwd=folder).stderr


def test_deleting_a_run_leaves_its_results(folder: Path) -> None:
    run_well(folder)
    assert olivine("runs", "--delete", "last", cwd=folder).returncode == 0
    assert run_folders(folder) == []
    assert (folder / "models" / "adapter").is_dir() and (folder / "cache" / "artifacts").is_dir()


def test_attach_shows_a_run_to_its_end_and_ends_as_it_did(folder: Path) -> None:
    write_config(folder, training(40))
    live = start(folder)
    done = olivine("attach", "--plain", cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any("[1/1] tune (LoRA) started" in line for line in lines) and "done in" in lines[-1]
    assert live.end() == 0
    assert "done in" in olivine("attach", "--plain", cwd=folder).stdout  # also afterwards


def test_attach_shows_all_of_a_run_also_where_the_clock_was_set_back(folder: Path) -> None:
    run_well(folder)
    (kept,) = run_folders(folder)
    kept.update(lambda record: replace(record, created=record.created + 86400, started=record.created + 86400))
    assert "done in" in olivine("attach", "--plain", cwd=folder).stdout


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [(RunState.LOST, 3, "olivine resume"), (RunState.CANCELLED, 130, ""), (RunState.FAILED, 3, "")],
)
def test_attach_ends_with_the_exit_code_of_the_run(state: RunState, code: int, words: str, folder: Path) -> None:
    ended(made(folder), state)
    done = olivine("attach", "--plain", cwd=folder)
    assert done.returncode == code and words in done.stdout


def test_an_interrupt_detaches_and_does_not_cancel(folder: Path) -> None:
    write_config(folder, training())
    live = start(folder)
    command = [sys.executable, "-m", "olivine_pipeline", "attach", "--plain"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout
        next(line for line in watcher.stdout if "started" in line)
        watcher.send_signal(signal.SIGINT)
        assert "The run goes on" in watcher.stdout.read()
        assert watcher.wait(10) == 0
    assert live.alive
    assert cancel(live.folder) is RunState.CANCELLED


def test_attach_shows_only_the_latest_attempt(folder: Path) -> None:
    write_config(folder, training())
    live = start(folder)
    live.until_step(1)
    cancel(live.folder)
    write_config(folder, training(3))
    live.folder.config.write_text((folder / "olive-config.json").read_text())
    assert olivine("resume", "--plain", cwd=folder).returncode == 0
    done = olivine("attach", "--plain", cwd=folder)
    assert done.stdout.count("tune (LoRA) started") == 1
    assert "cancelled" not in done.stdout and done.returncode == 0


def test_resume_goes_on_in_the_same_folder(folder: Path) -> None:
    write_config(folder, training(40, save_steps=3))
    live = start(folder)
    live.until_step(5)
    assert cancel(live.folder) is RunState.CANCELLED
    (folder / "olive-config.json").write_text("changed since")
    done = olivine("resume", live.folder.id, "--plain", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = run_folders(folder)
    record = found.read()
    assert record and (record.state, record.attempt) == (RunState.SUCCEEDED, 2)
    again = olivine("resume", cwd=folder)
    assert again.returncode == 2 and "succeeded" in again.stderr


def test_logs_follow_to_the_end(folder: Path) -> None:
    write_config(folder, training(40))
    live = Live(made(folder))
    live.until(lambda: live.console)
    done = olivine("logs", "-f", cwd=folder)
    assert done.returncode == 0 and "done in" in done.stdout
    assert olivine("logs", cwd=folder).stdout == live.console


def test_logs_hide_a_secret_wherever_the_pieces_of_the_file_end(folder: Path) -> None:
    token = "hf_" + 34 * "x"
    text = f"{(CHUNK - 60) * 'a'}\n{40 * 'b'} {token}\nthe end"
    ended(made(folder), RunState.SUCCEEDED).console.write_text(text, encoding="utf-8")
    assert olivine("logs", cwd=folder).stdout == text.replace(token, "***")


def test_cancel_of_an_ended_run_says_that_it_has_ended(folder: Path) -> None:
    ended(made(folder), RunState.SUCCEEDED)
    done = olivine("cancel", cwd=folder)
    assert done.returncode == 0 and "has ended already: succeeded" in done.stdout


@pytest.mark.parametrize("command", ["attach", "cancel", "resume", "runs --delete"])
def test_a_run_of_a_later_version_is_left_alone(command: str, folder: Path) -> None:
    run = made(folder)
    run.record_file.write_text(run.record_file.read_text().replace('"v": 1', '"v": 2'))
    marked = {**os.environ, RUN_VARIABLE: str(run.path)}
    with subprocess.Popen([sys.executable, "-c", "input()"], env=marked, stdin=subprocess.PIPE):
        done = olivine(*command.split(), run.id, cwd=folder)
    assert done.returncode == 2 and "cannot be read" in done.stderr
    assert run.record_file.exists() and not run.cancel_mark.exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_they_load_no_ml_library(command: str, folder: Path) -> None:
    ended(made(folder), RunState.SUCCEEDED).console.touch()
    code = (
        f"import sys; from olivine_pipeline.cli import main; main([{command!r}])\n"
        "heavy = {'torch', 'transformers', 'pydantic', 'onnxruntime', 'numpy', 'datasets', 'yaml', 'pygls'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# What `olivine run` may be asked for


def test_values_can_be_set_for_one_run(folder: Path) -> None:
    before = (folder / "olive-config.json").read_bytes()
    ended = run_well(folder, "--set", "passes.tune.training_args.max_steps=2", "--set", "output_dir=elsewhere")
    assert [event["step"] for event in ended.of_type("metric") if event["name"] == "loss"] == [1, 2]
    assert (folder / "elsewhere" / "adapter").is_dir()
    assert (folder / "olive-config.json").read_bytes() == before
    (kept,) = run_folders(folder)
    record = kept.read()
    assert record and record.arguments.overrides == {
        "passes.tune.training_args.max_steps": 2,
        "output_dir": "elsewhere",
    }
    assert json.loads(kept.config.read_text())["output_dir"] == "elsewhere"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("passes.tuna.r=8", '"passes.tuna"'),
        ("passes.tune.r", "path.to.key=value"),
        ("passes.tune.r=[8", "not JSON"),
        ("passes.tune.merge=True", "true"),
    ],
)
def test_what_cannot_be_set_is_refused(setting: str, words: str, folder: Path) -> None:
    ended = run(folder, "--set", setting)
    assert ended.exit_code == 2
    assert words in ended.output and "Traceback" not in ended.output + ended.errors
    assert run_folders(folder) == []


def test_a_value_that_is_wrong_is_refused_by_the_check(folder: Path) -> None:
    ended = run(folder, "--set", 'passes.tune.r="many"')
    assert ended.exit_code == 2 and "^" in ended.output


def test_force_goes_on_in_spite_of_errors(folder: Path) -> None:
    config = training(3)
    write_config(folder, {**config, "data_configs": config["data_configs"] * 2})
    assert run(folder).exit_code == 2  # a name is given twice
    forced = run_well(folder, "--force")
    assert "duplicate-name" in [warning["code"] for warning in forced.of_type("warning")]


EVALUATED_ON_NOTHING = '"evaluator": "e", "evaluators": {"e": {"metrics": [{"type": "accuracy", "data_config": "x"}]}}'


@pytest.mark.parametrize(
    "damage",
    [
        ('"passes": {', '"passes": '),
        ('"LoRA"', '"LoRRA"'),
        ('"train_data_config": "phrases"', '"train_data_config": "x"'),
        ('"cache_dir"', f'{EVALUATED_ON_NOTHING}, "cache_dir"'),
    ],
)
def test_force_does_not_run_what_cannot_be_understood(damage: tuple[str, str], folder: Path) -> None:
    path = folder / "olive-config.json"
    text = path.read_text()
    assert damage[0] in text
    path.write_text(text.replace(*damage))
    ended = run(folder, "--force")
    assert ended.exit_code == 2
    assert "Traceback" not in ended.output + ended.errors
    assert run_folders(folder) == []
