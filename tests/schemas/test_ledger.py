"""The folders of runs: found, read while they are written, and true about what is alive."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from olivine_schemas.ledger import folder as ledger
from olivine_schemas.ledger.control import Limits, cancel, reopen, settled
from olivine_schemas.ledger.folder import RunFolder, create, find_run, root_of, run_folders
from olivine_schemas.ledger.process import RUN_VARIABLE, identity, is_alive, members
from olivine_schemas.runs import ACTIVE, TRANSITIONS, RunArguments, RunState, dump_record, load_record

QUICK = Limits(ask=0.3, insist=0.3)
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {DEAF!r}]); time.sleep(600)"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A new run."""
    (tmp_path / ".git").mkdir()
    return create(tmp_path, tmp_path / "olive-config.json", '{"é": 1}\r\n', RunArguments("tune", overrides={"a.b": 1}))


@pytest.fixture
def started(run: RunFolder) -> Iterator[Any]:
    """Starts programs as processes of the run, and ends them all."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(program: str, state: RunState = RunState.RUNNING, *, marked: bool = True) -> subprocess.Popen[bytes]:
        env = {**os.environ, **({RUN_VARIABLE: str(run.path)} if marked else {})}
        process = subprocess.Popen([sys.executable, "-c", program], env=env, stdout=subprocess.PIPE)
        processes.append(process)
        change(run, state=state, pid=process.pid, process=identity(process.pid))
        return process

    yield start
    for process in processes:
        for child in (*members(run.path), psutil.Process()):
            if child.pid != os.getpid():
                child.kill()
        process.kill()
        process.communicate()


def change(run: RunFolder, **values: Any) -> None:
    assert run.update(lambda record: replace(record, **values))


def state(run: RunFolder) -> RunState:
    record = settled(run)
    assert record
    return record.state


# Folders and records


def test_a_new_run_keeps_its_config_and_says_what_it_is(run: RunFolder, tmp_path: Path) -> None:
    record = run.read()
    assert record and record == load_record(dump_record(record))
    assert (record.id, record.state, record.attempt) == (run.path.name, RunState.QUEUED, 1)
    assert record.arguments == RunArguments("tune", overrides={"a.b": 1})
    assert record.config == str(tmp_path / "olive-config.json")
    assert run.config.read_bytes() == '{"é": 1}\r\n'.encode()
    assert (tmp_path / ".olivine" / ".gitignore").read_text() == "*\n"
    assert run.id.endswith(tmp_path.name.strip("_-.")[:60]) or tmp_path.name[:10] in run.id


def test_a_record_keeps_no_secret_that_was_set_for_the_run(tmp_path: Path) -> None:
    token = "hf_" + 34 * "x"
    run = create(tmp_path, tmp_path / "c.json", "{}", RunArguments(overrides={"a": [{"key": f"is {token}"}], "r": 8}))
    record = run.read()
    assert record and record.arguments.overrides == {"a": [{"key": "is ***"}], "r": 8}
    assert token not in run.record_file.read_text()


@pytest.mark.parametrize(
    ("config", "name", "file"),
    [
        ("olive-config.json", "project", "config.json"),
        ("tune phi.yaml", "tune-phi", "config.yaml"),
        ("../..yml", "run", "config.yaml"),
        ("a" * 200 + ".json", "a" * 60, "config.json"),
        ("a" * 59 + "-" + "b" * 9 + ".json", "a" * 59, "config.json"),
        ("𠮷" * 60 + ".json", "𠮷" * 45, "config.json"),
    ],
)
def test_runs_are_named_after_time_and_config(config: str, name: str, file: str, tmp_path: Path) -> None:
    run = create(tmp_path, tmp_path / "project" / config, "{}")
    assert run.id[15:] == f"-{name}"
    assert run.config.name == file


def test_runs_of_one_second_are_told_apart(tmp_path: Path) -> None:
    runs = [create(tmp_path, tmp_path / "x.json", "{}") for _ in range(4)]
    assert len({run.id for run in runs}) == 4
    assert {run.path for run in run_folders(tmp_path)} == {run.path for run in runs}


@pytest.mark.parametrize("mark", [".git", ".olivine", ".vscode"])
def test_the_workspace_is_the_nearest_marked_folder(mark: str, tmp_path: Path) -> None:
    deep = tmp_path / "workspace" / "deep" / "deeper"
    deep.mkdir(parents=True)
    assert root_of(deep / "olive-config.json") == deep
    (tmp_path / "workspace" / mark).mkdir()
    assert root_of(deep / "olive-config.json") == tmp_path / "workspace"


def test_the_home_folder_is_no_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".vscode").mkdir()
    (tmp_path / "project").mkdir()
    assert root_of(tmp_path / "project" / "olive-config.json") == tmp_path / "project"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"v": 1}', '{"v": 1, "id": "x", "state": "flying"}', "\udcff"]
)
def test_what_is_no_record_reads_as_none(text: str, run: RunFolder) -> None:
    run.record_file.write_text(text, errors="surrogateescape")
    assert run.read() is None
    assert settled(run) is None
    assert run.update(lambda record: record) is None
    assert cancel(run) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created", "yesterday"),
        ("created", float("nan")),
        ("started", 1e300),
        ("ended", [1]),
        ("attempt", "two"),
        ("pid", "12"),
        ("config", None),
        ("arguments", {"overrides": "r=8"}),
        ("versions", {"torch": 2}),
    ],
)
def test_a_record_that_nobody_could_work_with_reads_as_none(field: str, value: object, run: RunFolder) -> None:
    run.record_file.write_text(json.dumps({**json.loads(run.record_file.read_text()), field: value}))
    assert run.read() is None


def test_records_of_later_versions_are_read_as_far_as_they_mean_the_same(run: RunFolder) -> None:
    data = json.loads(run.record_file.read_text())
    run.record_file.write_text(json.dumps({**data, "colour": "red", "arguments": {"up_to": "x", "speed": 1}}))
    record = run.read()
    assert record and record.arguments.up_to == "x"
    run.record_file.write_text(json.dumps({**data, "v": 2}))
    assert run.read() is None


def test_what_lies_around_is_no_run(run: RunFolder, tmp_path: Path) -> None:
    runs = tmp_path / ".olivine" / "runs"
    (runs / "empty").mkdir()
    (runs / "file").write_text("")
    shutil.copytree(run.path, runs / ".half.deleted")
    assert [found.id for found in run_folders(tmp_path)] == [run.id]
    assert run_folders(tmp_path / "nowhere") == []


def test_a_deleted_run_is_gone_and_stays_so(run: RunFolder, tmp_path: Path) -> None:
    ledger.delete(run)
    assert run_folders(tmp_path) == [] and find_run(tmp_path, "last") is None
    assert run.update(lambda record: record) is None
    assert not run.path.exists()


def test_a_record_is_written_also_where_a_reader_is_in_the_way(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to replace a file that someone has open."""
    replaced, refusals = Path.replace, [PermissionError(13, "in use")] * 3

    def replace_as_windows_does(self: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", replace_as_windows_does)
    change(run, state=RunState.SUCCEEDED)
    assert not refusals and state(run) is RunState.SUCCEEDED


def add_one(path: Path, times: int) -> None:
    for _ in range(times):
        RunFolder(path).update(lambda record: replace(record, attempt=record.attempt + 1))


def test_changes_by_several_processes_are_all_kept(run: RunFolder) -> None:
    writers = [multiprocessing.get_context("spawn").Process(target=add_one, args=(run.path, 20)) for _ in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert run.read()  # never torn
    record = run.read()
    assert record and record.attempt == 61


def test_a_run_that_has_ended_can_only_start_again() -> None:
    assert set(TRANSITIONS) == set(RunState)
    for end in set(RunState) - ACTIVE:
        assert TRANSITIONS[end] == {RunState.QUEUED, RunState.STARTING}
    for active in ACTIVE:
        assert RunState.LOST in TRANSITIONS[active] and active not in TRANSITIONS[active]


# What is alive


def test_a_pid_alone_proves_nothing() -> None:
    own = identity(os.getpid())
    assert own and is_alive(os.getpid(), own)
    assert not is_alive(os.getpid(), own + "1")
    assert not is_alive(os.getpid(), None) and not is_alive(None, own)


def test_a_zombie_is_not_alive(started: Any, run: RunFolder) -> None:
    process = started("")
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert identity(process.pid) is None
    assert state(run) is RunState.LOST


@pytest.mark.parametrize("active", sorted(ACTIVE))
def test_a_process_gone_without_a_word_is_lost(active: RunState, run: RunFolder) -> None:
    change(run, state=active, pid=os.getpid(), process="another one with this pid")
    assert state(run) is RunState.LOST
    record = run.read()
    assert record and record.state is RunState.LOST and record.ended  # it is written down


def test_one_gone_after_it_was_asked_to_stop_is_cancelled(run: RunFolder) -> None:
    change(run, state=RunState.RUNNING, pid=os.getpid(), process="another")
    run.cancel_mark.touch()
    assert state(run) is RunState.CANCELLED


def test_a_living_process_is_what_it_says_until_asked_to_stop(started: Any, run: RunFolder) -> None:
    started(DEAF)
    assert state(run) is RunState.RUNNING
    run.cancel_mark.touch()
    assert state(run) is RunState.CANCELLING
    change(run, state=RunState.CANCELLED)  # its last word; it is still there
    assert state(run) is RunState.CANCELLING


@pytest.mark.parametrize("end", [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.LOST])
def test_an_ended_run_stays_as_it_ended(end: RunState, run: RunFolder) -> None:
    change(run, state=end, pid=os.getpid(), process="another")
    run.cancel_mark.touch()
    assert state(run) is end


def test_a_run_has_time_to_get_a_process_also_when_resumed(run: RunFolder) -> None:
    assert state(run) is RunState.QUEUED
    change(run, created=0.0)
    assert state(run) is RunState.LOST
    assert reopen(run)
    assert state(run) is RunState.QUEUED


def test_a_clock_that_was_set_back_gives_no_more_time_to_get_a_process(run: RunFolder) -> None:
    change(run, created=time.time() + 86400)
    assert state(run) is RunState.LOST


def test_a_run_elsewhere_is_taken_as_written(run: RunFolder) -> None:
    change(run, state=RunState.RUNNING, host=socket.gethostname() + "-other", pid=1, process="x", created=0.0)
    assert state(run) is RunState.RUNNING


def test_children_that_outlive_the_run_keep_it_from_being_lost(started: Any, run: RunFolder) -> None:
    process = started(PARENT)
    while not psutil.Process(process.pid).children():
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert state(run) is RunState.RUNNING
    assert reopen(run) is None
    assert cancel(run, QUICK) is RunState.CANCELLED
    assert list(members(run.path)) == []


def test_members_are_found_by_descent_and_by_mark(started: Any, run: RunFolder, tmp_path: Path) -> None:
    process = started(PARENT, marked=False)
    while not psutil.Process(process.pid).children():
        time.sleep(0.01)
    assert list(members(run.path)) == []
    assert len(list(members(run.path, process.pid))) == 2
    marked = started(DEAF)
    (tmp_path / "link").symlink_to(run.path)
    assert [member.pid for member in members(tmp_path / "link")] == [marked.pid]
    for child in psutil.Process(process.pid).children():
        child.kill()


# Cancel


def test_who_does_not_listen_is_ended_with_its_children(started: Any, run: RunFolder) -> None:
    process = started(PARENT)
    while not (children := psutil.Process(process.pid).children()):
        time.sleep(0.01)
    assert cancel(run, QUICK) is RunState.CANCELLED
    assert identity(process.pid) is None and all(identity(child.pid) is None for child in children)
    record = run.read()
    assert record and record.state is RunState.CANCELLED


def test_a_suspended_run_is_woken_to_hear_it(started: Any, run: RunFolder, tmp_path: Path) -> None:
    listens = "import pathlib, sys, time\nprint(flush=True)\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.01)\n"
    heard = "pathlib.Path({!r}).touch()"
    process = started(listens.format(str(run.cancel_mark)) + heard.format(str(tmp_path / "heard")))
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    Thread(target=process.wait, daemon=True).start()
    assert cancel(run, Limits(ask=30, insist=1)) is RunState.CANCELLED
    assert (tmp_path / "heard").exists()


def test_a_run_that_was_resumed_meanwhile_is_left_alone(started: Any, run: RunFolder) -> None:
    process = started("import time; time.sleep(600)")

    def resume(seconds: float) -> None:
        run.cancel_mark.unlink(missing_ok=True)
        change(run, attempt=2)

    assert cancel(run, QUICK, wait=resume) is RunState.CANCELLED
    assert process.poll() is None and state(run) is RunState.RUNNING


def test_another_process_with_the_pid_of_the_run_is_left_alone(started: Any, run: RunFolder) -> None:
    process = started(DEAF, marked=False)
    change(run, process="what had this pid before")
    assert cancel(run, QUICK) is RunState.LOST
    assert process.poll() is None


def test_a_run_that_never_got_a_process_ends_cancelled(run: RunFolder) -> None:
    change(run, created=time.time() - 29.5)
    assert cancel(run, Limits(ask=5.0, insist=0.1)) is RunState.CANCELLED


def test_a_request_that_cannot_be_kept_is_an_error(started: Any, run: RunFolder) -> None:
    started(DEAF)
    run.cancel_mark.symlink_to(run.cancel_mark)  # what leads nowhere cannot be written
    with pytest.raises(OSError):
        cancel(run, QUICK)


# Resume


@pytest.mark.parametrize("end", [RunState.FAILED, RunState.CANCELLED, RunState.LOST])
def test_an_ended_run_is_opened_again_once(end: RunState, run: RunFolder) -> None:
    change(run, state=end, pid=1, process="x", ended=2.0, message="why")
    run.cancel_mark.touch()
    record = reopen(run)
    assert record and (record.state, record.attempt, record.pid, record.message) == (RunState.QUEUED, 2, None, "")
    assert not run.cancel_mark.exists()
    assert reopen(run) is None


def test_a_run_that_has_told_its_end_is_opened_once_its_process_has_left(started: Any, run: RunFolder) -> None:
    process = started("import time\ntime.sleep(1)")
    Thread(target=process.wait, daemon=True).start()
    change(run, state=RunState.FAILED)
    assert identity(process.pid)
    assert reopen(run)
    assert identity(process.pid) is None


def test_a_run_that_has_told_its_end_is_opened_once_its_children_have_left(started: Any, run: RunFolder) -> None:
    child = started("import time\ntime.sleep(2)")
    Thread(target=child.wait, daemon=True).start()
    change(run, state=RunState.CANCELLED, pid=child.pid, process="of a process that has left")
    assert list(members(run.path))
    assert reopen(run)
    assert identity(child.pid) is None


@pytest.mark.parametrize("kept", [RunState.SUCCEEDED, RunState.QUEUED])
def test_a_run_that_is_done_or_to_come_is_not_opened(kept: RunState, run: RunFolder) -> None:
    change(run, state=kept)
    assert reopen(run) is None
