"""Tables: every encoding, compression and layout gives the same rows; what is no table is one sentence at once."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.core.tables import BadRow, TableError, read_rows, read_table

ROWS = [{"content": "x = 'é'\n", "n": 1}, {"content": "y\u2028z\x0c", "n": 2}, {"content": "", "n": None}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def zstd(data: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encodings_byte_order_marks_and_blank_lines(tmp_path: Path, encoding: str, line_end: str) -> None:
    text = LINES.replace("\n", line_end) + f"{line_end}  {line_end}"
    (tmp_path / "rows.jsonl").write_bytes(text.encode(encoding))
    assert list(read_rows(tmp_path / "rows.jsonl")) == ROWS


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.jsonl", "rows"])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_compressed_files_are_read_by_their_bytes(
    tmp_path: Path, name: str, compress: Callable[[bytes], bytes]
) -> None:
    half = LINES.encode().index(b"\n") + 1
    (tmp_path / name).write_bytes(compress(LINES.encode()[:half]) + compress(LINES.encode()[half:]))  # two members
    assert list(read_rows(tmp_path / name)) == ROWS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.json", json.dumps(ROWS)),
        ("rows.json", "\n" + json.dumps(ROWS, indent=2)),
        ("rows.json", LINES),
        ("rows.jsonl", json.dumps(ROWS, indent=1)),
        ("rows.ndjson", LINES),
        ("rows.jsonl", LINES.rstrip("\n")),
    ],
)
def test_a_list_of_objects_is_read_as_rows(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert list(read_rows(tmp_path / name)) == ROWS


def test_parquet_is_read_whatever_its_ending(tmp_path: Path) -> None:
    for name in ("rows.parquet", "rows.jsonl"):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / name)
        assert list(read_rows(tmp_path / name)) == ROWS


def test_a_bad_row_costs_only_itself(tmp_path: Path) -> None:
    first, *_ = lines = [json.dumps(row).encode() for row in ROWS]
    bad = [b'{"a": "caf\xe9"}', b"{broken", b"7", b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}"]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join([first, *bad, b"", *lines[1:]]))
    found = list(read_table(tmp_path / "rows.jsonl"))
    assert [row for row in found if not isinstance(row, BadRow)] == ROWS
    told = [row.problem for row in found if isinstance(row, BadRow)]
    assert [problem.split()[1] for problem in told] == ["2", "3", "4", "5", "6"] and "not UTF-8" in told[0]
    with pytest.raises(TableError, match=r"rows\.jsonl: line 2 is not UTF-8"):
        list(read_rows(tmp_path / "rows.jsonl"))


def test_a_bad_cell_costs_its_row(tmp_path: Path) -> None:
    values = [b"fine", b"\xff\xfe", b"fine too"]
    text = pyarrow.array(values, pyarrow.binary()).view(pyarrow.string())
    far = pyarrow.array([0, 1, 2**62], pyarrow.timestamp("us"))
    pyarrow.parquet.write_table(pyarrow.table({"text": text, "at": far}), tmp_path / "rows.parquet")
    found = list(read_table(tmp_path / "rows.parquet"))
    assert [isinstance(row, BadRow) for row in found] == [False, True, True]
    assert all("row" in row.problem and "Error" in row.problem for row in found if isinstance(row, BadRow))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.jsonl", b"PK\x03\x04....", "a zip archive"),
        ("rows.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        ("rows.jsonl", b"<!DOCTYPE html><p>404", "a web page"),
        ("rows.jsonl", bytes(range(256)) * 20, "cannot be read"),
        ("rows.jsonl", b"{....." + bytes(range(256)) * 20, "is not text"),
        ("rows.csv", b"a,b\n1,2\n", r"\.csv are not read"),
        ("rows.json", b'{\n "data": [1]\n}', "no list of rows"),
        ("rows.json", b"[{},", "neither JSON Lines nor a JSON document"),
        ("rows.parquet", b"", "not a sound Parquet file"),
        ("rows.parquet", b"PAR1" + b"\0" * 100, "not a sound Parquet file"),
        ("rows.jsonl.gz", gzip.compress(LINES.encode() * 1000)[:-20], "cannot be read"),
        ("rows.jsonl.xz", lzma.compress(LINES.encode() * 1000)[:-20], "cannot be read"),
        ("rows.jsonl.bz2", bz2.compress(LINES.encode() * 1000)[:-20], "cannot be read"),
        ("rows.jsonl.zst", zstd(LINES.encode() * 1000)[:-8], "cannot be read"),
        ("rows.jsonl.gz", gzip.compress(LINES.encode() * 1000)[:60] + b"\0" * 60, "cannot be read"),
        ("rows.jsonl", LINES.encode("utf-16")[:-3] + b"\xd8", "cannot be read"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=told) as error:
        list(read_table(tmp_path / name))
    assert name in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        list(read_table(tmp_path / "nowhere.jsonl"))
    with pytest.raises(TableError, match="is not a file"):
        list(read_table(tmp_path))


def test_empty_files_have_no_rows(tmp_path: Path) -> None:
    for content in (b"", b"\n \n", b"\xef\xbb\xbf", gzip.compress(b"")):
        (tmp_path / "rows.jsonl").write_bytes(content)
        assert list(read_rows(tmp_path / "rows.jsonl")) == []


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(content)
    try:
        assert all(isinstance(row, dict | BadRow) for row in read_table(path))
    except TableError as error:
        assert "any.jsonl" in str(error)
