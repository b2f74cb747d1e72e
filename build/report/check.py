"""Checks a run: executes every pair once more in a new process, and takes every count again from the files.

python -m build check RUN
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

import build.core.records
from build.core.records import Dialogue, PredictionInstance, SampledFunction
from build.core.store import Store
from build.proof.check import judge
from build.report.folder import dataset_faults
from build.sandbox import Limits, Program, Sandbox


@dataclass(frozen=True, slots=True)
class Findings:
    """What was looked at, and every fault as a sentence."""

    pairs: int
    functions: int
    tasks: dict[str, int]
    faults: tuple[str, ...]


def check(store: Store, limits: Limits) -> Findings:
    """Re-execute every pair of a run and recount every stage.

    A fault is a pair that gives another value, a shard whose counts do not agree with its records, a stage that received
    other than the one before kept, an id that occurs twice, records whose parents are missing, or a dataset folder that is
    not as its card says.
    """
    faults = [*_recount(store)]
    if (store.root / "dataset").exists():
        faults += dataset_faults(store.root / "dataset")
    if store.shards() is None or any("is not finished" in fault for fault in faults):
        return Findings(0, 0, {}, tuple(faults))
    pairs = functions = 0
    tasks: Counter[str] = Counter()
    with Sandbox(limits) as sandbox:
        for shard in tqdm(range(store.shards() or 0), desc="check", unit="shard"):
            for sampled in store.kept(SampledFunction, shard):
                functions += 1
                pairs += len(sampled.pairs)
                program = Program(sampled.function.code)
                results = sandbox.call(program, [pair.input for pair in sampled.pairs])
                for pair, result in zip(sampled.pairs, results):
                    if result.status != "ok" or result.value != pair.output:
                        got = result.value if result.status == "ok" else f"{result.status} ({result.detail})"
                        where = f"{sampled.function.path}:{sampled.function.name}"
                        faults.append(f"{where}: {pair.input} is recorded with {pair.output} and gives {got}")
            faults += list(_refuted(store, shard, sandbox))
            tasks.update(record.task for record in store.kept(PredictionInstance, shard))
    return Findings(pairs, functions, dict(tasks), tuple(faults))


def _refuted(store: Store, shard: int, sandbox: Sandbox) -> Iterator[str]:
    """Sentences of tellings that the trace of their run refutes. A telling is what a rationale has proofs for."""
    functions = {record.function.id: record.function for record in store.kept(SampledFunction, shard)}
    instances = {record.id: record for record in store.kept(PredictionInstance, shard)}
    for dialogue in store.kept(Dialogue, shard):
        instance = instances[dialogue.instance_id]
        function = functions[instance.function_id]
        for turn in dialogue.turns:
            told = [proof.sentence for proof in turn.proof if proof.events]
            given = instance.input if instance.task == "output" else turn.verdict.predicted
            if not told or given is None:
                continue
            trace = sandbox.trace(Program(function.code), given)
            for one in judge(told, function.code, trace.events, trace.result.value, strict=True).sentences:
                if one.status == "refuted":
                    where = f"{function.path}:{function.name}, input {given}"
                    yield f'{where}: the trace refutes "{one.sentence}" ({one.why})'


def _recount(store: Store) -> list[str]:
    if store.shards() is None:
        return ["the run is not finished: not everything is collected"]
    faults = []
    before = None
    offered: set[str] | None = None
    kind_before = ""
    for stage, kind in store.stages().items():
        ids: Counter[str] = Counter()
        now: set[str] = set()
        orphans = 0
        is_filter = kind == kind_before  # it keeps some of the records that it received as they are
        for shard in range(store.shards() or 0):
            counts = store.done(stage, shard)
            if counts is None:
                faults.append(f"{stage}, shard {shard}: is not finished")
                continue
            records = list(store.read(stage, shard, getattr(build.core.records, kind)))
            rejects = Counter(reject.reason for reject in store.rejects(stage, shard))
            if (counts.kept, counts.rejects) != (len(records), dict(rejects)):
                faults.append(f"{stage}, shard {shard}: its counts do not agree with its records")
            ids.update(record.id for record in records)
            now.update(made for record in records for made in _offers(record))
            orphans += sum(
                offered is not None and (record.id if is_filter else _parent(record)) not in offered
                for record in records
            )
        twice = [record_id for record_id, count in ids.items() if count > 1]
        faults += [f"{stage}: {len(twice)} ids occur more than once, {twice[0]} first"] if twice else []
        faults += [f"{stage}: {orphans} records come from nothing that the stage before kept"] if orphans else []
        total = store.totals(stage)
        if before is not None and total.received != before:
            faults.append(f"{stage}: received {total.received}, but the stage before kept {before}")
        before, offered, kind_before = total.kept, now, kind
    return faults


def _offers(record: Any) -> list[str]:
    """The ids that records of the next stage may come from."""
    pairs = record.pairs if isinstance(record, SampledFunction) else ()
    return [record.id, *(pair.id for pair in pairs)]


def _parent(record: Any) -> str:
    if isinstance(record, SampledFunction):
        return record.function.id
    if isinstance(record, Dialogue):
        return record.turns[0].id
    return str(record.parent)
