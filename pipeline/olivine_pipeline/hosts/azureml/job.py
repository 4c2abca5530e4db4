"""What a job runs on its compute: `olivine run`, with the cloud's inputs in place, then its results with checksums.

    python -m olivine_pipeline.hosts.azureml.job --config FILE --results FOLDER --training FOLDER …

Events go to standard output, one JSON object a line, and so into the job's log, where the watcher reads them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from olivine_pipeline import cli

from .clouds import CLOUDS, PUBLIC
from .keeping import TRAINING, copy_listed, files_of, keeping
from .snapshot import CACHE, OUTPUT

MANIFEST = "results.json"
"""Beside the results: size and SHA-256 of each file. Written last, so that where it is they are whole."""
SECRET = "hf-token"
"""Name of the key vault's secret."""
_MLFLOW_PARTS = ("data/model", "data/config", "data/tokenizer", "model", "components/tokenizer")
"""Folders of an MLflow model that hold files of transformers, by the versions of MLflow."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the config and keep its results; the exit code is that of `olivine run`."""
    parser = argparse.ArgumentParser(prog="job")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--training", type=Path, required=True)
    parser.add_argument("--place", action="append", default=[], metavar="SETTING=PATH")
    parser.add_argument("--keyvault")
    parser.add_argument("--up-to")
    parser.add_argument("--force", action="store_true")
    args = parser.parse_args(arguments)
    if args.keyvault:
        os.environ["HF_TOKEN"] = read_secret(args.keyvault)
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    up_to = last_training(args.config, args.up_to) if rank else args.up_to
    if rank and up_to is None:
        return cli.DONE
    command = ["run", str(args.config), "--events", "-", "--plain"]
    command += ["--up-to", up_to] if up_to else []
    command += ["--force"] if args.force else []
    if processes > 1:  # they wait for each other, and must not queue behind each other
        command += ["--at-once", str(processes)]
    work = args.config.parent
    cache = f"{CACHE}-{rank}" if rank else CACHE  # processes of one node share its disk
    settings = {}
    for name, _, path in (place.partition("=") for place in args.place):
        settings[name] = usable(Path(path), work, name)
    if rank:
        settings |= {"engine.cache_dir": cache, "engine.output_dir": f"{OUTPUT}-{rank}"}
    for name, value in settings.items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    with keeping(work / cache, args.training, rank, processes):
        code = cli.main(command)
    if code == cli.DONE and not rank:
        keep_results(work / OUTPUT, args.results)
    return code


def last_training(config: Path, up_to: str | None) -> str | None:
    """The last pass, not after `up_to`, that trains: only there the first process of several needs the others."""
    found = None
    for name, entries in json.loads(config.read_text(encoding="utf-8")).get("passes", {}).items():
        found = name if entries[0]["type"] in TRAINING else found
        if name == up_to:
            break
    return found


def usable(path: Path, work: Path, setting: str) -> str:
    """The path of an input; the files of transformers in an MLflow model are gathered in one folder first.

    A file gets a path below the config, for results are known by the paths of their data, and a mount has another one
    on every node.
    """
    if path.is_file():
        link = work / "inputs" / setting / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process of this node was faster
            link.symlink_to(path.absolute())
        return link.relative_to(work).as_posix()
    if not (path / "MLmodel").is_file():
        return str(path)
    folder = Path("mlflow").absolute() / path.name
    gather(path, folder)
    return str(folder)


def gather(model: Path, folder: Path, copy: Callable[[str, str], object] = shutil.copy2) -> None:
    """Copy the files of transformers that are in an MLflow model into one folder."""
    for part in _MLFLOW_PARTS:
        if (model / part).is_dir():
            shutil.copytree(model / part, folder, copy_function=copy, dirs_exist_ok=True)


def read_secret(vault: str) -> str:
    """The Hugging Face token in a key vault, by name or address, read as the identity of the compute."""
    from azure.identity import DefaultAzureCredential

    name, _, end = (vault if "." in vault else f"{vault}.{CLOUDS[PUBLIC].vaults}").partition(".")
    client = os.environ.get("DEFAULT_IDENTITY_CLIENT_ID")  # set where the compute has an identity of its own
    token = DefaultAzureCredential(managed_identity_client_id=client).get_token(f"https://{end}/.default").token
    address = f"https://{name}.{end}/secrets/{SECRET}?api-version=7.4"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["value"])


def keep_results(output: Path, results: Path) -> None:
    """Copy what the run published into the job's output, and then say what is there."""
    files = {name: source for name, source in files_of(output).items() if not name.startswith(".")}
    copy_listed(files, results, MANIFEST)


if __name__ == "__main__":
    sys.exit(main())
