"""Stage 5, leaks: drops functions that repeat a question of a benchmark, by the paper's 13-gram rule or by their code.

Which benchmarks, says the recipe's `leaks`; none are asked for unless it does. Their items become one index, written before the
first shard (RUN/leaks/benchmarks.npz), so that all shards are held against the same rows. Each reject names the item, the
rule and what is shared; see `build.matching.leaks` for the rules.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from build.core.config import DataRecipe, OwnBenchmarkConfig
from build.core.records import Reject, UnifiedFunction
from build.core.store import Store
from build.matching.benchmarks import BENCHMARKS, Benchmark, HubSource, Item, items
from build.matching.leaks import LeakIndex, Text, index
from build.stages.stage import Context, Shard, Stage, Survey

STAGE = "leaks"
BENCHMARK_FILE = "benchmarks.npz"


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[UnifiedFunction | Reject]:
    """The functions of a shard that repeat no benchmark, or rejects: leak_text, leak_code, leak_near_code.

    Counts leaks by benchmark (`of_<benchmark>`).
    """
    if not asked_for(context.recipe):
        yield from shard.records
        return
    path = shard.store.file(STAGE, BENCHMARK_FILE)
    known = _open(path, path.stat().st_mtime_ns, context.recipe.leaks.similarity)
    texts = [Text(f"{each.query}\n{each.description}\n{each.code}", each.code) for each in shard.records]
    for function, leak in zip(shard.records, known.find(texts)):
        if leak is None:
            yield function
        else:
            stats[f"of_{leak.item.rpartition(' ')[0]}"] += 1
            detail = f"{function.path}:{function.name} repeats {leak.item}: {leak.shared}"
            yield Reject(STAGE, function.id, f"leak_{leak.rule}", detail)


def asked_for(recipe: DataRecipe) -> list[Benchmark]:
    """The benchmarks that a recipe names, its own ones last."""
    rules = recipe.leaks
    known = [each for each in BENCHMARKS if each.name in rules.benchmarks or "all" in rules.benchmarks]
    return known + [_own(each) for each in rules.own]


def _own(config: OwnBenchmarkConfig) -> Benchmark:
    return Benchmark(
        config.name,
        config.path,
        (HubSource(config.path, config.split, (config.config,) if config.config else ()),),
        lambda row: [row[column] for column in config.text],
        lambda row: [row[column] for column in config.code],
    )


def _gather(store: Store, recipe: DataRecipe) -> bytes:
    """The index of all items. Raises `ConfigError` where a benchmark that the recipe names cannot be had."""
    return index(_items(recipe))


def _items(recipe: DataRecipe) -> Iterator[Item]:
    data = Path(recipe.leaks.data) if recipe.leaks.data else None
    own = {each.name for each in recipe.leaks.own}
    for benchmark in asked_for(recipe):
        if benchmark.name in own:
            yield from items(benchmark, Path() if Path(benchmark.data).exists() else None)
        else:
            yield from items(benchmark, data)


@lru_cache(maxsize=1)
def _open(path: Path, written: int, similarity: float) -> LeakIndex:
    """The index of a run, read once by a process. `written` tells another file at the same place apart."""
    return LeakIndex(path.read_bytes(), similarity)


stage = Stage(STAGE, UnifiedFunction, UnifiedFunction, run, Survey(BENCHMARK_FILE, _gather))
