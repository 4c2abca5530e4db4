"""What a job has trained, kept in its datastore as it goes: where its node is taken away, another goes on from there.

<folder>/artifacts/<key>/           a finished adapter
<folder>/work/<key>/checkpoint-N/   a checkpoint, with the losses up to it

The folder is a mount of blobs: nothing appears in it at once. What is whole has a list of its files, written last.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from olivine_pipeline.store import MANIFEST as STORED
from olivine_schemas import runs
from olivine_schemas.files import read_object

TRAINING = ("LoRA", "QLoRA")
LIST = "files.json"
LOSSES = "losses.jsonl"
STATE = "trainer_state.json"
"""What a training writes last into a checkpoint."""
PAUSE_SECONDS = 0.5
SHARE = 0.1
"""Of the time, the most that is spent on copying: large checkpoints are kept less often than they are made."""
_BLOCK = 1 << 20


@contextmanager
def keeping(cache: Path, folder: Path, rank: int = 0, processes: int = 1) -> Iterator[None]:
    """Bring what is kept in `folder` into the cache, and keep there what is trained meanwhile.

    Every process of a job begins with what is kept, the first one keeps. Raises OSError where one of several cannot
    read what the others perhaps can: they have to begin alike.
    """
    keeper = Keeper(cache, folder)
    try:
        keeper.restore()
    except OSError as error:
        if processes > 1:
            raise
        keeper.warn("What an earlier node has trained cannot be read", error)
    if rank:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=keeper.keep_until, args=(ended,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Keeper:
    """Copies adapters and checkpoints between a cache and a folder. What fails is told, and fails nothing else."""

    def __init__(self, cache: Path, folder: Path) -> None:
        self._cache = cache
        self._folder = folder
        self._kept: set[Path] = set()
        """What is whole in the folder, by its path there."""
        self._troubled = False

    def restore(self) -> None:
        """Copy everything that is whole into the cache."""
        for kept in sorted(self._folder.glob(f"artifacts/*/{LIST}")):
            self._bring(kept.parent, self._cache / "artifacts" / kept.parent.name)
        for kept in sorted(self._folder.glob(f"work/*/checkpoint-[0-9]*/{LIST}"), key=lambda kept: _step(kept.parent)):
            checkpoint = kept.parent
            work = self._cache / "work" / checkpoint.parent.name
            target = work / "checkpoints" / checkpoint.name
            if self._bring(checkpoint, target):
                shutil.copyfile(target / LOSSES, work / LOSSES)
                _move_best(target)

    def keep_until(self, ended: threading.Event) -> None:
        """Keep what is new again and again, and once more at the end."""
        pause = PAUSE_SECONDS
        while not ended.wait(pause):
            began = time.monotonic()
            self.keep()
            pause = max(PAUSE_SECONDS, (time.monotonic() - began) / SHARE)
        self.keep()

    def keep(self) -> None:
        """Copy what is new, and remove what the training has removed or finished."""
        try:
            self._keep_new()
        except FileNotFoundError:  # the training has removed it meanwhile
            return
        except OSError as error:
            self.warn("What is trained cannot be kept for another node", error)

    def _keep_new(self) -> None:
        for artifact in self._cache.glob(f"artifacts/*/{STORED}"):
            name = artifact.parent.name
            if not name.startswith(".") and read_object(artifact).get("record", {}).get("pass") in TRAINING:
                files = files_of(artifact.parent)
                if self._keep(files, self._folder / "artifacts" / name):
                    shutil.rmtree(self._folder / "work" / name, ignore_errors=True)
        for work in self._cache.glob("work/*"):
            target = self._folder / "work" / work.name
            whole = [
                state.parent for state in work.glob(f"checkpoints/checkpoint-[0-9]*/{STATE}") if read_object(state)
            ]
            for checkpoint in sorted(whole, key=_step, reverse=True):
                files = {**files_of(checkpoint), LOSSES: work / LOSSES}
                if self._keep(files, target / checkpoint.name):
                    self._remove_but(target, {path.name for path in whole})

    def _keep(self, files: Mapping[str, Path], target: Path) -> bool:
        """Copy files into the folder; whether that was done now."""
        if target in self._kept:
            return False
        copy_listed(files, target, LIST)
        self._kept.add(target)
        self._troubled = False
        return True

    def _remove_but(self, folder: Path, names: set[str]) -> None:
        for old in folder.glob("checkpoint-[0-9]*"):
            if old.name not in names:
                self._kept.discard(old)
                shutil.rmtree(old, ignore_errors=True)

    def _bring(self, source: Path, target: Path) -> bool:
        """Copy a folder that is whole into the cache; whether it was."""
        part = target.with_name(f".{target.name}.part")
        try:
            for name, file in read_object(source / LIST)["files"].items():
                if copy_file(source / name, part / name) != file["sha256"]:
                    return False
            part.replace(target)
        except (FileNotFoundError, KeyError):
            return False
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self._kept.add(source)
        return True

    def warn(self, what: str, error: Exception) -> None:
        """Say what does not work, once until it works again, as an event of the run."""
        if not self._troubled:
            self._troubled = True
            print(runs.dump_event(runs.Warned(time.time(), "training-not-kept", f"{what}: {error}.")), flush=True)


def copy_listed(files: Mapping[str, Path], folder: Path, name: str) -> None:
    """Copy files, by their names in `folder`, and then write a list of them there: size and SHA-256 of each."""
    listed = {}
    (folder / name).unlink(missing_ok=True)
    for file, source in files.items():
        listed[file] = {"sha256": copy_file(source, folder / file), "size": (folder / file).stat().st_size}
    (folder / name).write_text(json.dumps({"version": 1, "files": listed}, indent=1), encoding="utf-8")


def copy_file(source: Path, target: Path) -> str:
    """Copy a file and return its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(_BLOCK):
            digest.update(block)
            writer.write(block)
    return digest.hexdigest()


def _move_best(checkpoint: Path) -> None:
    """Let the state of a checkpoint name its best one where that is now: it does so by an absolute path."""
    state = read_object(checkpoint / STATE)
    if best := state.get("best_model_checkpoint"):
        state["best_model_checkpoint"] = str(checkpoint.with_name(Path(best).name).absolute())
        (checkpoint / STATE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def files_of(folder: Path) -> dict[str, Path]:
    """Every file below a folder by its name there."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
