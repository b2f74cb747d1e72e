"""The run folder: whole files or none, markers last, and one sentence when something is wrong."""

import errno
import os
from pathlib import Path

import pytest

from build.core.errors import RunError
from build.core.records import RawCode, Reject
from build.core.store import Store

MANIFEST = {"recipe_digest": "a", "prompt_version": "1"}
RAW = RawCode("id", "source", "path.py", "MIT", "text with a lone surrogate \ud800 and a line\nbreak")


def test_records_come_back_as_they_were_and_counts_add_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    counts = store.write_shard("collect", 0, [RAW, Reject("collect", "p", "too_small"), RAW], received=3)
    store.set_shards(1)
    assert list(store.read("collect", 0, RawCode)) == [RAW, RAW]
    assert [reject.reason for reject in store.rejects("collect", 0)] == ["too_small"]
    assert (
        (counts.received, counts.units, counts.kept)
        == (3, 3, 2)
        == (lambda t: (t.received, t.units, t.kept))(store.totals("collect"))
    )


def test_a_full_disk_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"the disk is full.*run the same command again"):
        store.write_shard("collect", 0, [RAW], received=1)
    assert store.done("collect", 0) is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    store.write_shard("collect", 0, [RAW], received=1)
    assert list(store.read("collect", 0, RawCode)) == [RAW]


def test_a_damaged_line_names_its_file_and_number(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_shard("collect", 0, [RAW], received=1)
    path = tmp_path / "collect" / "00000.jsonl"
    path.write_text(path.read_text() + '{"id": 1}\n')
    with pytest.raises(RunError, match=r"00000\.jsonl, line 2: is damaged"):
        list(store.read("collect", 0, RawCode))


def test_a_folder_of_another_recipe_or_kind_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "run").open(MANIFEST)
    Store(tmp_path / "run").write_shard("type_filter", 0, [RAW], received=1)
    Store(tmp_path / "run").open(MANIFEST)
    with pytest.raises(RunError, match="another recipe"):
        Store(tmp_path / "run").open(MANIFEST | {"recipe_digest": "b"})
    with pytest.raises(RunError, match="other prompts"):
        Store(tmp_path / "run").open(MANIFEST | {"prompt_version": "2"})
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match="is a file"):
        Store(tmp_path / "file").open(MANIFEST)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="is no run folder"):
        Store(tmp_path / "other").open(MANIFEST)


@pytest.mark.parametrize(("key", "kept"), [("teacher", True), ("sources", False)])
def test_a_run_that_has_only_collected_may_change_its_recipe(tmp_path: Path, key: str, kept: bool) -> None:
    store = Store(tmp_path / "run")
    store.open(MANIFEST | {"recipe": {key: "first"}})
    store.write_shard("collect", 0, [RAW], received=1)
    store.open(MANIFEST | {"recipe": {key: "second"}, "recipe_digest": "b"})
    assert store.manifest()["recipe_digest"] == "b"
    assert (store.done("collect", 0) is not None) == kept


def test_a_folder_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        Store(tmp_path / "file" / "run").open(MANIFEST)


def test_a_shard_that_lost_its_records_is_not_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_shard("unify", 0, [RAW], received=1)
    assert store.done("unify", 0)
    (tmp_path / "unify" / "00000.jsonl").unlink()
    assert store.done("unify", 0) is None


def test_a_run_that_went_on_under_other_layers_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for layers in ("all", "all", "none", "all", "none"):
        store.open(MANIFEST | {"isolation": layers})
    assert (store.manifest()["isolation"], store.manifest()["resumed_under"]) == (
        "all",
        [{"code": None, "isolation": "none"}],
    )


def test_hosts_with_equal_process_ids_do_not_write_to_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    def replace(beside: Path, path: Path) -> None:
        names.append(beside.name)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.getpid", lambda: 7)
    monkeypatch.setattr(Path, "replace", replace)
    for _ in range(2):
        with pytest.raises(RunError, match="the disk is full"):
            Store(tmp_path).write(tmp_path / "x", "text")
    assert len(set(names)) == 2 and all(name.endswith(".tmp") for name in names) and not list(tmp_path.iterdir())
