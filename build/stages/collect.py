"""Stage 1, collect: takes raw code from its sources, with path and license, and rejects each file that cannot be used.

A record of a source is a file (folder, package), a row (jsonl, parquet, hub), or a ready function (functions). It is kept
when it is Python text of a usable size that parses, was written by a person, and was not seen before in this run.
"""

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

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
    found_everywhere = (found for source in sources for found in _records(source))
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
        if reason == "unparsable" and to_python3(found.content) is not None:
            found, reason = replace(found, kind="python2"), ""
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
