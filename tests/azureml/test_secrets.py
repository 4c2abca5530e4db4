"""Secrets near a config: none of them is uploaded, logged or written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from names import VAULT
from workspaces import SECRET, Submitted, signed_in

if TYPE_CHECKING:
    from double import Double

CANARIES = {
    ".env": "canary-of-the-dotenv",
    ".git/config": "canary-of-the-repository",
    ".azure/msal_token_cache.json": "canary-of-the-token-cache",
    "data/other.json": "canary-of-another-file",
    "data/__pycache__/cache.pyc": "canary-of-a-cache",
    "notes.txt": "canary-of-the-notes",
}
IN_ENVIRONMENT = {"HF_TOKEN": "canary-of-the-variable", "WANDB_API_KEY": "canary-of-the-service"}


def test_no_secret_leaves_this_machine_or_is_written(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.secrets["hf-token"] = "canary-of-the-vault"
    submitted = submit("--set", "systems.cloud.aml_compute=gpu-cluster", **IN_ENVIRONMENT)
    for name, text in CANARIES.items():  # before the snapshot is made: the process is still importing
        path = submitted.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    link = submitted.folder / "data" / "link"
    link.symlink_to(submitted.folder / ".env")
    code, output = submitted.end()
    assert code == 0, output
    written = [path.read_bytes() for path in submitted.folder.glob(".olivine/**/*") if path.is_file()]
    told = [output.encode(), submitted.folder.joinpath("events.jsonl").read_bytes()]
    asked = [repr((r.path, r.query, r.body)).encode() for r in double.workspace.requests if "oauth2" not in r.path]
    uploaded = list(double.workspace.blobs.everything().values())
    secrets = [*CANARIES.values(), *IN_ENVIRONMENT.values(), SECRET, "canary-of-the-vault", *double.workspace.tokens]
    everywhere = b"\n".join([*written, *told, *asked, *uploaded])
    assert b"We danced in the kitchen." in everywhere
    assert [secret for secret in secrets if secret.encode() in everywhere] == []


def test_the_job_reads_the_token_from_the_key_vault(double: Double, tmp_path: Path) -> None:
    double.workspace.secrets["hf-token"] = "canary-of-the-vault"
    code = (
        "from olivine_pipeline.hosts.azureml.job import read_secret;"
        f"assert read_secret({VAULT!r}) == 'canary-of-the-vault'"
    )
    environment = signed_in(double.environment, tmp_path / "state")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert double.requests("GET", "/secrets/hf-token") == 1


def test_the_job_is_told_of_the_vault_and_not_of_the_token(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.secrets["hf-token"] = "canary-of-the-vault"
    submit("--set", "systems.cloud.hf_token=true").well()
    (job,) = double.workspace.jobs.values()
    assert f"--keyvault {VAULT}" in job["properties"]["command"]
    assert job["properties"]["environmentVariables"] == {}


def test_the_folder_of_a_dockerfile_goes_without_what_is_hidden(
    double: Double, submit: Callable[..., Submitted], tmp_path: Path
) -> None:
    folder = tmp_path / "project" / "image"
    (folder / ".git").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM ubuntu:22.04\nCOPY tool.sh /\n")
    (folder / "tool.sh").write_text("#!/bin/sh")
    for name, text in {".env": "canary-of-the-dotenv", ".git/config": "canary-of-the-repository"}.items():
        (folder / name).write_text(text)
    (folder / "link").symlink_to(folder / ".env")
    docker = '{"dockerfile": "Dockerfile", "build_context_path": "image"}'
    submit("--set", f"systems.cloud.aml_docker_config={docker}").well()
    blobs = double.workspace.blobs.everything()
    assert [name for name in blobs if name.endswith("/tool.sh")]
    assert not [name for name, data in blobs.items() if b"canary" in data]
    (environment,) = double.workspace.environments.values()
    assert environment["properties"]["build"]["dockerfilePath"] == "Dockerfile"
