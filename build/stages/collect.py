"""Stage 1, collect: takes raw code from its sources, with path and license, and rejects each file that cannot be used.

A record of a source is a file (folder, package), a row (jsonl, parquet, hub), or a ready function (functions). It is kept
when it is Python text of a usable size that parses, was written by a person, and was not seen before in this run.
"""

import ast
import multiprocessing
import multiprocessing.connection
import os
import re
import signal
import threading
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

import numpy as np

from build.core.config import CollectConfig, SourceConfig
from build.core.errors import ConfigError, RunError
from build.core.licenses import allowed
from build.core.records import RawCode, Reject, digest
from build.sources.folders import read_folder
from build.sources.packages import read_package
from build.sources.rows import read_source_rows
from build.sources.wheels import read_wheels
from build.stages.stage import Context, Shard, Stage
from build.unifiers.static.python2 import to_python3

STAGE = "collect"

Record: TypeAlias = RawCode | Reject

_ALONE = 2000  # records that are judged before it pays to start processes
_BATCH = 200  # records that are handed to a process at once

_GENERATED = re.compile(
    r"(?im)\b(auto-?generated|automatically generated|do not edit)\b|@generated\b|^\s*#\W*generated (by|from)\b"
)


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[RawCode | Reject]:
    """Every record that is left to collect from shard `shard.index` on; the engine cuts them into shards."""
    recipe, store = context.recipe, shard.store
    known = (raw for done in range(shard.index) for raw in store.read(STAGE, done, RawCode))
    skip, workers = shard.index * recipe.engine.shard_size, recipe.engine.workers
    yield from collect(recipe.sources, recipe.collect, skip, known, workers)


def collect(
    sources: Iterable[SourceConfig],
    rules: CollectConfig,
    skip: int = 0,
    known: Iterable[RawCode] = (),
    workers: int = 1,
) -> Iterator[RawCode | Reject]:
    """Every record of every source, in a fixed order, as `RawCode` or `Reject`.

    A stopped run goes on with `skip`, how many records it has dealt with, and `known`, those that it kept. Many records are
    judged in `workers` processes, with the same result. Raises `ConfigError` where a source cannot be opened at all, or no
    longer begins with the records that are known.
    """
    seen, known = Keys(), iter(known)
    found_everywhere = (found for source in sources for found in _records(source))
    expected = next(known, None)
    for found in islice(found_everywhere, skip):
        if expected is not None and isinstance(found, RawCode) and found.id == expected.id:
            seen.add(_text_key(expected))
            expected = next(known, None)
    if expected is not None:
        raise ConfigError("the sources have changed since this run collected from them; name another folder as `run`.")
    for found in _judged(found_everywhere, rules, workers):
        if isinstance(found, Reject):
            yield found
        elif (key := _text_key(found)) in seen:
            detail = "the same text up to white space was seen before"
            yield Reject(STAGE, f"{found.source}/{found.path}", "duplicate", detail)
        else:
            seen.add(key)
            yield found


class Keys:
    """A set of numbers below 2 ** 64 that takes eight bytes for each, but for the last ones."""

    _LAST = 1 << 18

    def __init__(self) -> None:
        self._sorted = np.empty(0, np.uint64)
        self._last: set[int] = set()

    def add(self, key: int) -> None:
        self._last.add(key)
        if len(self._last) >= self._LAST:
            self._sorted = np.sort(np.concatenate([self._sorted, np.fromiter(self._last, np.uint64)]))
            self._last.clear()

    def __contains__(self, key: int) -> bool:
        if key in self._last:
            return True
        place = int(np.searchsorted(self._sorted, np.uint64(key)))
        return place < len(self._sorted) and int(self._sorted[place]) == key


def _text_key(raw: RawCode) -> int:
    return int(digest(" ".join(raw.content.split()))[:16], 16)


def _judged(found: Iterable[Record], rules: CollectConfig, workers: int) -> Iterator[Record]:
    """Each record, or why it cannot be used, in order. Processes help once there are many."""
    found = iter(found)
    for record in islice(found, _ALONE if workers > 1 else None):
        yield _judge(record, rules)
    if not (batch := list(islice(found, _BATCH))):
        return
    context = multiprocessing.get_context("spawn")
    under_way: deque[tuple[list[Record], Future[list[Record]] | None]] = deque()
    with ProcessPoolExecutor(workers, context, _end_with_parent) as pool:
        while batch or under_way:
            while batch and len(under_way) < 2 * workers:
                try:
                    under_way.append((batch, pool.submit(_judge_all, batch, rules)))
                except BrokenProcessPool:
                    under_way.append((batch, None))
                batch = list(islice(found, _BATCH))
            records, future = under_way.popleft()
            try:
                yield from _judge_all(records, rules) if future is None else future.result()
            except BrokenProcessPool:  # one was ended from outside, and with it all
                yield from _judge_all(records, rules)


def _end_with_parent() -> None:
    signal.signal(signal.SIGINT, lambda *_: None)  # the parent has it too
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _judge_all(records: list[Record], rules: CollectConfig) -> list[Record]:
    return [_judge(record, rules) for record in records]


def _judge(record: Record, rules: CollectConfig) -> Record:
    if isinstance(record, Reject):
        return record
    reason, detail = _fault(record, rules)
    if reason == "unparsable" and to_python3(record.content) is not None:
        return replace(record, kind="python2")
    return Reject(STAGE, f"{record.source}/{record.path}", reason, detail) if reason else record


def _fault(raw: RawCode, rules: CollectConfig) -> tuple[str, str]:
    size = len(raw.content.encode("utf-8", "surrogatepass"))
    if size < rules.min_bytes:
        return "too_small", f"{size} bytes"
    if size > rules.max_bytes:
        return "too_large", f"{size} bytes"
    try:
        raw.content.encode("utf-8")
    except UnicodeEncodeError:
        return "not_unicode", "a lone surrogate"
    if not allowed(raw.license, rules.licenses):
        return "license", f"{raw.license} is not among `collect.licenses`"
    if raw.kind == "unified":
        return "", ""
    if _GENERATED.search("\n".join(raw.content.split("\n", 5)[:5])):
        return "generated", "says so in its first lines"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(raw.content)
    except Exception as error:  # whatever the parser raises about a text
        return "unparsable", f"{type(error).__name__}: {error}"
    return "", ""


def _records(source: SourceConfig) -> Iterator[RawCode | Reject]:
    """A source's records. Whatever reading it raises is one sentence that names it."""
    read = {"package": read_package, "folder": read_folder, "wheels": read_wheels}.get(source.kind, read_source_rows)
    try:
        yield from islice(read(source), source.limit)
    except (ConfigError, RunError):
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:300]
        raise RunError(
            f"source {source.name}: cannot be read ({type(error).__name__}: {told}); mend that and run the same command again."
        ) from error


stage = Stage(STAGE, None, RawCode, run)
