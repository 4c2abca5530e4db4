"""Runs from the editor: the real server, and real trainings of a small model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from desk import BARS, MANY, Desk, bars, command, config, ended, refusal, trains, until
from editor import Editor, Json

from olivine_schemas import runs
from olivine_schemas.ledger.folder import create
from olivine_schemas.ledger.process import identity

MakeDesk = Callable[[Json], Desk]


def state_of(editor: Editor, run_id: str) -> str:
    (row,) = [row for row in command(editor, "listRuns") if row["runId"] == run_id]
    return str(row["state"])


def test_a_run_tells_how_far_it_is_and_what_came_of_it(desk: Desk) -> None:
    if sys.version_info >= (3, 11):  # earlier ones always look in the current folder first
        (desk.folder / "datasets.py").write_text("raise SystemExit('a module of the person, not the package')")
    with desk.sit_down() as editor:
        run = command(editor, "run", uri=desk.uri)
        assert Path(run["folder"]).parent == desk.folder / ".olivine" / "runs"
        last = until(editor, run["runId"], ended)
        assert (last["state"], last["percent"]) == ("succeeded", 100)
        (row,) = command(editor, "listRuns")
        assert (row["runId"], row["state"], row["config"]) == (run["runId"], "succeeded", str(desk.config))
        assert row["created"] <= row["started"] <= row["ended"]
        told = command(editor, "runDetails", runId=run["runId"])
        assert [step for step, _ in told["metrics"]["loss"]] == [1, 2, 3]
        assert [each["name"] for each in told["passes"]] == ["tune"]
        assert "adapter" in [each["name"] for each in told["artifacts"]]
        assert "tune" in told["log"]
        lenses = [lens["command"] for lens in editor.ask("codeLens", desk.uri)]
        (lens,) = [lens for lens in lenses if lens["title"].startswith("Last run: succeeded")]
        assert lens["arguments"] == [{"uri": desk.uri, "runId": run["runId"]}]

        shown = [bar["value"] for bar in bars(editor)]
        assert [shown[0]["kind"], shown[-1]["kind"]] == ["begin", "end"]
        assert shown[0]["cancellable"]
        shares = [value["percentage"] for value in shown[:-1]]
        assert shares == sorted(shares)
        (create,) = [asked for asked in editor.asked if asked["method"] == "window/workDoneProgress/create"]
        assert {bar["token"] for bar in bars(editor)} == {create["params"]["token"]}

        command(editor, "deleteRun", runId=run["runId"])
        assert command(editor, "listRuns") == []
        assert not Path(run["folder"]).exists()
        assert editor.logged == []


def test_what_is_on_the_screen_runs_with_the_values_set_for_it(desk: Desk) -> None:
    saved = desk.config.read_text()
    with desk.sit_down({**BARS, "workspace": {"codeLens": {"refreshSupport": True}}}) as editor:
        editor.change(desk.uri, 2, {"text": json.dumps(config(steps=2))})
        run = command(editor, "run", uri=desk.uri, overrides={"passes.tune.training_args.learning_rate": 0.0625})
        started = json.loads((Path(run["folder"]) / "config.json").read_text())["passes"]["tune"]["training_args"]
        assert (started["max_steps"], started["learning_rate"]) == (2, 0.0625)
        assert until(editor, run["runId"], ended)["state"] == "succeeded"
        told = command(editor, "runDetails", runId=run["runId"])
        assert len(told["metrics"]["loss"]) == 2
        assert told["overrides"] == {"passes.tune.training_args.learning_rate": 0.0625}
        assert [asked for asked in editor.asked if asked["method"] == "workspace/codeLens/refresh"]
        assert desk.config.read_text() == saved


def test_the_button_of_the_bar_stops_the_run_and_resuming_finishes_it(make_desk: MakeDesk) -> None:
    desk = make_desk(config(steps=60))
    with desk.sit_down() as editor:
        run = command(editor, "run", uri=desk.uri)["runId"]
        until(editor, run, trains)
        editor.notify("window/workDoneProgress/cancel", {"token": bars(editor)[0]["token"]})
        assert until(editor, run, ended)["state"] == "cancelled"
        assert desk.alive(run) == []
        done = len(command(editor, "runDetails", runId=run)["metrics"]["loss"])
        assert 0 < done < 60
        assert command(editor, "resume", runId=run)["runId"] == run
        again = until(editor, run, ended)
        assert (again["state"], again["attempt"]) == ("succeeded", 2)


def test_a_run_can_be_stopped_before_it_has_begun(desk: Desk) -> None:
    with desk.sit_down() as editor:
        run = command(editor, "run", uri=desk.uri)["runId"]
        command(editor, "cancel", runId=run)
        assert until(editor, run, ended)["state"] == "cancelled"
        assert desk.alive(run) == []


@pytest.mark.parametrize(
    ("half", "by"), [(False, "the button of its bar"), (False, "its id"), (True, "its id")], ids=["bar", "id", "half"]
)
def test_a_run_whose_folder_is_removed_is_told_as_gone_and_can_still_be_stopped(
    make_desk: MakeDesk, half: bool, by: str
) -> None:
    desk = make_desk(config(steps=MANY))
    with desk.sit_down() as editor:
        run = command(editor, "run", uri=desk.uri)
        until(editor, run["runId"], trains)
        pid = command(editor, "runDetails", runId=run["runId"])["pid"]
        if half:  # it may take long
            (Path(run["folder"]) / "run.json").unlink()
        while not half and Path(run["folder"]).exists():  # the run may write in between
            shutil.rmtree(run["folder"], ignore_errors=True)
        while not editor.note("olivine/runChanged").get("deleted"):
            pass
        assert command(editor, "listRuns") == []
        assert identity(pid)
        if by == "the button of its bar":
            editor.notify("window/workDoneProgress/cancel", {"token": bars(editor)[0]["token"]})
        else:
            assert command(editor, "cancel", runId=run["runId"])["state"] == "cancelling"
        while editor.note("$/progress")["value"]["kind"] != "end":
            pass
        assert desk.alive(run["runId"]) == [] and Path(run["folder"]).exists() == half
        assert "no run" in refusal(editor, "cancel", {"runId": run["runId"]})["message"]
        assert editor.logged == []


def test_a_run_with_nonsense_for_events_does_not_hide_the_others(desk: Desk) -> None:
    nonsense = runs.dump_event(runs.Progress(0.0, "training", "some", "more", "step"))  # type: ignore[arg-type]
    sense = runs.dump_event(runs.Progress(0.0, "training", 1, 2, "step"))
    before = [
        runs.RunStarted(0.0, "c", [runs.PassInfo("p", "LoRA")], "cpu", 1),
        runs.PassStarted(0.0, "p", "LoRA", 1, 1),
    ]
    own = os.getpid(), identity(os.getpid())
    made = {}
    for line in (nonsense, sense):
        folder = create(desk.folder, desk.config, "{}")
        folder.events.write_text("".join(f"{each}\n" for each in [*map(runs.dump_event, before), line]))
        folder.update(lambda record: replace(record, state=runs.RunState.RUNNING, pid=own[0], process=own[1]))
        made[line] = folder.id
    with desk.sit_down() as editor:
        assert until(editor, made[sense], lambda news: news["step"] == 1)["percent"] == 50
        assert {row["runId"] for row in command(editor, "listRuns")} == set(made.values())


def test_the_runs_of_every_open_folder_are_listed(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "third")]
    made = [create(folder, folder / "olive-config.json", "{}").id for folder in folders]
    given = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
    with Editor() as editor:
        answer = editor.start(workspaceFolders=given[:2])
        assert answer["capabilities"]["workspace"]["workspaceFolders"]["changeNotifications"]
        assert {row["runId"] for row in command(editor, "listRuns")} == {*made[:2]}
        editor.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": given[2:], "removed": given[:1]}})
        assert {row["runId"] for row in command(editor, "listRuns")} == {*made[1:]}
        assert editor.logged == []


def test_a_run_outlives_the_server_and_the_next_one_can_stop_it(make_desk: MakeDesk) -> None:
    desk = make_desk(config(steps=MANY))
    with desk.sit_down() as editor:
        run = command(editor, "run", uri=desk.uri)["runId"]
        until(editor, run, trains)
        editor.process.send_signal(signal.SIGSTOP)  # editors end a server that hangs together with all its children
        for process in (*psutil.Process(editor.process.pid).children(recursive=True), editor.process):
            process.kill()
        editor.process.wait()
    before = desk.alive(run)
    assert before
    with desk.sit_down() as editor:
        found = until(editor, run, trains)
        assert found["state"] == "running"
        until(editor, run, lambda news: bars(editor))
        assert bars(editor)[0]["value"]["kind"] == "begin"
        assert desk.alive(run) == before
        assert refusal(editor, "resume", {"runId": run})["message"] == "The run is going on."
        assert refusal(editor, "deleteRun", {"runId": run})["message"] == "The run is going on; cancel it first."
        assert command(editor, "cancel", runId=run) == {"runId": run, "state": "cancelling"}
        assert until(editor, run, ended)["state"] == "cancelled"
        assert desk.alive(run) == []
        assert command(editor, "cancel", runId=run)["state"] == "cancelled"


def test_leaving_the_editor_leaves_the_run(make_desk: MakeDesk) -> None:
    desk = make_desk(config(steps=MANY))
    with desk.sit_down() as editor:
        run = command(editor, "run", uri=desk.uri)["runId"]
        until(editor, run, lambda news: news["state"] == "running")
        assert editor.stop() == 0
    assert desk.alive(run)
    with desk.sit_down() as editor:
        command(editor, "cancel", runId=run)
        until(editor, run, ended)


@pytest.mark.parametrize("watching", [True, False], ids=["while it is watched", "while nobody watched"])
def test_a_run_that_was_killed_is_lost_and_can_be_resumed(make_desk: MakeDesk, watching: bool) -> None:
    desk = make_desk(config(steps=60))
    editor = desk.sit_down()
    with editor:
        run = command(editor, "run", uri=desk.uri)["runId"]
        until(editor, run, trains)
        pid = command(editor, "runDetails", runId=run)["pid"]
        if not watching:
            editor.process.kill()
            editor.process.wait()
        os.killpg(pid, signal.SIGKILL)
        if watching:
            editor.replies = {"window/showMessageRequest": {"title": "Resume"}}
            again = until_resumed(editor, run)
    if not watching:
        with Editor() as editor:
            editor.replies = {"window/showMessageRequest": {"title": "Resume"}}
            editor.start(BARS, rootUri=desk.folder.as_uri())
            again = until_resumed(editor, run)
    assert (again["state"], again["attempt"]) == ("succeeded", 2)
    offers = [asked for asked in editor.asked if asked["method"] == "window/showMessageRequest"]
    assert len(offers) == 1
    assert run in offers[0]["params"]["message"]


def test_a_run_is_resumed_the_moment_it_is_gone_and_not_once_it_has_succeeded(make_desk: MakeDesk) -> None:
    desk = make_desk(config(steps=60))
    with desk.sit_down() as editor:
        run = command(editor, "run", uri=desk.uri)["runId"]
        until(editor, run, trains)
        pid = command(editor, "runDetails", runId=run)["pid"]
        os.killpg(pid, signal.SIGKILL)
        while identity(pid):
            pass
        command(editor, "resume", runId=run)
        again = until_resumed(editor, run)
        assert (again["state"], again["attempt"]) == ("succeeded", 2)
        assert refusal(editor, "resume", {"runId": run})["message"] == "The run has succeeded; start a new one."


def test_a_run_that_was_resumed_a_moment_ago_is_stopped_and_not_removed(desk: Desk) -> None:
    folder = create(desk.folder, desk.config, "{}")
    folder.update(lambda record: replace(record, state=runs.RunState.FAILED))
    with desk.sit_down() as editor:
        assert state_of(editor, folder.id) == "failed"
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        with closing(terminal_guard(process)):
            pid, started = process.pid, identity(process.pid)
            folder.update(lambda record: replace(record, state=runs.RunState.RUNNING, pid=pid, process=started))
            assert "cancel it first" in refusal(editor, "deleteRun", {"runId": folder.id})["message"]
            folder.update(lambda record: replace(record, state=runs.RunState.FAILED))
            command(editor, "listRuns")
            folder.update(lambda record: replace(record, state=runs.RunState.RUNNING))
            assert command(editor, "cancel", runId=folder.id)["state"] == "cancelling"
            while identity(process.pid):
                pass


def until_resumed(editor: Editor, run: str) -> Json:
    while True:
        news: Json = editor.note("olivine/runChanged")
        if news["runId"] == run and news["attempt"] == 2 and ended(news):
            return news


def test_two_runs_at_once_one_from_a_terminal_have_bars_of_their_own(make_desk: MakeDesk) -> None:
    desk = make_desk(config(steps=MANY))
    environment = {**os.environ, "OLIVINE_AT_ONCE": "2"}
    terminal = subprocess.Popen(
        [sys.executable, "-m", "olivine_pipeline", "run", "--plain", "--up-to", "tune"],
        cwd=desk.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with desk.sit_down(runs={"atOnce": 2}) as editor, closing(terminal_guard(terminal)):
        other = editor.note("olivine/runChanged")["runId"]
        changed = {"passes.tune.r": 8}
        own = command(editor, "run", uri=desk.uri, overrides=changed)["runId"]
        until(editor, own, trains)
        assert state_of(editor, other) == "running"
        tokens = {bar["token"] for bar in bars(editor)}
        assert len(tokens) == 2
        assert {row["runId"] for row in command(editor, "listRuns")} == {own, other}
        command(editor, "cancel", runId=other)
        assert until(editor, other, ended)["state"] == "cancelled"
        assert terminal.wait(60) == 130
        assert state_of(editor, own) == "running"
        command(editor, "cancel", runId=own)
        assert until(editor, own, ended)["state"] == "cancelled"


class terminal_guard:  # noqa: N801 - reads as a verb where it is used
    """Ends a process that a failing test leaves."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


# Refusals


def test_a_text_that_no_file_can_hold_is_refused_and_leaves_no_folder(desk: Desk) -> None:
    with desk.sit_down() as editor:
        editor.change(desk.uri, 2, {"text": json.dumps(config()).replace('"tune"', '"\ud800"')})
        assert "half a letter" in refusal(editor, "run", {"uri": desk.uri, "force": True})["message"]
        assert list((desk.folder / ".olivine" / "runs").iterdir()) == []
        assert editor.logged == []


def test_a_config_with_errors_is_refused_with_what_is_wrong(desk: Desk) -> None:
    broken = json.dumps(config()).replace('"LoRA"', '"LoRB"')
    with desk.sit_down() as editor:
        editor.change(desk.uri, 2, {"text": broken})
        error = refusal(editor, "run", {"uri": desk.uri})
        assert "nothing was run" in error["message"]
        (problem,) = [each for each in error["data"]["problems"] if each["code"] == "unknown-type"]
        assert (problem["line"], problem["column"]) == (1, broken.index('"LoRB"') + 1)
        assert command(editor, "listRuns") == []
        assert not (desk.folder / ".olivine").exists()


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("run", [], 'needs "uri"'),
        ("run", [{"uri": 3}], '"uri" must be a string'),
        ("run", [{"uri": "URI", "upto": "tune"}], 'does not know "upto"'),
        ("run", [{"uri": "URI", "upTo": "tuen"}], 'no pass "tuen"; it has tune'),
        ("run", [{"uri": "URI", "force": "yes"}], '"force" must be true or false'),
        ("run", [{"uri": "URI", "overrides": {"passes.no.where.r": 1}}], "leads nowhere"),
        ("run", [{"uri": "untitled:Untitled-1"}], "Save the config first"),
        ("run", [{"uri": "https://example.com/olive-config.json"}], "Save the config first"),
        ("run", [{"uri": "file:///no/such/olive-config.json"}], "Save the config first"),
        ("run", ["one", "two"], "one object"),
        ("cancel", [{"runId": "../../etc"}], "no run"),
        ("runDetails", [{"runId": "last"}], "no run"),
        ("deleteRun", [{"runId": ""}], "no run"),
        ("resume", [{}], 'needs "runId"'),
        ("listRuns", [{"all": True}], "takes nothing"),
        ("setupEnvironment", [{"folder": "relative"}], "absolute path"),
        ("setupEnvironment", [{"device": "abacus"}], "device is one of"),
        ("fly", [{}], 'no command "olivine.fly"'),
    ],
)
def test_a_command_that_cannot_be_done_says_why(desk: Desk, name: str, arguments: list[Json], expected: str) -> None:
    given = json.loads(json.dumps(arguments).replace("URI", desk.uri))
    with desk.sit_down() as editor:
        assert expected in refusal(editor, name, *given)["message"]
        assert editor.logged == []
    assert not (desk.folder / ".olivine").exists()


@pytest.mark.parametrize("name", ["run", "resume", "deleteRun", "checkEnvironment", "setupEnvironment"])
def test_nothing_is_executed_in_a_workspace_that_is_not_trusted(desk: Desk, name: str) -> None:
    arguments = {"run": {"uri": desk.uri}, "resume": {"runId": "x"}, "deleteRun": {"runId": "x"}}.get(name, {})
    with desk.sit_down(trusted=False) as editor:
        # What lies in the workspace must not lend itself trust.
        settings = {"olivine": {"trusted": True, "pipeline": {"interpreter": "./evil"}}}
        editor.notify("workspace/didChangeConfiguration", {"settings": settings})
        assert "not trusted" in refusal(editor, name, arguments)["message"]
        assert command(editor, "listRuns") == []
    assert not (desk.folder / ".olivine").exists()


def test_trust_can_be_given_later(desk: Desk) -> None:
    with desk.sit_down(trusted=False) as editor:
        assert "not trusted" in refusal(editor, "checkEnvironment")["message"]
        editor.notify("olivine/trustChanged", {"trusted": True})
        assert command(editor, "checkEnvironment")["ok"]


def test_only_folders_of_runs_can_be_named(desk: Desk) -> None:
    outside = desk.folder.parent / "outside"
    outside.mkdir()
    (outside / "run.json").write_text("{}")
    runs = desk.folder / ".olivine" / "runs"
    runs.mkdir(parents=True)
    (runs / "link").symlink_to(outside)
    with desk.sit_down() as editor:
        for run in ("link", "../../../outside", str(outside)):
            assert "no run" in refusal(editor, "deleteRun", {"runId": run})["message"]
    assert (outside / "run.json").exists()


def test_what_runs_write_of_themselves_does_not_have_the_config_checked_again(desk: Desk) -> None:
    refresh = {**BARS, "workspace": {"diagnostics": {"refreshSupport": True}}}
    with desk.sit_down(refresh) as editor:
        inside = (desk.folder / ".olivine" / "runs" / "one" / "run.json").as_uri()
        editor.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": inside, "type": 2}]})
        editor.ask("hover", desk.uri, position={"line": 0, "character": 0})
        assert not [asked for asked in editor.asked if asked["method"] == "workspace/diagnostic/refresh"]
        beside = (desk.folder / "data" / "train.json").as_uri()
        editor.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": beside, "type": 2}]})
        editor.ask("hover", desk.uri, position={"line": 0, "character": 0})
        assert [asked for asked in editor.asked if asked["method"] == "workspace/diagnostic/refresh"]
