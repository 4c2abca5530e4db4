"""The blob store of the double: Azurite, and what the service does with it."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import platformdirs
from azure.storage.blob import (
    AccountSasPermissions,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

ACCOUNT = "olivinedouble"
KEY = base64.b64encode(hashlib.sha512(b"olivine test double").digest()).decode()
URL = f"https://{ACCOUNT}.blob.core.windows.net"
VERSION = "3.35.0"
FOLDER_VARIABLE = "OLIVINE_AZURITE"
"""Environment variable with the folder in which `npm install azurite` was run; by default one in the user's cache."""
START_SECONDS = 60


def azurite_program() -> Path | None:
    """Azurite's blob server, installed by npm at the first use; None where that cannot be."""
    default = platformdirs.user_cache_path("olivine-tests", appauthor=False) / f"azurite-{VERSION}"
    folder = Path(os.environ.get(FOLDER_VARIABLE) or default)
    program = folder / "node_modules/azurite/dist/src/blob/main.js"
    npm = shutil.which("npm")
    if program.is_file() or npm is None or shutil.which("node") is None:
        return program if program.is_file() and shutil.which("node") else None
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"azurite@{VERSION}"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=300)
    return program if program.is_file() else None


@contextmanager
def azurite(program: Path, folder: Path) -> Iterator[int]:
    """Azurite with everything in memory, on the port that is yielded."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    options += ["--skipApiVersionCheck", "--disableTelemetry"]
    with (folder / "azurite.log").open("wb") as log:
        process = subprocess.Popen(
            ["node", str(program), *options],
            cwd=folder,
            env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class Blobs:
    """The storage account, reached directly and not through the proxy."""

    def __init__(self, port: int) -> None:
        self._service = BlobServiceClient(f"http://127.0.0.1:{port}/{ACCOUNT}", credential=KEY, proxies={})
        self._made: list[str] = []

    def make(self, container: str) -> None:
        """Add a container."""
        self._service.create_container(container)
        self._made.append(container)

    def container(self, name: str) -> ContainerClient:
        """A client of one container."""
        return self._service.get_container_client(name)

    def download(self, container: str, prefix: str, folder: Path) -> int:
        """Write every blob below a prefix into `folder`, or the one blob of that name; how many there were."""
        client, count = self.container(container), 0
        for blob in client.list_blobs(name_starts_with=prefix):
            relative = blob.name[len(prefix) :].lstrip("/") or blob.name.rpartition("/")[2]
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(client.download_blob(blob.name).readall())
            count += 1
        return count

    def upload(self, folder: Path, container: str, prefix: str) -> None:
        """Put every file of a folder below a prefix."""
        client = self.container(container)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}"
                client.upload_blob(name, path.read_bytes(), overwrite=True)

    def everything(self) -> dict[str, bytes]:
        """Every blob of the containers that were made here, by container and name."""
        found = {}
        for container in self._made:
            client = self.container(container)
            for blob in client.list_blobs():
                found[f"{container}/{blob.name}"] = client.download_blob(blob.name).readall()
        return found


def account_signature(hours: float = 1) -> str:
    """A shared access signature for the whole account; one of negative hours has expired."""
    permission = AccountSasPermissions(read=True, create=True, write=True, delete=True, list=True, update=True)
    kinds = ResourceTypes(container=True, object=True)
    return generate_account_sas(ACCOUNT, KEY, kinds, permission, _in(hours), start=_in(-48))


def container_signature(container: str, hours: float = 1) -> str:
    """A shared access signature to fill and read a container."""
    permission = ContainerSasPermissions(read=True, write=True, create=True, list=True, delete=True)
    return generate_container_sas(
        ACCOUNT, container, account_key=KEY, permission=permission, expiry=_in(hours), start=_in(-48)
    )


def blob_signature(container: str, name: str, hours: float = 1) -> str:
    """A shared access signature to read a blob."""
    permission = BlobSasPermissions(read=True)
    return generate_blob_sas(
        ACCOUNT, container, name, account_key=KEY, permission=permission, expiry=_in(hours), start=_in(-48)
    )


def _in(hours: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(hours=hours)
