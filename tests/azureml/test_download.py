"""What comes from a datastore is not trusted: whoever may write there may have made it."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.errors import RunError
from olivine_pipeline.hosts.azureml.download import files_of, place_results
from olivine_pipeline.hosts.azureml.request import Workspace
from olivine_pipeline.hosts.azureml.transfer import CHUNK, RemoteFile, Transfer, is_below

DIGEST = hashlib.sha256(b"weights").hexdigest()
GOOD = {"size": 7, "sha256": DIGEST}
MISSING = RunError("missing", "There is nothing.")


def manifest(**files: Any) -> bytes:
    return json.dumps({"version": 1, "files": files}).encode()


DAMAGED = {
    "cut off": manifest(**{"model/weights": GOOD})[:-9],
    "no object": b"[]",
    "no files": b"{}",
    "files are a list": b'{"files": []}',
    "no size": manifest(**{"model/weights": {"sha256": DIGEST}}),
    "a size below nothing": manifest(**{"model/weights": {**GOOD, "size": -1}}),
    "no checksum": manifest(**{"model/weights": {**GOOD, "sha256": ""}}),
    "above the folder": manifest(**{"../olive-config.json": GOOD}),
    "above the folder by a detour": manifest(**{"model/../../olive-config.json": GOOD}),
    "above the folder on Windows": manifest(**{"model/..\\..\\olive-config.json": GOOD}),
    "an absolute path": manifest(**{"/etc/passwd": GOOD}),
    "another disk": manifest(**{"C:/Windows/system.ini": GOOD}),
    "a folder of the person": manifest(**{"data/train.json": GOOD}),
    "a file of the person": manifest(**{"train.py": GOOD}),
    "what says which folders are Olivine's": manifest(**{".olivine.json": GOOD}),
    "no name": manifest(**{"": GOOD}),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_list_of_results_that_is_damaged_or_strange_is_refused(text: bytes) -> None:
    with pytest.raises(RunError) as refused:
        files_of(text, "olivine/job/results/")
    assert refused.value.code == "azure-results"


def test_results_replace_nothing_but_results(tmp_path: Path) -> None:
    for name in ("fetched/model", "output/data"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "fetched/model/weights").write_bytes(b"weights")
    (tmp_path / "fetched/report.json").write_bytes(b"weights")
    (tmp_path / "output/data/train.json").write_text("mine")
    files = files_of(manifest(**{"model/weights": GOOD, "report.json": GOOD}), "olivine/job/results/")
    place_results(files, tmp_path / "fetched", tmp_path / "output")
    assert (tmp_path / "output/model/weights").read_bytes() == b"weights"
    assert (tmp_path / "output/report.json").read_bytes() == b"weights"
    assert (tmp_path / "output/data/train.json").read_text() == "mine"


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "\\a", "..\\a", "C:a", "C:\\a", "//host/share/a", "", "."])
def test_a_name_that_leads_elsewhere_is_known(name: str) -> None:
    assert not is_below(name)
    assert is_below("a/b..c/..d")


class Shelf:
    """A container whose blobs are bytes here, and which answers with an error as often as it has one."""

    def __init__(self, blobs: dict[str, bytes], *errors: Exception) -> None:
        self.blobs = blobs
        self.errors = iter(errors)
        self.asked: list[int] = []

    def download_blob(self, name: str, offset: int, length: int, **_: Any) -> Any:
        for error in self.errors:
            raise error
        self.asked.append(offset)
        data = self.blobs[name][offset : offset + length]
        return type("Downloader", (), {"readall": lambda self: data})()


def transfer(shelf: Shelf) -> Transfer:
    return Transfer(lambda: shelf, Workspace("s", "g", "w"), Cancel(), MISSING)  # type: ignore[arg-type,return-value]


def remote(name: str, data: bytes) -> RemoteFile:
    return RemoteFile(name, name, len(data), hashlib.sha256(data).hexdigest())


BIG = bytes(range(256)) * (CHUNK // 256) + b"and some more"


def test_a_file_that_is_half_here_is_continued_and_one_of_other_bytes_fetched_anew(tmp_path: Path) -> None:
    shelf = Shelf({"big": BIG})
    for begun, asked in ((BIG[:CHUNK], [CHUNK]), (b"x" * CHUNK, [CHUNK, 0, CHUNK]), (BIG + b"too long", [0, CHUNK])):
        shelf.asked.clear()
        (tmp_path / "big").unlink(missing_ok=True)
        (tmp_path / "big.part").write_bytes(begun)
        transfer(shelf).fetch([remote("big", BIG)], tmp_path, lambda done, total: None)
        assert shelf.asked == asked
        assert (tmp_path / "big").read_bytes() == BIG


def test_what_is_here_in_the_right_size_with_wrong_bytes_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(len(BIG)))
    transfer(Shelf({"big": BIG})).fetch([remote("big", BIG)], tmp_path, lambda done, total: None)
    assert (tmp_path / "big").read_bytes() == BIG


def test_wrong_bytes_are_fetched_once_more_and_then_refused_and_leave_nothing(tmp_path: Path) -> None:
    shelf = Shelf({"big": BIG})
    with pytest.raises(RunError) as refused:
        transfer(shelf).fetch([RemoteFile("big", "big", len(BIG), DIGEST)], tmp_path, lambda done, total: None)
    assert refused.value.code == "azure-download"
    assert shelf.asked == [0, CHUNK, 0, CHUNK]
    assert list(tmp_path.iterdir()) == []


def test_many_files_and_empty_ones_arrive(tmp_path: Path) -> None:
    blobs = {f"folder-{n % 7}/file-{n}": b"" if n % 5 == 0 else str(n).encode() for n in range(2000)}
    told: list[tuple[int, int]] = []
    files = [remote(name, data) for name, data in blobs.items()]
    transfer(Shelf(blobs)).fetch(files, tmp_path, lambda done, total: told.append((done, total)))
    assert {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == blobs
    assert told[-1][0] == told[-1][1] == sum(map(len, blobs.values()))
    assert told == sorted(told)


def answered(status: int) -> HttpResponseError:
    error = HttpResponseError("no")
    error.status_code = status
    return error


ENDS = {
    "nothing there": ([ResourceNotFoundError("gone")], "missing"),
    "changed meanwhile": ([answered(412)], "azure-changed"),
    "may not": ([answered(403)] * 9, "azure-forbidden"),
    "refused": ([answered(400)], "azure-refused"),
    "the disk is full": ([OSError(errno.ENOSPC, "No space left on device")], "disk-full"),
}


@pytest.mark.parametrize(("errors", "code"), ENDS.values(), ids=ENDS)
def test_what_ends_a_download_is_told_as_what_it_is(errors: list[Exception], code: str, tmp_path: Path) -> None:
    with pytest.raises(RunError) as refused:
        transfer(Shelf({"big": BIG}, *errors)).fetch([remote("big", BIG)], tmp_path, lambda done, total: None)
    assert refused.value.code == code
