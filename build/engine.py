"""Brings a run to its end: cuts it into shards, sends each shard through the stages, and shows how far it is.

`Worker.process_shard` is the unit of all work. It runs in local processes by default; on a cluster as Ray actors
(`--engine ray`), or in the jobs of an array (`python -m build run --rank R --world W`; each job takes every W-th shard). A
shard that is done is never done again, so every way of running can be stopped and resumed, and they can be mixed.
"""

import importlib.metadata
import multiprocessing
import multiprocessing.connection
import multiprocessing.synchronize
import multiprocessing.util
import os
import platform
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from build.core.config import DataRecipe
from build.core.errors import ConfigError, RunError
from build.core.prompts import PROMPT_VERSION
from build.core.records import Reject
from build.core.store import Counts, Store
from build.core.version import code_version
from build.sandbox import Limits, Sandbox, SandboxError
from build.sources.fingerprint import fingerprint
from build.stages import answer, own_stages, run_digest, stages_of
from build.stages.stage import Context, Shard, Stage
from build.teachers.open import check_model, greet, open_model
from build.teachers.trace.teacher import TraceTeacher

_FIRST_ANSWERS = 20  # that say whether a teacher's answers can be read at all


@dataclass(frozen=True, slots=True)
class Isolation:
    """How much confinement is demanded: "full" refuses to run where a layer is missing; `unsafe_exec` runs with none."""

    require: Literal["available", "full"] = "available"
    unsafe_exec: bool = False

    def sandbox(self, recipe: DataRecipe) -> Sandbox:
        rules = recipe.sampling
        limits = Limits(
            call_cpu_s=rules.call_cpu_s,
            job_cpu_s=rules.function_cpu_s,
            wall_factor=rules.wall_factor,
            wall_slack_s=rules.wall_slack_s,
            memory_mb=rules.memory_mb,
            result_bytes=rules.result_bytes,
            file_bytes=rules.file_bytes,
        )
        return Sandbox(limits, self.require, self.unsafe_exec)


AVAILABLE = Isolation()


class Worker:
    """What a process needs to work on shards: the run, and a sandbox and a teacher of its own."""

    def __init__(
        self, recipe: DataRecipe, isolation: Isolation, rank: int | None = None, with_model: bool = True
    ) -> None:
        self.stages = {stage.name: stage for stage in stages_of(recipe)}
        self.store = Store(recipe.run)
        sandbox = isolation.sandbox(recipe)
        self.model = open_model(recipe, rank) if with_model else None
        self.context = Context(
            recipe, sandbox, self.model or TraceTeacher(recipe.teacher, sandbox, recipe.seed), self.model
        )

    def close(self) -> None:
        """End what the worker started. What cannot be ended any more is left, so that it hides no error before it."""
        for part in (self.context.sandbox, self.model):
            with suppress(Exception):
                if part is not None:
                    part.close()

    def process_shard(self, name: str, shard: int) -> Counts:
        """Work on a shard of a stage after the first, unless it is done; its counts."""
        done = self.store.done(name, shard)
        if done is not None:
            return done
        names, stage = list(self.stages), self.stages[name]
        before = self.stages[names[names.index(name) - 1]]
        records = list(self.store.read(before.name, shard, before.keeps))
        made, stats = self._run_stage(stage, shard, records)
        return self.store.write_shard(name, shard, made, len(records), +stats)

    def sketch_shard(self, name: str, shard: int) -> Counts:
        """Sketch a shard for a stage that surveys the whole run, unless that is done; how many records it has."""
        names, survey = list(self.stages), self.stages[name].survey
        before = self.stages[names[names.index(name) - 1]]
        done = self.store.done(before.name, shard) or Counts()
        if survey is not None and survey.sketch is not None and not self.store.sketch(name, shard).exists():
            records = list(self.store.read(before.name, shard, before.keeps))
            content = survey.sketch(Shard(shard, records, self.store, name), self.context)
            self.store.write(self.store.sketch(name, shard), content)
        return Counts(received=done.kept)

    def _run_stage(self, stage: Stage, shard: int, records: Sequence[Any]) -> tuple[list[Any], Counter[str]]:
        """What a stage makes of some records, and its stats. A record that raises what nobody foresaw costs itself only."""
        stats: Counter[str] = Counter()
        try:
            return list(stage.run(Shard(shard, records, self.store, stage.name), self.context, stats)), stats
        except (RunError, ConfigError, SandboxError):
            raise
        except Exception as error:
            if not records:
                raise
            if len(records) == 1:
                return [Reject(stage.name, records[0].id, "error", _describe(error))], Counter()
        made: list[Any] = []
        stats = Counter()
        for record in records:
            of_record, counted = self._run_stage(stage, shard, [record])
            made += of_record
            stats.update(counted)
        return made, stats


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
    shards = range(store.shards() or 0)
    stages = stages_of(recipe)
    todo = {stage.name: [shard for shard in shards if store.done(stage.name, shard) is None] for stage in stages[1:]}
    pool = _ray_pool if engine == "ray" else _local_pool
    with pool(recipe, isolation) as work:
        for before, stage in pairwise(stages):
            if stage.name in names and todo[stage.name]:
                unsketched = unsurveyed(stage, store)
                if unsketched:
                    for _ in tqdm(
                        work("sketch_shard", stage.name, unsketched), f"{stage.name}: sketches", len(unsketched)
                    ):
                        pass
                gather(stage, store, recipe)
                _follow(before.name, stage.name, store, work("process_shard", stage.name, todo[stage.name]))


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


# Calls a method of `Worker` for each of a stage's shards; each one's counts as it is done.
Work = Callable[[str, str, Sequence[int]], Iterator[Counts]]


@contextmanager
def _local_pool(recipe: DataRecipe, isolation: Isolation) -> Iterator[Work]:
    """Processes of this machine, `engine.workers` of them."""
    context = multiprocessing.get_context("spawn")  # a forked worker would share the parent's threads and locks
    lifeline, end = context.Pipe(duplex=False)
    ending = context.Event()
    start = (recipe, isolation, lifeline, ending)
    with ProcessPoolExecutor(recipe.engine.workers, context, _start_worker, start) as pool:

        def work(method: str, stage: str, shards: Sequence[int]) -> Iterator[Counts]:
            for future in as_completed([pool.submit(_call_worker, method, stage, shard) for shard in shards]):
                yield future.result()

        try:
            yield work
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process was ended from outside (out of memory?); run the same command again."
            ) from error
        except Exception:
            ending.set()  # the shards under way come to their end, so that every answer that is paid for is kept
            pool.shutdown(cancel_futures=True)
            raise
        except BaseException:
            end.close()  # ends the workers at once: what they were at is a shard without its file
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _ray_pool(recipe: DataRecipe, isolation: Isolation) -> Iterator[Work]:
    """Actors of a Ray cluster, `engine.workers` of them; run folder and checkout lie on a file system that all nodes see."""
    try:
        import ray
        from ray.util import ActorPool
    except ImportError as error:
        raise RunError("Ray is not installed; pip install -r requirements/cluster.txt.") from error
    checkout = str(Path(__file__).resolve().parents[1])
    ray.init(runtime_env={"env_vars": {"PYTHONPATH": checkout}}, log_to_driver=False)  # RAY_ADDRESS names a cluster
    actor = ray.remote(num_cpus=1)(Worker)
    absolute = replace(
        recipe, run=recipe.run.resolve(), response_cache=recipe.response_cache and recipe.response_cache.resolve()
    )
    pool = ActorPool([actor.remote(absolute, isolation, number) for number in range(recipe.engine.workers)])
    try:
        yield lambda method, stage, shards: pool.map_unordered(
            lambda worker, shard: getattr(worker, method).remote(stage, shard), shards
        )
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, RunError | ConfigError | SandboxError):
            raise error.cause from None  # `error` itself has a whole traceback as its text
        raise RunError(f"a worker failed: {_describe(error.cause)}; run the same command again.") from error
    except ray.exceptions.RayError as error:
        last = str(error).strip().split("\n")[-1].strip()
        raise RunError(
            f"a Ray actor or its node was lost ({type(error).__name__}: {last}); run the same command again to go on."
        ) from error
    finally:
        ray.shutdown()


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
        for name, stage in list(worker.stages.items())[1:]:
            _survey_with_others(worker, stage, rank, mine)
            for shard in tqdm(mine, desc=f"{name} (rank {rank})", unit="shard"):
                worker.process_shard(name, shard)
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


def _follow(before: str, stage: str, store: Store, finished: Iterator[Counts]) -> None:
    """Show a stage's progress in the records of the stage before it until every shard is done; the first failure ends it."""
    total = store.totals(before).kept
    done = store.totals(stage)
    with tqdm(desc=stage, unit="rec", total=total, initial=done.received) as progress:
        progress.set_postfix(rejected=done.rejected)
        warned = False
        for counts in finished:
            done.add(counts)
            progress.set_postfix(rejected=done.rejected, refresh=False)
            progress.update(counts.received)
            if stage == answer.STAGE and not warned and (sentence := answer.shortfall(done, _FIRST_ANSWERS)):
                tqdm.write(f"Warning: {sentence}. The run goes on.", file=sys.stderr)
                warned = True


_worker: Worker | RunError | ConfigError | SandboxError | None = None
_ending: multiprocessing.synchronize.Event | None = None


def _start_worker(
    recipe: DataRecipe,
    isolation: Isolation,
    lifeline: multiprocessing.connection.Connection,
    ending: multiprocessing.synchronize.Event,
) -> None:
    """Set up a pool process; it ends when the process that started it closes the other end or ends, however it does.

    Why a worker cannot work is told by its first shard: the pool has no other way to say it.
    """
    global _worker, _ending
    _ending = ending
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    try:
        _worker = Worker(recipe, isolation)
    except (RunError, ConfigError, SandboxError) as error:
        _worker = error
        return
    except Exception as error:  # of a library that loads a model, say
        _worker = RunError(f"a worker cannot start: {_describe(error)}")
        return
    # Before this process waits for those that vLLM started.
    multiprocessing.util.Finalize(None, _worker.close, exitpriority=1)


def _describe(error: Exception) -> str:
    """An exception with its type and the place where it was raised, alike on every machine."""
    places = traceback.extract_tb(error.__traceback__)  # none where it comes from another process
    where = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return f"{type(error).__name__}{where}: {' '.join(str(error).split())[:300]}"


def _end_with(lifeline: multiprocessing.connection.Connection) -> None:
    multiprocessing.connection.wait([lifeline])
    os._exit(1)


def _call_worker(method: str, stage: str, shard: int) -> Counts:
    assert _worker is not None and _ending is not None
    if isinstance(_worker, Exception):
        raise _worker
    if _ending.is_set():  # the pool had handed this shard out already
        raise RunError("the run is ending")
    counts: Counts = getattr(_worker, method)(stage, shard)
    return counts
