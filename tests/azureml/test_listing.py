"""What there is to choose from at Azure ML, as an editor asks for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs import CLIENT
from names import GROUP, NAME, SUBSCRIPTION
from workspaces import signed_in

if TYPE_CHECKING:
    from double import Double


def listed(double: Double, folder: Path, question: dict[str, Any], **more: str) -> dict[str, Any]:
    """The answer to a question."""
    command = [sys.executable, "-m", "olivine_pipeline.hosts.azureml.listing"]
    environment = {**signed_in(double.environment, folder), **more}
    done = subprocess.run(command, input=json.dumps(question), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_workspaces_that_an_account_sees_are_listed(double: Double, tmp_path: Path) -> None:
    (item,) = listed(double, tmp_path, {"list": "workspaces"})["items"]
    assert (item["name"], item["resource_group"], item["subscription_id"]) == (NAME, GROUP, SUBSCRIPTION)


def test_what_a_workspace_has_is_listed_page_by_page(double: Double, tmp_path: Path) -> None:
    found = {
        kind: listed(double, tmp_path, {"list": kind, "workspace": CLIENT})["items"]
        for kind in ("computes", "datastores", "environments")
    }
    assert {one["name"]: one["gpu"] for one in found["computes"]} == {"gpu-cluster": True, "cpu-cluster": False}
    assert "workspaceblobstore" in [one["name"] for one in found["datastores"]]
    assert [one["name"] for one in found["environments"]] == ["tuning"]


def test_who_is_not_signed_in_is_told_how_to(double: Double, tmp_path: Path) -> None:
    answer = listed(double, tmp_path, {"list": "workspaces"}, AZURE_CLIENT_ID="")
    assert "az login" in answer["message"]
    gone = {**CLIENT, "workspace_name": "gone"}
    assert "workspace" in listed(double, tmp_path, {"list": "computes", "workspace": gone})["message"]
