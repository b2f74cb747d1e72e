"""The run folder: whole files or none, markers last, and one sentence when something is wrong."""

import errno
import os
import random
from pathlib import Path
from typing import Any

import pytest

from build.core.changes import _READERS, changes
from build.core.config import DataRecipe, SourceConfig
from build.core.errors import RunError
from build.core.records import RawCode, Reject
from build.core.store import Store
from build.stages import STAGES
from tests.build.conftest import shard_text, write_shard_text

MANIFEST: dict[str, Any] = {
    "recipe_digest": "a",
    "prompt_version": "1",
    "code": "1",
    "isolation": "all",
    "stages": [[stage.name, stage.keeps.__name__] for stage in STAGES],
}
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
    path = store.shard_file("collect", 0)
    text = shard_text(path)
    write_shard_text(path, text[:-1] + '{"id": 1}\n\n')
    with pytest.raises(RunError, match=r"00000\.jsonl\.zst, line 3: is damaged; remove \S+/00000\.jsonl\.zst"):
        list(store.read("collect", 0, RawCode))
    write_shard_text(path, text[:-1])  # without the end of what was kept
    with pytest.raises(RunError, match=r"00000\.jsonl\.zst, line 2: is damaged"):
        list(store.read("collect", 0, RawCode))


@pytest.mark.parametrize("cut", [0, 3, -20])
def test_a_file_that_breaks_off_is_damaged(tmp_path: Path, cut: int) -> None:
    store = Store(tmp_path)
    store.write_shard("collect", 0, [RAW, Reject("collect", "p", "too_small")], received=2)
    path = store.shard_file("collect", 0)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RunError, match="is damaged"):
        store.done("collect", 0)
        list(store.read("collect", 0, RawCode))


def test_the_counts_are_read_from_the_head_of_a_large_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    noise = RawCode("id", "source", "path.py", "MIT", random.Random(0).randbytes(1 << 18).hex())
    counts = store.write_shard("collect", 0, [noise], received=1, stats={f"outputs_{n}": n for n in range(200)})
    assert store.shard_file("collect", 0).stat().st_size > 1 << 18
    assert store.done("collect", 0) == counts and list(store.read("collect", 0, RawCode)) == [noise]


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match="is a file"):
        Store(tmp_path / "file").open(MANIFEST)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="is no run folder"):
        Store(tmp_path / "other").open(MANIFEST)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "manifest.json").write_text('{"recipe_digest": "a", "stages": []}')
    for use in (Store.stages, lambda store: store.open(MANIFEST)):
        with pytest.raises(RunError, match="another version"):
            use(Store(tmp_path / "old"))


def changed_run(folder: Path, before: dict[str, Any], now: dict[str, Any], prompts: str = "1") -> list[str]:
    """The stages that a run which has finished under one recipe keeps when it goes on under another."""
    store = Store(folder)
    store.open(MANIFEST | {"recipe": before})
    for stage in store.stages():
        store.write_shard(stage, 0, [RAW], received=1)
    (folder / "dataset").mkdir()
    store.open(MANIFEST | {"recipe": now, "recipe_digest": "b", "prompt_version": prompts})
    assert store.manifest()["recipe"] == now and not (folder / "dataset").exists()
    return [stage for stage in store.stages() if store.done(stage, 0)]


@pytest.mark.parametrize(
    ("before", "now", "first"),
    [
        ({"name": "a"}, {"name": "b"}, ""),
        ({"test_fraction": 0.1}, {"test_fraction": 0.2}, ""),
        ({"revisions": 1}, {"revisions": 2}, "revise"),
        ({"teacher": {"samples": 1}}, {"teacher": {"samples": 2}}, "answer"),
        ({"teacher": {"model": "a"}}, {"teacher": {"model": "b"}}, "answer"),
        (
            {"teacher": {"model": "a"}, "unify": {"by": "model"}},
            {"teacher": {"model": "b"}, "unify": {"by": "model"}},
            "unify",
        ),
        ({"questions": {"pairs_per_function": 1}}, {"questions": {"pairs_per_function": 2}}, "questions"),
        ({"filters": {"difficulty": False}}, {"filters": {"difficulty": True}}, "difficulty_filter"),
        ({"sampling": {"draws": 1}, "seed": 0}, {"sampling": {"draws": 2}, "seed": 0}, "sample"),
        ({"duplicates": {"drop": "near"}}, {"duplicates": {"drop": "none"}}, "duplicates"),
        ({"leaks": {"benchmarks": []}}, {"leaks": {"benchmarks": ["all"]}}, "leaks"),
        ({"seed": 0, "unify": {"by": "model"}}, {"seed": 1, "unify": {"by": "model"}}, "unify"),
        ({"unify": {"by": "static"}, "revisions": 1}, {"unify": {"by": "model"}, "revisions": 2}, "unify"),
        ({"filters": {"reasoning_type": False}}, {"filters": {"reasoning_type": True}}, "type_filter"),
    ],
)
def test_a_changed_recipe_does_only_the_stages_again_that_it_reaches(
    tmp_path: Path, before: dict[str, Any], now: dict[str, Any], first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [name for name, _ in MANIFEST["stages"]]
    assert changed_run(tmp_path / "run", before, now) == (names[: names.index(first)] if first else names)
    assert "the recipe has changed (`" in capsys.readouterr().err


def test_other_prompts_reach_the_first_stage_that_asks(tmp_path: Path) -> None:
    names = [name for name, _ in MANIFEST["stages"]]
    for unify, first in (({}, "answer"), ({"by": "model"}, "unify")):
        kept = changed_run(tmp_path / first, {"unify": unify}, {"unify": unify}, prompts="2")
        assert kept == names[: names.index(first)]


@pytest.mark.parametrize("key", ["sources", "collect", "engine"])
def test_a_run_over_other_sources_is_refused_and_the_key_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(RunError, match=rf"another recipe \(`{key}.0.name` was 'a' and is 'b'\)"):
        changed_run(tmp_path / "run", {key: [{"name": "a"}]}, {key: [{"name": "b"}]})


@pytest.mark.parametrize(("key", "kept"), [("teacher", True), ("sources", False)])
def test_a_run_that_has_only_collected_may_change_its_recipe(tmp_path: Path, key: str, kept: bool) -> None:
    store = Store(tmp_path / "run")
    store.open(MANIFEST | {"recipe": {key: "first"}})
    store.write_shard("collect", 0, [RAW], received=1)
    store.open(MANIFEST | {"recipe": {key: "second"}, "recipe_digest": "b"})
    assert store.manifest()["recipe_digest"] == "b"
    assert (store.done("collect", 0) is not None) == kept


def test_a_stage_of_ones_own_may_read_any_key(tmp_path: Path) -> None:
    stages = [*MANIFEST["stages"][:3], ["short", "UnifiedFunction"], *MANIFEST["stages"][3:]]
    names = [name for name, _ in stages]
    own = {"own_stages": {"short": "digest"}}
    assert [change.stage for change in changes(own | {"revisions": 1}, own | {"revisions": 2}, names)] == ["short"]
    store = Store(tmp_path / "run")
    store.open(MANIFEST)
    for stage in store.stages():
        store.write_shard(stage, 0, [RAW], received=1)
    store.open(MANIFEST | {"stages": stages, "recipe_digest": "b"})
    assert [stage for stage in store.stages() if store.done(stage, 0)] == names[:3]


def test_every_key_of_a_recipe_has_a_stage_that_reads_it() -> None:
    recipe = DataRecipe("x", Path("x"), (SourceConfig("folder", "x"),)).content()
    names = [name for name, _ in MANIFEST["stages"]]
    known = {key.partition(".")[0] for key in _READERS}
    assert set(recipe) == known
    for key in recipe:
        (change,) = changes({key: 1}, {key: 2}, names)
        assert change.stage == "" or change.stage in names


def test_a_folder_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        Store(tmp_path / "file" / "run").open(MANIFEST)


def test_a_shard_that_is_lost_is_not_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_shard("unify", 3, [RAW], received=1)
    assert store.done("unify", 3) and store.finished("unify") == {3}
    store.shard_file("unify", 3).unlink()
    assert store.done("unify", 3) is None and store.finished("unify") == set()


def test_a_run_that_went_on_under_other_layers_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for layers in ("all", "all", "none", "all", "none"):
        store.open(MANIFEST | {"isolation": layers})
    assert (store.manifest()["isolation"], store.manifest()["resumed_under"]) == (
        "all",
        [{"code": "1", "isolation": "none"}],
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
