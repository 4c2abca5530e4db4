"""The artifact store: what is in it is whole, also when runs end badly or meet."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from olivine_pipeline.cancel import Cancel
from olivine_pipeline.digests import Digests, digest_file, digest_of
from olivine_pipeline.errors import Cancelled
from olivine_pipeline.publish import foreign, publish
from olivine_pipeline.store import Entry, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def filled(text: str = "weights", name: str = "weights.bin") -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)

    return fill


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_result_is_found_by_its_key_with_its_record(store: Store) -> None:
    store.commit("k", {"pass": "LoRA", "steps": 3}, filled(name="sub/weights.bin"))
    entry = store.get("k")
    assert entry and (entry.path / "sub" / "weights.bin").read_text() == "weights"
    assert entry.record == {"pass": "LoRA", "steps": 3}
    assert store.get("other") is None


def test_a_commit_that_fails_leaves_nothing_but_the_checkpoints(store: Store) -> None:
    (store.work_folder("k") / "checkpoint").write_text("step 3")

    def fill(folder: Path) -> None:
        filled()(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.commit("k", {}, fill)
    assert store.get("k") is None
    assert list(store.artifacts.iterdir()) == []
    assert (store.work_folder("k") / "checkpoint").read_text() == "step 3"


def test_a_finished_result_takes_its_checkpoints_away(store: Store) -> None:
    store.work_folder("k")
    store.commit("k", {}, filled())
    assert not (store.folder / "work" / "k").exists()


def test_the_folder_of_a_killed_commit_is_not_a_result(store: Store) -> None:
    building = store.artifacts / ".k.4711"
    building.mkdir(parents=True)
    filled()(building)
    assert store.get("k") is None
    half = store.artifacts / "k"  # a rename that lost its manifest
    half.mkdir()
    filled()(half)
    assert store.get("k") is None
    store.commit("k", {}, filled("whole"))
    assert store.get("k")
    with store.lock("k"):
        assert names(store.artifacts) == {"k"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": {}}', '{"files": {"weights.bin": {}}, "record": {}}', "null"]
)
def test_a_damaged_manifest_is_a_miss(text: str, store: Store) -> None:
    entry = store.commit("k", {}, filled())
    (entry.path / "manifest.json").write_text(text)
    assert store.get("k") is None


def test_a_copied_or_touched_result_is_the_same_result(store: Store) -> None:
    entry = store.commit("k", {}, filled())
    os.utime(entry.path / "weights.bin")
    assert store.get("k")


def test_one_changed_byte_is_a_miss(store: Store) -> None:
    entry = store.commit("k", {}, filled())
    (entry.path / "weights.bin").write_text("weightz")
    assert store.get("k") is None


def test_commits_of_the_same_at_once_all_succeed(store: Store) -> None:
    def commit(number: int) -> Entry:
        own = Store(store.folder)
        with own.lock("k"):
            return own.commit("k", {"number": number}, filled())

    with ThreadPoolExecutor(4) as pool:
        entries = list(pool.map(commit, range(8)))
    assert len(entries) == 8
    assert store.get("k")
    assert names(store.artifacts) == {"k"}


def test_commits_of_different_keys_at_once_do_not_meet(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: Store(store.folder).commit(f"k{n}", {"n": n}, filled(str(n))), range(8)))
    for number in range(8):
        entry = store.get(f"k{number}")
        assert entry and (entry.path / "weights.bin").read_text() == str(number)


def test_waiting_for_a_lock_can_be_cancelled(store: Store) -> None:
    cancel = Cancel()

    def wait() -> None:
        cancel.request()
        cancel.check()

    with store.lock("k"), pytest.raises(Cancelled), Store(store.folder).lock("k", wait):
        pytest.fail("held twice")


def test_a_lock_of_a_holder_that_is_gone_is_free(store: Store) -> None:
    with pytest.raises(RuntimeError), store.lock("k"):
        raise RuntimeError
    with Store(store.folder).lock("k", lambda: pytest.fail("still held")):
        pass


def test_a_waiting_run_goes_on_when_the_lock_is_free(store: Store) -> None:
    held, waited = threading.Event(), threading.Event()

    def hold() -> None:
        with store.lock("k"):
            held.set()
            waited.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    with Store(store.folder).lock("k", waited.set):
        assert waited.is_set()
    thread.join()


def test_the_cache_keeps_itself_out_of_version_control(store: Store) -> None:
    store.commit("k", {}, filled())
    assert (store.folder / ".gitignore").read_text() == "*\n"


def test_keys_do_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": {"c": 2, "d": 3}}) == digest_of({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest_of([1, 2]) != digest_of([2, 1])
    assert digest_of({"a": 1}) != digest_of({"a": "1"})


@pytest.fixture
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose hash is remembered in digests.json beside it."""
    monkeypatch.setattr("olivine_pipeline.digests._RACY_SECONDS", 0)
    file = tmp_path / "weights"
    file.write_text("one")
    time.sleep(0.02)
    digests = Digests(tmp_path / "digests.json")
    digests.file(file)
    digests.save()
    assert list(json.loads((tmp_path / "digests.json").read_text())) == [str(file)]
    return file


def digest(file: Path) -> str:
    return Digests(file.with_name("digests.json")).file(file)


def test_a_remembered_hash_is_not_computed_again(remembered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = digest_file(remembered)
    monkeypatch.setattr("olivine_pipeline.digests.digest_file", lambda path: pytest.fail("read again"))
    assert digest(remembered) == expected


def test_a_changed_file_gets_another_hash_also_where_its_time_was_set_back(remembered: Path) -> None:
    before, stat = digest(remembered), remembered.stat()
    remembered.write_text("two")
    os.utime(remembered, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digest(remembered) == digest_file(remembered) != before


def test_a_hash_of_a_file_written_just_now_is_not_remembered(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("one")
    digests = Digests(tmp_path / "digests.json")
    digests.file(file)
    digests.save()
    assert not (tmp_path / "digests.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_damaged_memory_of_hashes_costs_a_hash(text: str, remembered: Path) -> None:
    remembered.with_name("digests.json").write_text(text)
    assert digest(remembered) == digest_file(remembered)


@pytest.fixture
def published(store: Store, tmp_path: Path) -> Path:
    output = tmp_path / "models"
    publish(output, {"model": store.commit("k", {}, filled())})
    return output


def test_output_holds_the_files_without_the_manifest(published: Path) -> None:
    assert names(published) == {".olivine.json", ".olivine.lock", "model"}
    assert names(published / "model") == {"weights.bin"}


def test_output_is_replaced_whole_by_another_result(store: Store, published: Path) -> None:
    publish(published, {"model": store.commit("k2", {}, filled("other", "other.bin"))})
    assert names(published) == {".olivine.json", ".olivine.lock", "model"}
    assert names(published / "model") == {"other.bin"}


def test_what_is_missing_from_the_output_comes_back(store: Store, published: Path) -> None:
    (published / "model" / "weights.bin").unlink()
    entry: Any = store.get("k")
    publish(published, {"model": entry})
    assert (published / "model" / "weights.bin").read_text() == "weights"


def test_a_publication_that_was_killed_is_done_again_and_leaves_nothing(store: Store, published: Path) -> None:
    (published / "model").rename(published / ".model.old")
    filled("half")(published / ".model.new")
    entry: Any = store.get("k")
    publish(published, {"model": entry})
    assert names(published) == {".olivine.json", ".olivine.lock", "model"}
    assert (published / "model" / "weights.bin").read_text() == "weights"


def test_what_tells_of_the_results_is_that_of_the_run_whose_results_they_are(store: Store, tmp_path: Path) -> None:
    output = tmp_path / "models"
    other = Store(tmp_path / "another cache").commit("k2", {}, filled("second"))

    def tell(text: str) -> Callable[[], None]:
        return lambda: filled(text, "report")(output)

    second = threading.Thread(target=lambda: publish(output, {"model": other}, tell("second")))

    def tell_slowly() -> None:
        second.start()
        second.join(1)
        tell("first")()

    publish(output, {"model": store.commit("k", {}, filled("first"))}, tell_slowly)
    second.join()
    assert [(output / name).read_text() for name in ("report", "model/weights.bin")] == ["second", "second"]


def test_only_what_olivine_put_there_is_its_own(store: Store, published: Path) -> None:
    (published / "adapter").mkdir()
    assert foreign(published, ["adapter", "model", "none"]) == [published / "adapter"]


def test_files_of_a_person_in_the_output_stay(store: Store, published: Path) -> None:
    (published / "notes.txt").write_text("mine")
    publish(published, {"model": store.commit("k2", {}, filled("other"))})
    assert (published / "notes.txt").read_text() == "mine"
