"""Stage 3, unify: brings raw code into the unified format, by analysis or by a language model.

Ready functions of the official raw schema are read as they are.
"""

from collections import Counter
from collections.abc import Iterator

from build.core.records import RawCode, Reject, UnifiedFunction
from build.sandbox import Sandbox
from build.stages.stage import Context, Shard, Stage
from build.unifiers.model import ModelUnifier
from build.unifiers.ready import read_ready
from build.unifiers.static import static_functions


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[UnifiedFunction | Reject]:
    """The functions of each record, or rejects. One file may give several of both.

    What a model cost is added to `stats`.
    """
    rules = context.recipe.unify
    if context.model is None or (rules.by == "static" and not rules.write_generators):
        for raw in shard.records:
            yield from _without_model(raw, context.sandbox)
        return
    unifier = ModelUnifier(rules, context.model, context.sandbox, context.recipe.seed)
    asked = [raw for raw in shard.records if raw.kind == "python" and rules.by == "model"]
    others = [raw for raw in shard.records if raw.kind != "python" or rules.by != "model"]
    yield from unifier.from_files(asked, stats)
    ready = [found for raw in others for found in _without_model(raw, context.sandbox)]
    yield from unifier.with_generators(ready, stats) if rules.write_generators else ready


def _without_model(raw: RawCode, sandbox: Sandbox) -> Iterator[UnifiedFunction | Reject]:
    if raw.kind == "unified":
        yield read_ready(raw)
    else:
        yield from static_functions(raw, sandbox)


stage = Stage("unify", RawCode, UnifiedFunction, run)
