"""Raw code from every kind of source, and a reject with its reason for each unusable record."""

import json
import multiprocessing
import random
from collections import Counter
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from build.core.config import CollectConfig, SourceConfig
from build.core.errors import ConfigError
from build.core.records import RawCode, Reject
from build.stages import collect as stage
from build.stages.collect import Keys, collect
from tests.build.conftest import RAW_FILES, write_raw

RULES = CollectConfig(min_bytes=20, max_bytes=20_000)


def split(found: list[RawCode | Reject]) -> tuple[list[RawCode], Counter[str]]:
    kept = [record for record in found if isinstance(record, RawCode)]
    return kept, Counter(record.reason for record in found if isinstance(record, Reject))


def test_a_folder_gives_each_file_or_a_reason(tmp_path: Path) -> None:
    write_raw(tmp_path)
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9 " + b"x" * 50)
    (tmp_path / "large.py").write_text("x = 1\n" * 5000)
    kept, reasons = split(list(collect([SourceConfig("folder", str(tmp_path), license="MIT")], RULES)))
    assert [raw.path for raw in kept] == ["copy_of_numbers.py", "refused.py", "unstable.py"]
    assert {raw.license for raw in kept} == {"MIT"}
    assert reasons == {"duplicate": 1, "unparsable": 1, "generated": 1, "too_small": 1, "too_large": 1, "unreadable": 1}


def test_rows_bring_their_own_path_and_license(tmp_path: Path) -> None:
    rows = [
        {"content": RAW_FILES["numbers.py"], "repo_name": "a/b", "path": "/c.py", "license": "BSD-3-Clause"},
        {"content": RAW_FILES["refused.py"]},
        {"text": "no content here"},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join([*map(json.dumps, rows), "{broken", "7"]) + "\n")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    kept, reasons = split(list(collect([SourceConfig("jsonl", str(tmp_path / "rows.jsonl"))], RULES)))
    assert [(raw.path, raw.license) for raw in kept] == [("a/b/c.py", "BSD-3-Clause"), ("1", "unknown")]
    assert reasons == {"bad_row": 3}
    same, _ = split(list(collect([SourceConfig("parquet", str(tmp_path / "rows.parquet"))], RULES)))
    assert [raw.content for raw in same] == [raw.content for raw in kept]


def test_an_installed_package_is_read_with_its_license() -> None:
    kept, _ = split(list(collect([SourceConfig("package", "click", limit=3)], CollectConfig(max_bytes=200_000))))
    assert kept and {raw.license for raw in kept} == {"BSD-3-Clause"}


@pytest.mark.parametrize(
    "source",
    [
        SourceConfig("folder", "nowhere"),
        SourceConfig("jsonl", "nowhere.jsonl"),
        SourceConfig("package", "no_such_package_here"),
        SourceConfig("package", "not-a-name"),
    ],
)
def test_a_source_that_is_not_there_is_one_sentence(source: SourceConfig) -> None:
    with pytest.raises(ConfigError, match=source.name):
        list(collect([source], RULES))


def test_a_resumed_collection_equals_one_in_one_go(tmp_path: Path) -> None:
    sources = [SourceConfig("folder", str(write_raw(tmp_path)))]
    whole = list(collect(sources, RULES))
    for done in range(len(whole) + 1):
        known = [record for record in whole[:done] if isinstance(record, RawCode)]
        assert whole[:done] + list(collect(sources, RULES, skip=done, known=known)) == whole


def test_processes_that_help_and_are_killed_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_raw(tmp_path)
    sources = [SourceConfig("folder", str(tmp_path), license="MIT")]
    alone = list(collect(sources, RULES))
    monkeypatch.setattr(stage, "_ALONE", 1)
    monkeypatch.setattr(stage, "_BATCH", 1)
    helped = []
    for place, record in enumerate(collect(sources, RULES, workers=2)):
        helped.append(record)
        if place == 3:
            for child in multiprocessing.active_children():
                child.kill()
    assert helped == alone


def test_a_set_of_keys_is_a_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keys, "_LAST", 7)
    rng = random.Random(0)
    keys, expected = Keys(), {0, 2**64 - 1}
    for key in sorted(expected):
        keys.add(key)
    for _ in range(500):
        key = rng.choice([rng.randrange(60), rng.getrandbits(64)])
        assert (key in keys) == (key in expected)
        keys.add(key)
        expected.add(key)
    assert all(key in keys for key in expected) and 61 not in keys


def test_odd_rows_and_names_cost_only_themselves(tmp_path: Path) -> None:
    rows = [
        {"content": RAW_FILES["numbers.py"], "license": ["MIT", "Apache-2.0"], "path": "caf\udce9.py"},
        {"content": "x = '\ud800'  # long enough to be looked at"},
        {"content": "\ufeff" + RAW_FILES["refused.py"]},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join([*map(json.dumps, rows), "[" * 100_000]) + "\n")
    kept, reasons = split(list(collect([SourceConfig("jsonl", str(tmp_path / "rows.jsonl"))], RULES)))
    assert [raw.license for raw in kept] == ["MIT AND Apache-2.0", "unknown"]
    assert all(raw.path.isprintable() and raw.path.encode("utf-8") for raw in kept)
    assert reasons == {"not_unicode": 1, "bad_row": 1}


def test_prose_about_generating_does_not_make_a_file_generated(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""The second text is generated by shuffling the first one."""\nx = 1\n')
    (tmp_path / "b.py").write_text("# Generated by the protocol buffer compiler.\nx = 1\n")
    kept, reasons = split(list(collect([SourceConfig("folder", str(tmp_path))], RULES)))
    assert [raw.path for raw in kept] == ["a.py"] and reasons == {"generated": 1}


def test_sources_that_changed_under_a_stopped_run_are_refused(tmp_path: Path) -> None:
    source = [SourceConfig("folder", str(write_raw(tmp_path)))]
    whole = list(collect(source, RULES))
    (tmp_path / "aaa.py").write_text(RAW_FILES["unstable.py"] + "# another file\n")
    with pytest.raises(ConfigError, match="have changed"):
        list(collect(source, RULES, skip=5, known=[record for record in whole[:5] if isinstance(record, RawCode)]))


def test_a_damaged_parquet_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"content": [f"x = {n}\n" * 50 for n in range(500)]}), path)
    content = bytearray(path.read_bytes())
    content[20:400] = b"\0" * 380
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a sound Parquet file"):
        list(collect([SourceConfig("parquet", str(path))], CollectConfig()))
