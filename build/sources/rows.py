"""Reads the rows of tables and Hub datasets: a column of source text, or ready functions in the official raw schema."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from build.core.config import SourceConfig
from build.core.errors import ConfigError, RunError
from build.core.licenses import all_of
from build.core.records import RawCode, Reject
from build.core.tables import BadRow, Row, read_table
from build.sources.raw import raw_code


def read_source_rows(source: SourceConfig) -> Iterator[RawCode | Reject]:
    """Every row of a source, as a record or as a reject that says why it is none."""
    for number, row in enumerate(_rows(source)):
        try:
            yield _record(source, number, row)
        except Exception as error:  # whatever a row holds, it costs itself only
            yield _bad(source, number, f"{type(error).__name__}: {error}")


def _record(source: SourceConfig, number: int, row: Row | BadRow) -> RawCode | Reject:
    if isinstance(row, BadRow):
        return _bad(source, number, row.problem)
    if source.kind == "functions":
        text = json.dumps(row, sort_keys=True, default=str)
        return raw_code(source, str(number), text, _license(row), "unified")
    if not isinstance(row.get(source.column), str):
        keys = ", ".join(sorted(map(str, row)))
        return _bad(source, number, f"no text in `{source.column}`; its keys: {keys}")
    path = "/".join(str(row[key]).strip("/") for key in ("repo_name", "path") if row.get(key)) or str(number)
    return raw_code(source, path, row[source.column], _license(row))


def _bad(source: SourceConfig, number: int, detail: str) -> Reject:
    return Reject("collect", f"{source.name}/{number}", "bad_row", detail)


def _license(row: Row) -> str | None:
    """A row's own license; some sets hold a list of them."""
    found = row.get("license") or row.get("licence")
    return all_of(map(str, found)) if isinstance(found, list | tuple) else str(found) if found else None


def _rows(source: SourceConfig) -> Iterator[Row | BadRow]:
    path = Path(source.name)
    if source.kind == "hub" or (source.kind == "functions" and not path.exists()):
        return _hub_rows(source)
    return read_table(path)


def _hub_rows(source: SourceConfig) -> Iterator[Row | BadRow]:
    """The rows of a dataset, streamed. Whatever the Hub's loader raises is one sentence: it runs other people's files."""
    from datasets import load_dataset

    from build.core.hub import HUB_ERRORS

    where = f"source {source.name}"
    try:
        rows: Any = load_dataset(source.name, source.config, split=source.split, streaming=True)
    except Exception as error:
        raise ConfigError(
            f"{where}: is no file here, and the Hub's loader does not open it ({_told(error)}); check `name`, `config` and "
            "`split`, or download the dataset's files and name one of them."
        ) from error
    found = iter(rows)
    for number in count():
        try:
            row = next(found)
        except StopIteration:
            return
        except HUB_ERRORS as error:
            raise RunError(
                f"{where}: the stream broke off at row {number} ({_told(error)}); run the same command again to go on."
            ) from error
        except Exception as error:
            use = f"set `limit: {number}` to use the rows before it, or " if number else ""
            raise RunError(
                f"{where}: row {number} cannot be read ({_told(error)}); {use}download the dataset's files and name one."
            ) from error
        yield row


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
