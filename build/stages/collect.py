"""Stage 1, collect: raw code from wherever it lies, with its source, path and license, and a reject for each unusable file.

A record of a source is a file (folder, package), a row (jsonl, parquet, hub), or a ready function (functions). It is kept
when it is Python text of a usable size that parses, was written by a person, and was not seen before in this run.
"""

import ast
import importlib.metadata
import importlib.util
import json
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from build.core.config import CollectConfig, SourceConfig
from build.core.errors import ConfigError, RunError
from build.core.records import RawCode, Reject, digest
from build.core.tables import BadRow, read_table
from build.stages.stage import Context, Shard, Stage

STAGE = "collect"

_GENERATED = re.compile(
    r"(?im)\b(auto-?generated|automatically generated|do not edit)\b|@generated\b|^\s*#\W*generated (by|from)\b"
)


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[RawCode | Reject]:
    """Every record that is left to collect from shard `shard.index` on; the engine cuts them into shards."""
    recipe, store = context.recipe, shard.store
    known = (raw for done in range(shard.index) for raw in store.read(STAGE, done, RawCode))
    yield from collect(recipe.sources, recipe.collect, skip=shard.index * recipe.engine.shard_size, known=known)


def collect(
    sources: Iterable[SourceConfig], rules: CollectConfig, skip: int = 0, known: Iterable[RawCode] = ()
) -> Iterator[RawCode | Reject]:
    """Every record of every source, in a fixed order, as `RawCode` or `Reject`.

    A stopped run goes on with `skip`, how many records it has dealt with, and `known`, those that it kept. Raises
    `ConfigError` where a source cannot be opened at all, or no longer begins with the records that are known.
    """
    kept = {raw.id: _text_key(raw) for raw in known}
    seen = set(kept.values())
    found_everywhere = (found for source in sources for found in islice(_open(source), source.limit))
    for found in islice(found_everywhere, skip):
        if isinstance(found, RawCode):
            kept.pop(found.id, None)
    if kept:
        raise ConfigError("the sources have changed since this run collected from them; name another folder as `run`.")
    for found in found_everywhere:
        if isinstance(found, Reject):
            yield found
            continue
        reason, detail = _judge(found, rules)
        if not reason and _text_key(found) in seen:
            reason, detail = "duplicate", "the same text up to white space was seen before"
        if reason:
            yield Reject(STAGE, f"{found.source}/{found.path}", reason, detail)
        else:
            seen.add(_text_key(found))
            yield found


def _text_key(raw: RawCode) -> str:
    return digest(" ".join(raw.content.split()))


def _judge(raw: RawCode, rules: CollectConfig) -> tuple[str, str]:
    size = len(raw.content.encode("utf-8", "surrogatepass"))
    if size < rules.min_bytes:
        return "too_small", f"{size} bytes"
    if size > rules.max_bytes:
        return "too_large", f"{size} bytes"
    try:
        raw.content.encode("utf-8")
    except UnicodeEncodeError:
        return "not_unicode", "a lone surrogate"
    if raw.kind == "unified":
        return "", ""
    if _GENERATED.search("\n".join(raw.content.splitlines()[:5])):
        return "generated", "says so in its first lines"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(raw.content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return "unparsable", f"{type(error).__name__}: {error}"
    return "", ""


def _raw(source: SourceConfig, path: str, content: str, license: str | None = None, kind: Any = "python") -> RawCode:
    path = path.encode("utf-8", "replace").decode("utf-8")
    content = content.removeprefix("\ufeff")
    return RawCode(digest(source.name, path, content), source.name, path, license or source.license, content, kind)


def _license(row: dict[str, Any]) -> str | None:
    """A row's own license; some sets hold a list of them."""
    found = row.get("license") or row.get("licence")
    return " AND ".join(map(str, found)) if isinstance(found, list | tuple) else str(found) if found else None


def _open(source: SourceConfig) -> Iterator[RawCode | Reject]:
    if source.kind == "package":
        return _package(source)
    if source.kind == "folder":
        return _files(source, Path(source.name), None)
    return _rows(source)


def _files(source: SourceConfig, root: Path, license: str | None) -> Iterator[RawCode | Reject]:
    if not root.is_dir():
        raise ConfigError(f"source {source.name}: is not a folder; give an existing folder of Python files.")
    for file in sorted(root.rglob("*.py")):
        path = file.relative_to(root).as_posix()
        try:
            with tokenize.open(file) as text:  # reads the byte order mark and the coding line, as Python does
                yield _raw(source, path, text.read(), license)
        except (OSError, UnicodeDecodeError, SyntaxError) as error:
            yield Reject(STAGE, f"{source.name}/{path}", "unreadable", str(error))


def _package(source: SourceConfig) -> Iterator[RawCode | Reject]:
    found = importlib.util.find_spec(source.name) if source.name.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        raise ConfigError(f"source {source.name}: no such package is installed; pip install it first.")
    try:
        license = _declared(importlib.metadata.metadata(source.name).json)
    except importlib.metadata.PackageNotFoundError:
        license = None
    return _files(source, Path(next(iter(found.submodule_search_locations))), license)


def _declared(about: dict[str, Any]) -> str | None:
    """The license that a distribution's metadata name: its SPDX expression, else a short `License`, else its classifiers.

    Some put the whole text of the license into `License`.
    """
    stated = str(about.get("license_expression") or about.get("license") or "").strip()
    if stated and "\n" not in stated and len(stated) <= 80:
        return stated
    named = [item.rpartition(" :: ")[2] for item in about.get("classifier", ()) if item.startswith("License :: ")]
    return " AND ".join(named) or None


def _rows(source: SourceConfig) -> Iterator[RawCode | Reject]:
    for number, row in enumerate(_read_rows(source)):
        if isinstance(row, BadRow):
            yield Reject(STAGE, f"{source.name}/{number}", "bad_row", row.problem)
        elif source.kind == "functions":
            yield _raw(source, str(number), json.dumps(row, sort_keys=True, default=str), _license(row), "unified")
        elif not isinstance(row.get(source.column), str):
            keys = ", ".join(sorted(map(str, row)))
            yield Reject(STAGE, f"{source.name}/{number}", "bad_row", f"no text in `{source.column}`; its keys: {keys}")
        else:
            path = "/".join(str(row[key]).strip("/") for key in ("repo_name", "path") if row.get(key)) or str(number)
            yield _raw(source, path, row[source.column], _license(row))


def _read_rows(source: SourceConfig) -> Iterator[dict[str, Any] | BadRow]:
    """The rows of a file or a Hub dataset."""
    path = Path(source.name)
    if source.kind == "hub" or (source.kind == "functions" and not path.exists()):
        return _hub_rows(source)
    return read_table(path)


def _hub_rows(source: SourceConfig) -> Iterator[dict[str, Any]]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    from build.core.hub import HUB_ERRORS

    try:
        rows = load_dataset(source.name, source.config, split=source.split, streaming=True)
    except (DatasetNotFoundError, ConnectionError, FileNotFoundError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"source {source.name}: neither a file nor a dataset that the Hub gives: {reason}") from error
    try:
        yield from rows
    except HUB_ERRORS as error:
        reason = " ".join(str(error).split())[:300]
        raise RunError(
            f"source {source.name}: the Hub's stream broke off ({reason}); run the same command again to go on."
        ) from error


stage = Stage(STAGE, None, RawCode, run)
