"""Clouds of their own: everything is asked there, with tokens for there, and nothing anywhere else."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

import pytest
from configs import small_workspace
from double import running
from double.clouds import OTHERS, PUBLIC, Hosts
from names import NAME, VAULT
from small_job import STEPS
from workspaces import Submitted, losses, signed_in, with_small_jobs


@pytest.mark.parametrize(("cloud", "hosts"), OTHERS.items(), ids=OTHERS)
def test_a_config_of_another_cloud_is_submitted_and_followed_there(
    cloud: str, hosts: Hosts, blob_port: int, tmp_path: Path
) -> None:
    folder = small_workspace(tmp_path / "project", hf_token=True)
    with running(blob_port, tmp_path / "double", hosts) as double:
        with_small_jobs(double.workspace, tmp_path / "bin")
        environment = signed_in(double.environment, tmp_path / "state")
        submitted = Submitted(folder, environment, ("--set", f"azureml_client.cloud={cloud}"))
        assert losses(submitted.well()) == list(range(1, STEPS + 1))
        assert (folder / "models/adapter/weights.bin").is_file()
        assert double.proxy.refused == []
        (job,) = double.workspace.jobs.values()
        assert f"--keyvault {VAULT}.{hosts.vaults}" in job["properties"]["command"]
        asked = [r.body for r in double.workspace.requests if r.path.endswith("/oauth2/v2.0/token")]
        scopes = {scope for body in asked for scope in urllib.parse.parse_qs(body)["scope"]}
        assert {urllib.parse.urlsplit(scope.split()[0]).netloc for scope in scopes} == {hosts.management}


def test_a_public_config_finds_nothing_in_another_cloud(blob_port: int, tmp_path: Path) -> None:
    folder = small_workspace(tmp_path / "project")
    with running(blob_port, tmp_path / "double", OTHERS["AzureChinaCloud"]) as double:
        submitted = Submitted(folder, signed_in(double.environment, tmp_path / "state"))
        submitted.wait_for(lambda event: event.get("code") == "azure-unreachable")
        submitted.process.kill()
        submitted.end()
        assert {place.partition(":")[0] for place in double.proxy.refused} <= {PUBLIC.login, PUBLIC.management}
        assert not [request for request in double.workspace.requests if NAME in request.path]
