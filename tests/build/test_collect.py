"""Raw code from every kind of source, and a reject with its reason for each unusable record."""

import json
from collections import Counter
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from build.collect import collect
from build.recipe import Collect, RecipeError, Source
from build.records import RawCode, Reject
from tests.build.conftest import RAW_FILES, write_raw

RULES = Collect(min_bytes=20, max_bytes=20_000)


def split(found: list[RawCode | Reject]) -> tuple[list[RawCode], Counter[str]]:
    kept = [record for record in found if isinstance(record, RawCode)]
    return kept, Counter(record.reason for record in found if isinstance(record, Reject))


def test_a_folder_gives_each_file_or_a_reason(tmp_path: Path) -> None:
    write_raw(tmp_path)
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9 " + b"x" * 50)
    (tmp_path / "large.py").write_text("x = 1\n" * 5000)
    kept, reasons = split(list(collect([Source("folder", str(tmp_path), licence="MIT")], RULES)))
    assert [raw.path for raw in kept] == ["copy_of_numbers.py", "refused.py", "unstable.py"]
    assert {raw.licence for raw in kept} == {"MIT"}
    assert reasons == {"duplicate": 1, "unparsable": 1, "generated": 1, "too_small": 1, "too_large": 1, "unreadable": 1}


def test_rows_bring_their_own_path_and_licence(tmp_path: Path) -> None:
    rows = [
        {"content": RAW_FILES["numbers.py"], "repo_name": "a/b", "path": "/c.py", "license": "BSD-3-Clause"},
        {"content": RAW_FILES["refused.py"]},
        {"text": "no content here"},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join([*map(json.dumps, rows), "{broken", "7"]) + "\n")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    kept, reasons = split(list(collect([Source("jsonl", str(tmp_path / "rows.jsonl"))], RULES)))
    assert [(raw.path, raw.licence) for raw in kept] == [("a/b/c.py", "BSD-3-Clause"), ("1", "unknown")]
    assert reasons == {"bad_row": 3}
    same, _ = split(list(collect([Source("parquet", str(tmp_path / "rows.parquet"))], RULES)))
    assert [raw.content for raw in same] == [raw.content for raw in kept]


def test_an_installed_package_is_read_with_its_licence() -> None:
    kept, _ = split(list(collect([Source("package", "click", limit=3)], Collect(max_bytes=200_000))))
    assert kept and {raw.licence for raw in kept} == {"BSD-3-Clause"}


@pytest.mark.parametrize(
    "source",
    [
        Source("folder", "nowhere"),
        Source("jsonl", "nowhere.jsonl"),
        Source("package", "no_such_package_here"),
        Source("package", "not-a-name"),
    ],
)
def test_a_source_that_is_not_there_is_one_sentence(source: Source) -> None:
    with pytest.raises(RecipeError, match=source.name):
        list(collect([source], RULES))


def test_a_resumed_collection_equals_one_in_one_go(tmp_path: Path) -> None:
    sources = [Source("folder", str(write_raw(tmp_path)))]
    whole = list(collect(sources, RULES))
    for done in range(len(whole) + 1):
        known = [record for record in whole[:done] if isinstance(record, RawCode)]
        assert whole[:done] + list(collect(sources, RULES, skip=done, known=known)) == whole
