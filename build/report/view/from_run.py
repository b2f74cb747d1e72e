"""Reads what the page shows of a run folder, shard by shard; of a run that is not finished, what there is."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from build.core.prompts import Order, feedback, prediction_prompt
from build.core.records import (
    Dialogue,
    IOPair,
    PredictionInstance,
    RawCode,
    Reject,
    SampledFunction,
    UnifiedFunction,
)
from build.core.store import Store
from build.report.lookup import line_of
from build.report.view.items import Dropped, File, Function, Item, Pair, Row, Shown, Turn, parts_of

EXAMPLES = 500  # rejects of a reason that are shown

R = TypeVar("R")


def from_run(store: Store) -> Shown:
    """The run's files, functions, questions and rejects. Raises `RunError` where it is no run folder, or damaged."""
    manifest = store.manifest()
    stages = {name: store.totals(name) for name in store.stages()}
    notes = [f"Made by version {manifest['code']} with Python {manifest['python']}."]
    if not store.complete():
        notes.append("This run is not finished; the page shows what there is.")
    return Shown(manifest["recipe"]["name"], _items(store, manifest["recipe"]["prompt_order"]), stages, tuple(notes))


@dataclass
class _Shard:
    """What has been kept of a shard, by id."""

    raw: dict[str, RawCode] = field(default_factory=dict)
    unified: dict[str, UnifiedFunction] = field(default_factory=dict)
    pairs: dict[str, tuple[IOPair, ...]] = field(default_factory=dict)
    questions: dict[str, PredictionInstance] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)  # of a pair, a question or a turn: the function's id


def _items(store: Store, order: Order) -> Iterator[Item]:
    shown: Counter[tuple[str, str]] = Counter()
    for index in range(store.shards() or 0):
        shard = _Shard()
        shard.raw = {each.id: each for each in _kept(store, RawCode, index)}
        shard.unified = {each.id: each for each in _kept(store, UnifiedFunction, index, first=True)}
        for sampled in _kept(store, SampledFunction, index):
            shard.unified[sampled.function.id] = sampled.function
            shard.pairs[sampled.function.id] = sampled.pairs
            shard.owner |= {pair.id: sampled.function.id for pair in sampled.pairs}
        shard.questions = {each.id: each for each in _kept(store, PredictionInstance, index)}
        shard.owner |= {each.id: each.function_id for each in shard.questions.values()}
        dialogues = list(_kept(store, Dialogue, index))
        shard.owner |= {turn.id: shard.owner[each.instance_id] for each in dialogues for turn in each.turns}
        dropped = list(_rejects(store, index, shown, shard))
        wanted = {each.parent for each in shard.unified.values()} | {each.file for each in dropped}
        for raw in shard.raw.values():
            if raw.id in wanted:
                yield File(raw.id, raw.source, raw.path, raw.license, raw.content)
        yield from (_function(each, shard) for each in shard.unified.values())
        yield from (_row(each, shard, order) for each in dialogues)
        yield from dropped


def _kept(store: Store, kind: type[R], index: int, first: bool = False) -> Iterator[R]:
    """The records of a kind that the last stage (or the first) kept which keeps this kind; none where it is not done."""
    keeping = [stage for stage, keeps in store.stages().items() if keeps == kind.__name__]
    if keeping and store.done(stage := keeping[0 if first else -1], index):
        yield from store.read(stage, index, kind)


def _function(function: UnifiedFunction, shard: _Shard) -> Function:
    return Function(
        id=function.id,
        file=function.parent if function.parent in shard.raw else "",
        source=function.source,
        path=function.path,
        license=function.license,
        name=function.name,
        code=function.code,
        query=function.query,
        description=function.description,
        generator=function.generator,
        pairs=tuple(Pair(pair.id, pair.input, pair.output) for pair in shard.pairs.get(function.id, ())),
    )


def _row(dialogue: Dialogue, shard: _Shard, order: Order) -> Row:
    question = shard.questions[dialogue.instance_id]
    return Row(
        id=dialogue.id,
        question=question.id,
        function=question.function_id,
        pair=question.parent,
        task=question.task,
        input=question.input,
        output=question.output,
        prompt=prediction_prompt(shard.unified[question.function_id], question, order),
        teacher=dialogue.turns[0].teacher,
        turns=tuple(
            Turn(
                id=turn.id,
                parts=parts_of(turn.response, [_proof(one) for one in turn.proof])[0],
                verdict=turn.verdict.status,
                feedback=feedback(turn.verdict),
                reasoning=turn.reasoning,
            )
            for turn in dialogue.turns
        ),
        steps=question.shape.steps if question.shape else None,
    )


def _proof(one: Any) -> dict[str, Any]:
    return {"sentence": one.sentence, "lines": one.lines, "events": one.events}


def _rejects(store: Store, index: int, shown: Counter[tuple[str, str]], shard: _Shard) -> Iterator[Dropped]:
    """Examples of the shard's rejects, up to `EXAMPLES` of a reason over the run."""
    for stage in store.stages():
        if not store.done(stage, index):
            continue
        for reject in store.rejects(stage, index):
            shown[stage, reject.reason] += 1
            if shown[stage, reject.reason] <= EXAMPLES:
                yield _dropped(reject, shard)


def _dropped(reject: Reject, shard: _Shard) -> Dropped:
    function = shard.unified.get(shard.owner.get(reject.parent, reject.parent))
    raw = shard.raw.get(function.parent if function else reject.parent)
    path = function.path if function else raw.path if raw else reject.parent if reject.stage == "collect" else ""
    about = reject.detail.removeprefix(path)
    line = None
    if raw is None:  # `collect` keeps no record of what it rejects; the parent is the path
        stated = re.search(r"line (\d+)", about) if reject.stage == "collect" else None
        line = int(stated[1]) if stated else None
    elif raw.kind != "unified":
        named = re.match(r":([\w.]+)", about)
        name = function.name if function else named[1] if named else ""
        # Later stages count the lines of the unified code, not of the raw file.
        line = line_of(raw, name, about if function is None else "")
    return Dropped(
        stage=reject.stage,
        reason=reject.reason,
        parent=reject.parent,
        detail=reject.detail,
        path=path,
        line=line,
        file=raw.id if raw else "",
        function=function.id if function else "",
    )
