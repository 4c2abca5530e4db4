"""Secrets near a config: none of them is uploaded, logged or written."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from names import VAULT
from workspaces import PRINCIPAL, SECRET, Submitted, signed_in

from olivine_schemas.ledger.control import settled
from olivine_schemas.ledger.folder import run_folders
from olivine_schemas.runs import ACTIVE, RunState

if TYPE_CHECKING:
    from double import Double

CANARIES = {
    ".env": "canary-of-the-dotenv",
    ".git/config": "canary-of-the-repository",
    ".azure/msal_token_cache.json": "canary-of-the-token-cache",
    ".cache/huggingface/token": "canary-of-the-login",
    "data/other.json": "canary-of-another-file",
    "data/__pycache__/cache.pyc": "canary-of-a-cache",
    "notes.txt": "canary-of-the-notes",
}
IN_VAULT = "canary-of-the-vault"
IN_ENVIRONMENT = {"HF_TOKEN": "canary-of-the-variable", "WANDB_API_KEY": "canary-of-the-service"}


def plant(folder: Path) -> None:
    """Put secrets beside a config, and where programs keep them for this person."""
    for name, text in CANARIES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "data" / "link").symlink_to(folder / ".env")


def planted(folder: Path) -> list[Path]:
    """The files that were planted."""
    return [*(folder / name for name in CANARIES), folder / "data" / "link"]


def found(double: Double, root: Path, known: list[Path], output: str) -> tuple[bytes, list[str]]:
    """All that was printed, asked, uploaded, and written below `root` by anyone, and the secrets that are in it."""
    written = [path.read_bytes() for path in root.rglob("*") if path.is_file() and path not in known]
    asked = [repr((r.path, r.query, r.body)).encode() for r in double.workspace.requests if "oauth2" not in r.path]
    uploaded = list(double.workspace.blobs.everything().values())
    secrets = [*CANARIES.values(), *IN_ENVIRONMENT.values(), SECRET, IN_VAULT, *double.workspace.tokens]
    everywhere = b"\n".join([*written, output.encode(), *asked, *uploaded])
    return everywhere, [secret for secret in secrets if secret.encode() in everywhere]


def test_no_secret_leaves_this_machine_or_is_written(
    double: Double, submit: Callable[..., Submitted], tmp_path: Path
) -> None:
    double.workspace.secrets["hf-token"] = IN_VAULT
    double.workspace.job_environment |= PRINCIPAL  # the identity of the compute
    del double.workspace.job_environment["PATH"]  # so the real job runs
    home = tmp_path / "home"
    for folder in (tmp_path / "project", home):
        plant(folder)
    alone = ["passes={}", "evaluate_input_model=false", "systems.cloud.hf_token=true"]
    submitted = submit("--detach", *(f"--set={one}" for one in alone), HOME=str(home), **IN_ENVIRONMENT)
    code, output = submitted.end()
    assert code == 0, output
    (run,) = run_folders(submitted.folder)
    while (record := settled(run)) and record.state in ACTIVE:
        time.sleep(0.1)
    assert record
    assert record.state is RunState.SUCCEEDED, run.console.read_text()
    assert double.requests("GET", "/secrets/hf-token") == 1
    everywhere, secrets = found(double, tmp_path, [*planted(submitted.folder), *planted(home)], output)
    for expected in ("We danced in the kitchen.", "run-started", f"--keyvault {VAULT}"):
        assert expected.encode() in everywhere
    assert secrets == []


def test_the_job_reads_the_token_from_the_key_vault(double: Double, tmp_path: Path) -> None:
    double.workspace.secrets["hf-token"] = IN_VAULT
    code = f"from olivine_pipeline.hosts.azureml.job import read_secret;assert read_secret({VAULT!r}) == {IN_VAULT!r}"
    environment = signed_in(double.environment, tmp_path / "state")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert double.requests("GET", "/secrets/hf-token") == 1


def test_the_job_is_told_of_the_vault_and_not_of_the_token(double: Double, submit: Callable[..., Submitted]) -> None:
    double.workspace.secrets["hf-token"] = IN_VAULT
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
