"""Reads tables: JSON Lines, JSON and Parquet files, compressed or not, one row at a time.

What a file is, its first bytes say; its ending decides only where they cannot: text is JSON Lines, and a list of objects
where the ending is `.json` or the first line is a lone bracket. JSON may be in UTF-8, UTF-16 or UTF-32, with or without a
byte order mark. Blank lines are no rows. Everything that reads rows from a file reads them here.
"""

import bz2
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

from build.core.errors import ConfigError

Row: TypeAlias = dict[str, Any]

_GIVE = "give JSON Lines, a JSON list of objects, or Parquet"
_BATCH = 1000  # rows of a Parquet file that are in memory at once
_HEAD = 4096
_NOT_TABLES = {  # by their first bytes
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"ARROW1": "an Arrow file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"version https://git-lfs": "a Git LFS pointer and not the file itself",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}
_OTHER_ENDINGS = {".csv", ".tsv", ".xls", ".xlsx", ".arrow", ".feather", ".orc", ".avro", ".pkl", ".tar", ".zip"}


class TableError(ConfigError):
    """A file that cannot be read as a table; the message is one sentence that names the file and what to do."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read; `problem` says where it stands and what is wrong. It costs no other row."""

    problem: str


def read_table(path: Path) -> Iterator[Row | BadRow]:
    """The rows of a file in their order, and a `BadRow` in the place of each that cannot be read.

    Raises `TableError` where the file as a whole cannot be read; rows may have been yielded before, where it breaks off.
    """
    try:
        if not path.is_file():
            raise TableError(f"{path}: {'is not a file' if path.exists() else 'no such file'}.")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}).") from error
    found = next((name for start, name in _NOT_TABLES.items() if head.startswith(start)), None)
    if found is not None:
        raise TableError(f"{path}: is {found}; {_GIVE}.")
    if head.startswith(b"PAR1") or path.suffix == ".parquet":
        yield from _parquet_rows(path)
    elif path.suffix.lower() in _OTHER_ENDINGS:
        raise TableError(f"{path}: tables of the kind {path.suffix} are not read; {_GIVE}.")
    else:
        yield from _json_rows(path, _opener(head))


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file all of whose rows must be sound. Raises `TableError`, also at the first row that cannot be read."""
    for row in read_table(path):
        if isinstance(row, BadRow):
            raise TableError(f"{path}: {row.problem}.")
        yield row


def _opener(head: bytes) -> Callable[[Path], IO[bytes]]:
    """What opens a file that begins like this."""
    if head.startswith(b"\x1f\x8b"):
        return gzip.open  # type: ignore[return-value]
    if head.startswith(b"BZh"):
        return bz2.open
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.open
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return _open_zstd
    return lambda path: path.open("rb")


def _open_zstd(path: Path) -> IO[bytes]:
    import pyarrow

    return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))


def _json_rows(path: Path, opener: Callable[[Path], IO[bytes]]) -> Iterator[Row | BadRow]:
    number, first = 0, True
    try:
        with opener(path) as file:
            encoding = _encoding(path, file.read(_HEAD))
        strict = not encoding.startswith("utf-8")  # in UTF-8 a byte that is none costs its own line
        with io.TextIOWrapper(opener(path), encoding, "strict" if strict else "surrogateescape") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                if first and _begins_document(line, path):
                    yield from _listed(path, line + lines.read())
                    return
                first = False
                yield _row(f"line {number}", line)
    except (EOFError, OSError, UnicodeError, lzma.LZMAError, zlib.error) as error:
        after = f" after line {number}" if number else ""
        raise TableError(f"{path}: cannot be read{after} ({error}); {_GIVE}.") from error


def _encoding(path: Path, head: bytes) -> str:
    """The encoding of JSON text that begins like this. Raises `TableError` where it is not text."""
    encoding = json.detect_encoding(head)
    if "\0" in head[: len(head) // 4 * 4].decode(encoding, "replace"):
        raise TableError(f"{path}: is not text; {_GIVE}.")
    return encoding


def _begins_document(line: str, path: Path) -> bool:
    """Whether a first line begins one JSON document instead of being a row."""
    if line.strip() == "[":
        return True
    return ".json" in path.suffixes and (line.lstrip()[0] == "[" or isinstance(_row("", line), BadRow))


def _listed(path: Path, text: str) -> Iterator[Row | BadRow]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{path}: is neither JSON Lines nor a JSON document ({error}).") from error
    if not isinstance(document, list):
        raise TableError(f"{path}: holds one JSON value and no list of rows; {_GIVE}.")
    for number, item in enumerate(document, 1):
        yield item if isinstance(item, dict) else BadRow(f"item {number} is not a JSON object")


def _row(where: str, line: str) -> Row | BadRow:
    if not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line):
        return BadRow(f"{where} is not UTF-8 text")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(f"{where} is not JSON: {error}")
    return row if isinstance(row, dict) else BadRow(f"{where} is not a JSON object")


def _parquet_rows(path: Path) -> Iterator[Row | BadRow]:
    """Whatever pyarrow raises about the file is a `TableError`; about a cell, a `BadRow`."""
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                yield from _batch_rows(batch, number)
                number += batch.num_rows
    except Exception as error:
        raise TableError(f"{path}: is not a sound Parquet file after row {number} ({_one_line(error)}).") from error


def _batch_rows(batch: Any, before: int) -> Iterator[Row | BadRow]:
    try:
        rows = batch.to_pylist()
    except Exception:  # of some cell: taken row by row, it costs only its own
        rows = [_parquet_row(batch.slice(index, 1), before + index) for index in range(batch.num_rows)]
    yield from rows


def _parquet_row(one: Any, number: int) -> Row | BadRow:
    try:
        (row,) = one.to_pylist()
        return row
    except Exception as error:
        return BadRow(f"row {number} has a cell that cannot be read ({type(error).__name__}: {_one_line(error)})")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
