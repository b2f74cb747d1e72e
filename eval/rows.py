"""Loads the rows of a benchmark, from the Hub or from a local copy, and checks them before anything is generated.

A local copy is a folder with a file a benchmark (`gsm8k.jsonl`, ...: the rows of the Hub as JSON lines; a row of BBH also
has its "task"), `bbh/<task>.json` as in the benchmark's repository, and `korbench/<kind>/{sample,rule}.jsonl` as in its
repository's data/. Rows from the Hub must be as many as the benchmark has; a local copy may be a part, and is then called a
part in every report.
"""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from build.core.records import digest
from build.core.tables import TableError, read_rows
from eval.benchmark import Benchmark, Row, Source
from eval.benchmarks import BY_NAME, HELD_OUT


class Unavailable(RuntimeError):
    """A benchmark whose rows cannot be had or are not what they should be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where rows are read: a folder with a local copy of the benchmarks (else the Hub), and the held-out test's data set."""

    data: str | None = None
    held_out: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One question: `id` is a digest of the benchmark's name and the row, `row_sha` of the row; `group` is the benchmark's."""

    id: str
    prompt: str
    group: str
    row: Row
    row_sha: str

    @property
    def prompt_sha(self) -> str:
        return digest(self.prompt)


@cache
def load(name: str, where: Where) -> tuple[Item, ...]:
    """The items of a benchmark in the data's order. Raises `Unavailable`."""
    benchmark = BY_NAME[name]
    if benchmark.held_out:
        rows = _held_out(where.held_out)
    else:
        rows = _local(benchmark, Path(where.data)) if where.data else _from_hub(benchmark)
    items: dict[str, Item] = {}
    seen: Counter[str] = Counter()
    for row in rows:
        missing = [key for key in benchmark.keys if key not in row]
        if missing:
            raise Unavailable(
                f"{benchmark.column}: a row lacks {', '.join(missing)}; the keys seen are {', '.join(row)}"
            )
        try:
            if benchmark.check:
                benchmark.check(row)
            prompt, group = benchmark.prompt(row), benchmark.group(row)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise Unavailable(
                f"{benchmark.column}: a row that cannot be used ({error}); its keys are {', '.join(row)}"
            ) from error
        text = json.dumps(row, sort_keys=True, default=str)
        again = (str(seen[text]),) if seen[text] else ()  # some benchmarks hold a row twice, and count it twice
        seen[text] += 1
        item = Item(digest(name, text, *again), prompt, group, row, digest(text, *again))
        items[item.id] = item
    groups = len({item.group for item in items.values()})
    if not where.data and benchmark.items and (len(items), groups) != (benchmark.items, benchmark.groups or groups):
        wanted = f"{benchmark.items} items" + (f" in {benchmark.groups} groups" if benchmark.groups else "")
        raise Unavailable(
            f"{benchmark.column}: expected {wanted} and got {len(items)} in {groups}; the data has changed"
        )
    return tuple(items.values())


def _held_out(path: str | None) -> list[Row]:
    if path is None:
        raise Unavailable(f"{HELD_OUT.column}: {HELD_OUT.access}")
    import datasets  # slow to import

    try:
        return list(datasets.load_dataset(path, "rl", split="test"))
    except Exception as error:  # as with the benchmarks: whatever the clients raise, the rows cannot be had
        raise Unavailable(f"{HELD_OUT.column}: {path} cannot be read ({error}); {HELD_OUT.access}") from error


def _local(benchmark: Benchmark, data: Path) -> list[Row]:
    path = data / benchmark.data
    if not path.exists():
        raise Unavailable(f"{benchmark.column}: {path} is missing; add it or leave the benchmark out with --tasks")
    try:
        return benchmark.files(path.joinpath) if benchmark.files else list(read_rows(path))
    except (OSError, ValueError, KeyError, TypeError, TableError) as error:
        raise Unavailable(f"{benchmark.column}: {path} cannot be read ({error})") from error


def _from_hub(benchmark: Benchmark) -> list[Row]:
    try:
        if benchmark.files and benchmark.hub_has_files:
            (source,) = benchmark.sources
            return benchmark.files(lambda name: _download(source, name))
        if benchmark.of_hub:
            rows = [row for source in benchmark.sources for row in _read(source)]
            return [row for row in rows if benchmark.of_hub(row)]
        for number, source in enumerate(benchmark.sources):
            try:
                rows = _read(source)
                if benchmark.check:
                    for row in rows:
                        benchmark.check(row)
                return rows
            except Exception:
                if number + 1 == len(benchmark.sources):
                    raise
        raise AssertionError("a benchmark without sources")
    except Exception as error:  # the Hub's clients raise many kinds; each means that this column cannot be had now
        first = (str(error).strip() or type(error).__name__).split("\n")[0][:200]
        names = " or ".join(dict.fromkeys(source.path for source in benchmark.sources))
        raise Unavailable(f"{benchmark.column} ({names}) cannot be read: {benchmark.access} [{first}]") from error


def _read(source: Source) -> list[Row]:
    if source.file:
        return list(read_rows(_download(source, source.file)))
    import datasets  # slow to import, and not needed for local rows

    rows: list[Row] = []
    revision = _whole_commit(source) if source.revision else None
    for config in source.configs:
        part: Any = datasets.load_dataset(source.path, config, split=source.split, revision=revision)
        rows += [row | {source.add: config} if source.add else row for row in part]
    return rows


def _whole_commit(source: Source) -> str | None:
    """The full hash of a pinned commit: some are known by their first digits only, which the Hub does not take."""
    if source.revision is None or len(source.revision) == 40:
        return source.revision
    from huggingface_hub import HfApi

    commits = [commit.commit_id for commit in HfApi().list_repo_commits(source.path, repo_type="dataset")]
    found = [commit for commit in commits if commit.startswith(source.revision)]
    if len(found) != 1:
        raise ValueError(f"{source.path} has {len(found)} commits that start with {source.revision}")
    return found[0]


def _download(source: Source, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(source.path, name, repo_type="dataset", revision=source.revision))
