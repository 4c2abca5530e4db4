"""A run keeps a folder that tells how it goes, and outlives whatever happens to it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from filelock import FileLock
from live import Live, again, made, olivine, start, state, training, workspace
from runs import hashes, read_events, run, run_well, write_config

import olivine_schemas
from olivine_pipeline.errors import RunError
from olivine_pipeline.recorder import Recorder
from olivine_pipeline.workflow import telling_full_disk
from olivine_schemas.ledger.control import cancel
from olivine_schemas.ledger.folder import LOCK_SECONDS, run_folders
from olivine_schemas.ledger.process import identity
from olivine_schemas.runs import RunState

SCHEMA = json.loads((Path(olivine_schemas.__file__).parent / "run.schema.json").read_text(encoding="utf-8"))


# What is kept


def test_a_run_in_a_folder_tells_all_of_itself_there(short: Path) -> None:
    live = start(short)
    (short / "olive-config.json").write_text("no longer what runs")
    live.end_well()
    record = live.record
    assert (record.state, record.attempt, record.pid) == (RunState.SUCCEEDED, 1, live.process.pid)
    assert (record.output, record.message) == (str(short / "models"), "")
    assert record.device and record.host and record.versions["olivine"]
    assert record.created <= (record.started or 0) <= (record.ended or 0)
    kinds = [event["type"] for event in live.events]
    assert (kinds[0], kinds[-1]) == ("run-started", "run-finished")
    assert live.events[0]["config"] == str(short / "olive-config.json")
    assert {event["type"] for event in read_events(live.folder.metrics)} == {"metric", "evaluated"}
    assert "[1/1] tune (LoRA) started" in live.console and "done in" in live.console
    assert (short / "models" / "adapter").is_dir()


END = """
import sys
from pathlib import Path
from olivine_pipeline.cancel import Cancel
from olivine_pipeline.journal import Journal
from olivine_pipeline.errors import RunError
from olivine_pipeline.recorder import Recorder
from olivine_pipeline.workflow import telling_full_disk
from olivine_schemas.ledger.folder import RunFolder
from olivine_schemas.runs import RunState

class Watched(RunFolder):
    def update(self, change, patience):
        told = self.events.read_text() + self.console.read_text() if self.events.exists() else ""
        record = super().update(change, patience)
        print(record.state.value, "run-finished" in told, "done in" in told)
        return record

recorder, journal = Recorder(Watched(Path(sys.argv[1]))), Journal()
recorder.take_up(Cancel())
recorder.open_files(journal)
journal.run_started("c", [], "cpu", {})
journal.finished(RunState.SUCCEEDED, 1.0, "models")
"""


def test_who_reads_that_a_run_has_ended_finds_all_that_it_has_told(short: Path) -> None:
    done = subprocess.run([sys.executable, "-c", END, made(short).path], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["starting False False", "running False False", "succeeded True True"]


def test_a_state_is_written_also_where_another_holds_the_record_for_long(short: Path) -> None:
    folder = made(short)
    with FileLock(folder.path / ".lock"):
        writing = threading.Thread(target=Recorder(folder).state, args=(RunState.FAILED,))
        writing.start()
        writing.join(LOCK_SECONDS + 1)
    writing.join()
    assert state(folder) is RunState.FAILED


def test_records_are_those_of_the_schema(short: Path) -> None:
    live = start(short)
    live.end_well()
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(live.folder.record_file.read_text()))


def test_a_run_from_a_terminal_is_found_as_any_other(short: Path) -> None:
    ended = run_well(short)
    (folder,) = run_folders(short)
    record = folder.read()
    assert record and (record.state, record.config) == (RunState.SUCCEEDED, str(short / "olive-config.json"))
    assert read_events(folder.events) == ended.events
    assert folder.config.read_text() == (short / "olive-config.json").read_text()


def test_a_config_refused_in_a_terminal_leaves_nothing(short: Path) -> None:
    write_config(short, {**training(3), "passes": {"tune": {"type": "LoRRA"}}})
    assert run(short).exit_code == 2
    assert run_folders(short) == []


def test_a_refused_config_of_a_folder_fails_with_the_reason(short: Path) -> None:
    write_config(short, {**training(3), "passes": {"tune": {"type": "LoRRA"}}})
    live = start(short)
    assert live.end() == 2
    assert live.record.state is RunState.FAILED and "1 error" in live.record.message
    assert live.events[-1]["location"]["file"] == str(short / "olive-config.json")
    assert "LoRRA" in live.console


def test_a_run_without_a_place_for_its_folder_goes_on(short: Path) -> None:
    shutil.rmtree(short / ".olivine")
    (short / ".olivine").write_text("a file")
    ended = run_well(short)
    assert [warning["code"] for warning in ended.of_type("warning")].count("no-run-folder") == 1


@pytest.mark.parametrize("spoil", ["", "{}", "gone"])
def test_a_folder_that_is_none_is_refused_in_a_line(spoil: str, short: Path) -> None:
    folder = made(short)
    if spoil == "gone":
        shutil.rmtree(folder.path)
    else:
        folder.record_file.write_text(spoil)
    done = olivine("run", "--run-folder", str(folder.path), str(short / "olive-config.json"), cwd=short)
    assert (done.returncode, done.stderr) == (2, "")
    assert "not the folder of a run" in done.stdout


def test_an_unforeseen_failure_is_told_in_the_log_alone(short: Path) -> None:
    broken = short / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'olivine_pipeline.training': raise RuntimeError('boom hf_' + 'a1B2' * 9)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    live = start(short, PYTHONPATH=str(broken))
    assert live.end() == 3
    assert "RuntimeError: boom ***" in live.console and "Traceback" in live.console
    assert live.record.state is RunState.FAILED
    assert str(live.folder.console) in live.record.message and "Traceback" not in live.record.message
    assert "a1B2a1B2" not in "".join(path.read_text() for path in live.folder.path.iterdir())


# What happens to a folder and its process


def test_a_run_outlives_its_folder(tiny_model: Path, tmp_path: Path) -> None:
    folder = workspace(tmp_path / "deleted", tiny_model, training(60))
    live = start(folder)
    live.until_step(1)
    shutil.rmtree(folder / ".olivine")
    assert live.end() == 0
    assert (folder / "models" / "adapter").is_dir()
    assert not live.folder.path.exists()


def test_a_run_whose_folder_is_gone_is_stopped_by_who_knows_its_record(long: Path) -> None:
    live = start(long)
    live.until_step(1)
    known = live.record
    shutil.rmtree(long / ".olivine")
    assert cancel(live.folder) is None and live.alive
    assert cancel(live.folder, known=known) is RunState.CANCELLED
    assert live.leaves_nothing() and not live.folder.path.exists()
    assert list((long / "cache" / "work").glob("*/checkpoints/checkpoint-*"))


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system, as only root can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.name != "posix" or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", place]).returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("stop", [False, True], ids=["ends", "is cancelled"])
def test_a_run_outlives_a_full_disk_and_its_state_is_true(stop: bool, long: Path, full_disk: Path) -> None:
    if not stop:
        write_config(long, training(60))
    shutil.rmtree(long / ".olivine")
    (long / ".olivine").symlink_to(full_disk)
    live = start(long)
    live.until_step(1)
    try:
        with (full_disk / "filling").open("wb", buffering=0) as file:
            while file.write(b" " * 512):
                pass
    except OSError:
        pass
    if stop:
        assert cancel(live.folder) is RunState.CANCELLED
    else:
        assert live.end() == 0
    assert state(live.folder) is (RunState.CANCELLED if stop else RunState.SUCCEEDED)
    assert "Traceback" not in live.console


def test_a_state_is_written_although_others_take_every_byte_that_comes_free(short: Path, full_disk: Path) -> None:
    shutil.rmtree(short / ".olivine")
    (short / ".olivine").symlink_to(full_disk)
    folder = made(short)
    filler = (
        "import sys\nwith open(sys.argv[1], 'wb', 0) as file:\n    while True:\n        try: file.write(b' ' * 512)\n"
    )
    filler += "        except OSError: print(flush=True)"
    command = [sys.executable, "-c", filler, str(full_disk / "filling")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout and process.stdout.readline()
            threading.Thread(target=process.stdout.read, daemon=True).start()
            for attempt in range(2, 30):
                folder.update(lambda record, attempt=attempt: replace(record, attempt=attempt))  # type: ignore[misc]
                record = folder.read()
                assert record and record.attempt == attempt
        finally:
            process.kill()


def test_a_killed_run_is_lost_and_resumes_to_the_very_same_adapter(tiny_model: Path, tmp_path: Path) -> None:
    config = training(45, save_steps=3, gradient_accumulation_steps=2)
    alone, killed = (workspace(tmp_path / name, tiny_model, config) for name in ("alone", "killed"))
    start(alone).end_well()
    live = start(killed)
    live.until_step(12)
    live.process.kill()
    live.end()
    assert state(live.folder) is RunState.LOST

    events = live.folder.events
    events.write_bytes(events.read_bytes()[:-9])  # torn, as by a crash of the machine
    second = again(live.folder)
    second.until_step(24)
    assert cancel(live.folder) is RunState.CANCELLED

    again(live.folder).end_well()
    record = live.record
    assert (record.state, record.attempt) == (RunState.SUCCEEDED, 3)
    assert not live.folder.cancel_mark.exists()
    assert hashes(killed / "models") == hashes(alone / "models")
    log = [event["message"] for event in live.events if event["type"] == "log"]
    assert sum("continuing from checkpoint-" in message for message in log) == 2


def test_resuming_keeps_what_a_fresh_run_has_made_already(tiny_model: Path, tmp_path: Path) -> None:
    config = training(3)
    config["passes"]["more"] = {"type": "MergeAdapterWeights"}
    folder = workspace(tmp_path / "fresh", tiny_model, config)
    start(folder).end_well()

    run_folder = made(folder, fresh=True)
    live = Live(run_folder)
    live.until(lambda: [e["name"] for e in live.events if e["type"] == "pass-finished"] == ["tune"])
    live.process.kill()
    live.end()
    if state(run_folder) is RunState.LOST:
        again(run_folder).end_well()
    finished = [event["name"] for event in live.events if event["type"] == "pass-finished"]
    assert finished == ["tune", "more"]


def test_a_living_run_is_neither_resumed_nor_taken_over(long: Path) -> None:
    live = start(long)
    live.until_step(1)
    run_it = ["run", "--run-folder", str(live.folder.path)]
    for command in (["resume", live.folder.id], run_it, ["runs", "--delete", "last"]):
        assert olivine(*command, cwd=long).returncode == 2
    assert live.alive and (live.record.state, live.record.attempt) == (RunState.RUNNING, 1)
    cancel(live.folder)


def test_a_run_whose_python_is_the_child_of_what_was_started_is_no_other_run(short: Path) -> None:
    """As in a virtual environment of Windows, whose python.exe starts the real one."""
    folder = made(short)
    folder.update(lambda record: replace(record, pid=os.getpid(), process=identity(os.getpid())))
    done = olivine("run", "--run-folder", str(folder.path), "--plain", cwd=short)
    record = folder.read()
    assert done.returncode == 0 and record and record.pid != os.getpid()


def test_two_runs_into_one_output_both_end_well(tiny_model: Path, tmp_path: Path) -> None:
    folder = workspace(tmp_path / "two", tiny_model, training(20))
    lives = [start(folder, "--at-once=2")]
    write_config(folder, training(21))
    lives.append(start(folder, "--at-once=2"))
    for live in lives:
        live.end_well()
    adapters = list((folder / "cache" / "artifacts").glob("*/adapter_model.safetensors"))
    assert len(adapters) == 2
    published = (folder / "models" / "adapter" / "adapter_model.safetensors").read_bytes()
    assert published in [path.read_bytes() for path in adapters]


SAFETENSORS = f"Error while serializing: I/O error: {os.strerror(errno.ENOSPC)} (os error {errno.ENOSPC})"
TORCH = "[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), RuntimeError(SAFETENSORS)])
def test_a_full_disk_is_told_in_whatever_words_a_library_says_it(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is full"), telling_full_disk(tmp_path):
        raise error


def test_a_library_that_does_not_say_what_ails_it_is_asked_of_the_disk(full_disk: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is full"), telling_full_disk(full_disk):
        raise RuntimeError(TORCH)
    with pytest.raises(RuntimeError, match="enforce"), telling_full_disk(tmp_path):
        raise RuntimeError(TORCH)
