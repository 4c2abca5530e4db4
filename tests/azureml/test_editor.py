"""The same from an editor: the real server starts, shows and cancels runs whose jobs are at the double."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "server"))

import pytest
from desk import BARS, bars, command, ended, refusal, trains, until
from editor import Editor, Json
from names import NAME, TENANT
from workspaces import with_small_jobs

if TYPE_CHECKING:
    from double import Double


TOKENS = {**BARS, "experimental": {"olivine": {"tokens": True}}}


def at_work(double: Double, folder: Path, capabilities: Json = BARS) -> tuple[Editor, str]:
    """An editor with a config for Azure ML, whose Python for runs is led to the double; and the config's URI."""
    from double.__main__ import make_project

    made = make_project(double, folder)
    config = Path(made["project"]) / "olive-config.json"
    editor = Editor()
    options = {"pipeline": {"interpreter": made["interpreter"]}}
    editor.start(capabilities, rootUri=config.parent.as_uri(), initializationOptions=options)
    editor.open(config.as_uri(), config.read_text())
    return editor, config.as_uri()


def test_a_job_is_submitted_followed_and_cancelled(double: Double, tmp_path: Path) -> None:
    with_small_jobs(double.workspace, tmp_path / "bin", SMALL_JOB_SECONDS="2")
    editor, uri = at_work(double, tmp_path)
    with editor:
        (lens,) = [lens for lens in editor.ask("codeLens", uri) if lens["command"]["command"] == "olivine.submit"]
        run = command(editor, "submit", **lens["command"]["arguments"][0])["runId"]
        until(editor, run, lambda news: news["state"] == "queued" and "waiting" in news["message"])
        assert until(editor, run, trains)["state"] == "running"
        (name,) = double.workspace.jobs
        assert f"/runs/{name}?" in command(editor, "runDetails", runId=run)["url"]
        editor.notify("window/workDoneProgress/cancel", {"token": bars(editor)[0]["token"]})
        assert until(editor, run, ended)["state"] == "cancelled"
        assert double.workspace.runs[name].cancelled
        assert editor.logged == []


def test_the_account_of_the_editor_is_used(double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_small_jobs(double.workspace, tmp_path / "bin")
    monkeypatch.setattr("workspaces.PRINCIPAL", {})  # nobody else is signed in
    editor, uri = at_work(double, tmp_path, TOKENS)
    editor.replies["olivine/token"] = {"token": "canary-of-the-editor", "expires": int(time.time()) + 3600}
    with editor:
        run = command(editor, "submit", uri=uri)
        assert until(editor, run["runId"], ended)["state"] == "succeeded"
        (asked, *_) = [asked["params"] for asked in editor.asked if asked["method"] == "olivine/token"]
        assert asked["runId"] == run["runId"]
        assert asked["scopes"] == ["https://management.azure.com/.default"]
        assert asked["tenant"] == TENANT
    assert double.workspace.tokens == {"canary-of-the-editor"}
    written = [path for path in tmp_path.rglob("*") if path.is_file() and b"canary-of-the-editor" in path.read_bytes()]
    assert written == []


def test_where_the_editor_gives_no_token_another_account_is_used(double: Double, tmp_path: Path) -> None:
    with_small_jobs(double.workspace, tmp_path / "bin")
    editor, uri = at_work(double, tmp_path, TOKENS)
    with editor:
        run = command(editor, "submit", uri=uri)["runId"]
        assert until(editor, run, ended)["state"] == "succeeded"
        assert [asked for asked in editor.asked if asked["method"] == "olivine/token"]
    assert double.workspace.tokens <= set(double.workspace.token_ends)


def test_the_plan_is_of_what_is_on_the_screen(double: Double, tmp_path: Path) -> None:
    editor, uri = at_work(double, tmp_path)
    with editor:
        planned = command(editor, "plan", uri=uri)
        assert planned["ok"]
        assert "data/train.json" in planned["text"]
        editor.change(uri, 2, {"text": changed(tmp_path, aml_compute="gpu-cluster")})
        assert "gpu-cluster" in command(editor, "plan", uri=uri)["text"]
        editor.change(uri, 3, {"text": changed(tmp_path, resources={"cores": 2})})
        planned = command(editor, "plan", uri=uri)
        assert not planned["ok"]
        assert "cores is no resource" in planned["text"]
    assert not double.workspace.requests


def changed(folder: Path, **system: Any) -> str:
    """The text of the config with other settings of its system."""
    config = json.loads((folder / "project/olive-config.json").read_text())
    config["systems"]["cloud"] |= system
    return json.dumps(config)


def test_a_config_of_this_machine_is_not_submitted(double: Double, tmp_path: Path) -> None:
    editor, uri = at_work(double, tmp_path)
    with editor:
        config = json.loads((tmp_path / "project/olive-config.json").read_text())
        del config["host"]
        editor.change(uri, 2, {"text": json.dumps(config)})
        assert "AzureML" in refusal(editor, "submit", {"uri": uri})["message"]


def test_a_workspace_and_a_compute_are_chosen_and_completed(double: Double, tmp_path: Path) -> None:
    editor, uri = at_work(double, tmp_path)
    with editor:
        text = json.dumps({"input_model": {"type": "HfModel", "model_path": "org/model"}})
        editor.change(uri, 2, {"text": text})
        assert "select one first" in refusal(editor, "azure", {"uri": uri, "list": "computes"})["message"]
        (item,) = command(editor, "azure", uri=uri, list="workspaces")["items"]
        editor.change(uri, 3, command(editor, "azure", uri=uri, list="workspaces", choose=item["id"]))
        computes = command(editor, "azure", uri=uri, list="computes")["items"]
        assert {one["name"] for one in computes} == {"gpu-cluster", "cpu-cluster"}
        chosen = command(editor, "azure", uri=uri, list="computes", choose="gpu-cluster")
        config = json.loads(chosen["text"])
        assert (config["azureml_client"]["workspace_name"], config["host"]) == (NAME, "azureml")
        editor.change(uri, 4, {"text": (text := chosen["text"].replace('"gpu-cluster"', '""'))})
        line, column = place_of(text, '"aml_compute": "')
        offered = editor.ask("completion", uri, position={"line": line, "character": column})
        assert {item["label"] for item in offered["items"]} == {"gpu-cluster", "cpu-cluster"}
        assert editor.logged == []


def place_of(text: str, words: str) -> tuple[int, int]:
    """Line and column after some words."""
    before = text[: text.index(words) + len(words)]
    return before.count("\n"), len(before) - before.rfind("\n") - 1
