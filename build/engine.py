"""Brings a run to its end: cuts it into shards, sends each shard through the stages, and shows how far it is.

`Worker.process_shard` is the unit of all work (`build.workers`). It runs in local processes by default; on a cluster as Ray
actors (`--engine ray`), or in the jobs of an array (`python -m build run --rank R --world W`; each job takes every W-th
shard). A shard that is done is never done again, so every way of running can be stopped and resumed, and they can be mixed.
"""

import heapq
import importlib.metadata
import platform
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from typing import Any, Literal

from tqdm import tqdm

from build.core.config import DataRecipe
from build.core.errors import RunError
from build.core.prompts import PROMPT_VERSION
from build.core.records import Reject
from build.core.store import Store
from build.core.version import code_version
from build.sources.fingerprint import fingerprint
from build.stages import answer, own_stages, run_digest, stages_of
from build.stages.stage import Context, Shard, Stage
from build.teachers.open import check_model, greet
from build.teachers.trace.teacher import TraceTeacher
from build.workers import AVAILABLE, Call, Isolation, Worker, local_crew, ray_crew, shards_at_once

_FIRST_ANSWERS = 20  # that say whether a teacher's answers can be read at all


def run(recipe: DataRecipe, isolation: Isolation = AVAILABLE, engine: Literal["local", "ray"] = "local") -> Store:
    """Bring a run to its end, from wherever it stands, in local processes or as Ray actors.

    Raises `RunError`, `ConfigError`, or `SandboxError` where the isolation demanded is not to be had.
    """
    store = Store(recipe.run)
    if store.complete() and store.made_by(run_digest(recipe), PROMPT_VERSION):
        _compare_sources(recipe, store)
        store.count()
        return store
    check_model(recipe)
    greet(recipe)
    open_run(recipe, isolation)
    collect_shards(recipe, store, isolation)
    finish_stages(recipe, store, isolation, [stage.name for stage in stages_of(recipe)[1:]], engine)
    store.count()
    return store


def finish_stages(
    recipe: DataRecipe,
    store: Store,
    isolation: Isolation,
    names: Sequence[str],
    engine: Literal["local", "ray"] = "local",
) -> None:
    """Bring some stages of a run to their end, whose shards have been through the stages before them."""
    schedule = _Schedule([stage for stage in stages_of(recipe) if stage.name in names], recipe, store)
    if not schedule.left:
        return
    answers = store.totals(answer.STAGE)
    warned = False
    with (
        (ray_crew if engine == "ray" else local_crew)(recipe, isolation) as crew,
        tqdm(desc="stages", unit="shard", total=schedule.left) as progress,
    ):
        rejected = 0
        while schedule.left:
            while crew.free() > 0 and (call := schedule.next()):
                crew.submit(call)
            for call, counts in crew.wait():
                schedule.finish(call)
                rejected += counts.rejected
                progress.set_postfix_str(f"{call.stage}, rejected={rejected}", refresh=False)
                progress.update()
                if call.stage == answer.STAGE and not warned:
                    answers.add(counts)
                    if sentence := answer.shortfall(answers, _FIRST_ANSWERS):
                        tqdm.write(f"Warning: {sentence}. The run goes on.", file=sys.stderr)
                        warned = True


class _Schedule:
    """The calls that some stages of a run still need, in an order in which each finds what it reads.

    A shard goes on by itself, and one that is far goes first, so that a teacher is asked while other shards are still sampled.
    Only before a stage that surveys the run they wait for each other.
    """

    def __init__(self, stages: Sequence[Stage], recipe: DataRecipe, store: Store) -> None:
        self._stages, self._recipe, self._store = stages, recipe, store
        finished = [store.finished(stage.name) for stage in stages]
        unsketched = [set(unsurveyed(stage, store)) for stage in stages]
        self._sketches = [len(shards) for shards in unsketched]  # left, by a stage's place
        self._held: list[list[int]] = [[] for _ in stages]  # shards that wait for the sketches of others
        self._ready: list[
            tuple[int, int, bool]
        ] = []  # a heap: a stage's place, negated; the shard; whether to sketch it
        self._calls = [
            deque(
                (place, sketch)
                for place in range(len(stages))
                for sketch, needed in ((True, shard in unsketched[place]), (False, shard not in finished[place]))
                if needed
            )
            for shard in range(store.shards() or 0)
        ]
        self.left = sum(map(len, self._calls))
        for shard in range(len(self._calls)):
            self._offer(shard)

    def next(self) -> Call | None:
        """A call that can be made now; None where there is none before another one is finished."""
        if not self._ready:
            return None
        place, shard, sketch = heapq.heappop(self._ready)
        return Call(self._stages[-place].name, shard, sketch)

    def finish(self, call: Call) -> None:
        place, sketch = self._calls[call.shard].popleft()
        self.left -= 1
        self._offer(call.shard)
        if sketch:
            self._sketches[place] -= 1
            if not self._sketches[place]:
                for shard in self._held[place]:
                    self._offer(shard)

    def _offer(self, shard: int) -> None:
        if self._calls[shard]:
            place, sketch = self._calls[shard][0]
            if not sketch and self._sketches[place]:
                self._held[place].append(shard)
                return
            if not sketch:
                gather(self._stages[place], self._store, self._recipe)
            heapq.heappush(self._ready, (-place, shard, sketch))


def unsurveyed(stage: Stage, store: Store) -> list[int]:
    """The shards that a stage has to sketch before it can gather; none where it has gathered, or needs no sketches."""
    survey = stage.survey
    if survey is None or survey.sketch is None or store.file(stage.name, survey.file).exists():
        return []
    return [shard for shard in range(store.shards() or 0) if not store.sketch(stage.name, shard).exists()]


def gather(stage: Stage, store: Store, recipe: DataRecipe) -> None:
    """Write what a stage has to know of the whole run, unless that is done. Every shard is sketched by now."""
    if stage.survey is not None and not store.file(stage.name, stage.survey.file).exists():
        store.write(store.file(stage.name, stage.survey.file), stage.survey.gather(store, recipe))


def run_rank(
    recipe: DataRecipe, rank: int, world: int, isolation: Isolation = AVAILABLE, patience_s: float = 600.0
) -> Store:
    """Work on every `world`-th shard from `rank` on, through all stages, in this process: one job of a cluster's array.

    Rank 0 opens the run and collects; the others wait for it, and raise `RunError` after `patience_s` seconds without a new
    shard of it. A stage that surveys the whole run needs every shard: a rank that comes to it first takes over
    what the others have not done up to there.
    """
    check_model(recipe)
    greet(recipe)
    if rank == 0:
        store = open_run(recipe, isolation)
        collect_shards(recipe, store, isolation)
    else:
        _await_collected(recipe, rank, patience_s)
        store = open_run(recipe, isolation)
    worker = Worker(recipe, isolation, rank)
    try:
        mine = range(rank, store.shards() or 0, world)
        with ThreadPoolExecutor(shards_at_once(recipe)) as threads:
            each = threads.map if shards_at_once(recipe) > 1 else map  # Ctrl-C waits for no thread then
            for name, stage in list(worker.stages.items())[1:]:
                _survey_with_others(worker, stage, rank, mine)
                done = each(worker.process_shard, [name] * len(mine), mine)
                for _ in tqdm(done, desc=f"{name} (rank {rank})", total=len(mine), unit="shard"):
                    pass
    finally:
        worker.close()
    if store.complete():  # the last rank
        store.count()
    return store


def _await_collected(recipe: DataRecipe, rank: int, patience_s: float) -> None:
    """Wait until rank 0 has opened the run of this recipe and collected, as long as it gets on."""
    store, seen, since, told = Store(recipe.run), -1, time.monotonic(), False
    while True:
        manifest = store.root / "manifest.json"
        opened = manifest.exists() and store.made_by(run_digest(recipe), PROMPT_VERSION)
        if opened and store.shards() is not None:
            return
        collected = len(store.finished("collect")) if opened else 0
        if collected > seen:
            seen, since = collected, time.monotonic()
        if not told:
            told = True
            print(f"rank {rank} waits for rank 0 to collect the raw code into {store.root}.", file=sys.stderr)
        if time.monotonic() - since > patience_s:
            raise RunError(
                f"{recipe.run}: rank 0 has collected nothing for {patience_s:g} s; see what it says, and start it and this "
                "rank again."
            )
        time.sleep(min(2.0, patience_s / 4))


def _survey_with_others(worker: Worker, stage: Stage, rank: int, mine: Sequence[int]) -> None:
    """Sketch the rank's own shards, then what is left of the others', and gather. Work done twice has the same bytes."""
    names = list(worker.stages)
    while unsketched := unsurveyed(stage, worker.store):
        own = [shard for shard in unsketched if shard in mine]
        # From the end, and each rank at another place: what its owner would come to last.
        shard = own[0] if own else unsketched[-1 - rank % len(unsketched)]
        for name in names[1 : names.index(stage.name)]:
            worker.process_shard(name, shard)
        worker.sketch_shard(stage.name, shard)
    gather(stage, worker.store, worker.context.recipe)


def open_run(recipe: DataRecipe, isolation: Isolation = AVAILABLE) -> Store:
    """The run folder with its manifest, which says on which versions and under which isolation it was started."""
    store = Store(recipe.run)
    with isolation.sandbox(recipe) as sandbox:
        layers = sandbox.layers
    print(layers.line(), file=sys.stderr)
    packages = ("datasets", "huggingface-hub", "pyarrow", "pympler")
    store.open(
        {
            "recipe": recipe.content() | {"own_stages": own_stages(recipe)},
            "recipe_digest": run_digest(recipe),
            "stages": [[stage.name, stage.keeps.__name__] for stage in stages_of(recipe)],
            "prompt_version": PROMPT_VERSION,
            "code": code_version(),
            "python": platform.python_version(),
            "versions": {name: importlib.metadata.version(name) for name in packages},
            "isolation": asdict(layers),
        }
    )
    return store


def collect_shards(recipe: DataRecipe, store: Store, isolation: Isolation = AVAILABLE) -> None:
    """The first stage, in this process: sources are read in order, `shard_size` records a shard."""
    first = stages_of(recipe)[0]
    count = store.shards()
    if count is not None and all(store.done(first.name, shard) for shard in range(count)):
        _compare_sources(recipe, store)
        return
    if "fingerprints" not in store.manifest():
        store.note("fingerprints", [fingerprint(source) for source in recipe.sources])
    size, finished = recipe.engine.shard_size, 0
    while store.done(first.name, finished) is not None:
        finished += 1
    stats: Counter[str] = Counter()
    with isolation.sandbox(recipe) as sandbox, tqdm(desc=first.name, unit="file", initial=finished * size) as progress:
        context = Context(recipe, sandbox, TraceTeacher(recipe.teacher, sandbox, recipe.seed), None)
        records = first.run(Shard(finished, (), store, first.name), context, stats)
        rejected = 0
        while batch := list(islice(records, size)):
            counts = store.write_shard(first.name, finished, batch, received=len(batch))
            finished += 1
            rejected += counts.rejected
            progress.set_postfix(rejected=rejected, refresh=False)
            progress.update(len(batch))
    if finished == 0:
        raise RunError(f"{store.root}: the sources hold no record at all; check `sources` in the recipe.")
    store.set_shards(finished)


def run_stages(recipe: DataRecipe, names: Sequence[str], shards: Sequence[int], isolation: Isolation) -> list[Any]:
    """What some shards come to after some stages that ask no model, in this process; no model is opened for it.

    All shards of the run are brought through the stages as in a run, which goes on from there. Of some shards nothing is
    written, and stages that survey the whole run are passed over.
    """
    store, worker = Store(recipe.run), Worker(recipe, isolation, with_model=False)
    stages = list(worker.stages.values())
    found: list[Any] = []
    try:
        if len(shards) == store.shards():
            for stage in (worker.stages[name] for name in names):
                _survey_with_others(worker, stage, 0, shards)
                for shard in tqdm(shards, desc=stage.name, unit="shard"):
                    worker.process_shard(stage.name, shard)
            last = worker.stages[names[-1]]
            return [record for shard in shards for record in store.read(last.name, shard, last.keeps)]
        for shard in tqdm(shards, desc="a part of the run", unit="shard"):
            records = list(store.read(stages[0].name, shard, stages[0].keeps))
            for stage in (worker.stages[name] for name in names):
                if stage.survey is None:
                    made, _ = worker._run_stage(stage, shard, records)
                    records = [record for record in made if not isinstance(record, Reject)]
            found += records
        return found
    finally:
        worker.close()


def _compare_sources(recipe: DataRecipe, store: Store) -> None:
    """Say so where a source is not what it was when the run collected from it."""
    known = store.manifest().get("fingerprints", [])
    for source, before in zip(recipe.sources, known):
        now = fingerprint(source) if before else None
        if now and now != before:
            print(
                f"{store.root}: the source {source.name} has changed since this run collected from it; the run keeps what it "
                "has. To collect again, name another folder as `run`, or remove this one.",
                file=sys.stderr,
            )
