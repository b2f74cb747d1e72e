"""Stage 3, unify: brings raw code into the unified format, by analysis or by a language model.

Ready functions of the official raw schema are read as they are.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from build.core.records import RawCode, Reject, UnifiedFunction
from build.core.store import Store
from build.stages.stage import Context, Shard, Stage
from build.unifiers.model import ModelUnifier
from build.unifiers.ready import read_ready
from build.unifiers.static.neighbours import Neighbourhood
from build.unifiers.static.unifier import static_functions


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[UnifiedFunction | Reject]:
    """The functions of each record, or rejects. One file may give several of both.

    What a model cost is added to `stats`.
    """
    rules = context.recipe.unify
    folders = {
        source.name: source.kind for source in context.recipe.sources if source.kind in ("folder", "package", "wheels")
    }

    def without_model(raw: RawCode) -> Iterator[UnifiedFunction | Reject]:
        if raw.kind == "unified":
            yield read_ready(raw)
        else:
            neighbours = _neighbours(shard.store.root, tuple(folders.items())).get(raw.source) if folders else None
            yield from static_functions(raw, context.sandbox, neighbours)

    if context.model is None or (rules.by == "static" and not rules.write_generators):
        for raw in shard.records:
            yield from without_model(raw)
        return
    unifier = ModelUnifier(rules, context.model, context.sandbox, context.recipe.seed)
    asked = [raw for raw in shard.records if raw.kind != "unified" and rules.by == "model"]
    others = [raw for raw in shard.records if raw.kind == "unified" or rules.by != "model"]
    yield from unifier.from_files(asked, stats)
    ready = [found for raw in others for found in without_model(raw)]
    yield from unifier.with_generators(ready, stats) if rules.write_generators else ready


@lru_cache(maxsize=1)
def _neighbours(run: Path, folders: tuple[tuple[str, str], ...]) -> dict[str, Neighbourhood]:
    """The files of each folder and package of a run, whose modules may import each other; read once in a process.

    `folders`: the names of the sources with their kinds.
    """
    store = Store(run)
    kinds = dict(folders)
    files: dict[str, list[RawCode]] = {}
    for shard in range(store.shards() or 0):
        for raw in store.read("collect", shard, RawCode):
            if raw.source in kinds and raw.kind == "python":
                files.setdefault(raw.source, []).append(raw)
    return {source: Neighbourhood(found, packages=kinds[source] == "wheels") for source, found in files.items()}


stage = Stage("unify", RawCode, UnifiedFunction, run)
