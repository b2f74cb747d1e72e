"""The engine: a run is shards, a shard goes through the stages, and `process_shard` is the unit of all work.

It runs in local processes by default; on a cluster as Ray actors (`--engine ray`), or as one array job a rank (`python -m
build run --rank R --world W`, each rank takes every W-th shard). A shard that is done is never done again, so every way of
running can be stopped and resumed, and they can be mixed.
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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from build.core.chat import count_usage
from build.core.config import DataRecipe
from build.core.errors import ConfigError, RunError
from build.core.prompts import PROMPT_VERSION
from build.core.records import Dialogue, PredictionInstance, Rationale, RawCode, SampledFunction, UnifiedFunction
from build.core.store import STAGES, Counts, Store
from build.sandbox import Limits, Sandbox, SandboxError
from build.stages.answer import Asking, rationales, revise
from build.stages.collect import collect
from build.stages.difficulty_filter import filter_by_completion
from build.stages.questions import make_instances
from build.stages.sample import sample_io
from build.stages.type_filter import filter_by_type
from build.stages.unify import unify
from build.teachers.base import Teacher
from build.teachers.open import check_model, open_model
from build.teachers.trace.teacher import TraceTeacher
from build.unifiers.model import ModelUnifier


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

    def __init__(self, recipe: DataRecipe, isolation: Isolation, rank: int | None = None) -> None:
        self.recipe = recipe
        self.store = Store(recipe.run)
        self.sandbox = isolation.sandbox(recipe)
        self.model = open_model(recipe, rank)
        self.teacher: Teacher = self.model or TraceTeacher(recipe.teacher, self.sandbox, recipe.seed)
        self.asking = Asking(recipe.teacher.samples, recipe.prompt_order, recipe.teacher.grounding)

    def close(self) -> None:
        self.sandbox.close()
        if self.model is not None:
            self.model.close()

    def process_shard(self, stage: str, rank: int, world: int) -> Counts:
        """Work on shard `rank` of the `world` shards of a stage, unless it is done; its counts."""
        if not 0 <= rank < world:
            raise ValueError(f"shard {rank} of {world} does not exist")
        done = self.store.done(stage, rank)
        if done is not None:
            return done
        received, records, stats = getattr(self, f"_{stage}")(rank)
        return self.store.write_shard(stage, rank, records, received, stats)

    def _filters(self, shard: int) -> tuple[int, Iterable[Any], dict[str, int]]:
        files = list(self.store.read("collect", shard, RawCode))
        rules, stats = self.recipe.filters, Counter[str]()
        if self.model is None or not rules.reasoning_type:
            return len(files), files, {}
        return len(files), list(filter_by_type(files, rules.max_tokens, self.model, stats)), stats

    def _unify(self, shard: int) -> tuple[int, Iterable[Any], dict[str, int]]:
        files = list(self.store.read("filters", shard, RawCode))
        rules, stats = self.recipe.unify, Counter[str]()
        if self.model is None or (rules.by == "static" and not rules.write_generators):
            return len(files), unify(files), {}
        found = list(ModelUnifier(rules, self.model, self.sandbox, self.recipe.seed).unify(files, stats))
        return len(files), found, +stats

    def _sample_io(self, shard: int) -> tuple[int, Iterable[Any], dict[str, int]]:
        functions = list(self.store.read("unify", shard, UnifiedFunction))
        stats: Counter[str] = Counter()
        sampled = list(sample_io(functions, self.recipe.sampling, self.recipe.seed, self.sandbox, stats))
        if self.model is not None and self.recipe.filters.difficulty:
            sampled = list(filter_by_completion(sampled, self.recipe.filters, self.model, self.sandbox, stats))
        kept = [record for record in sampled if isinstance(record, SampledFunction)]
        stats["pairs"] += sum(len(record.pairs) for record in kept)
        stats["constant_functions"] += sum(record.constant for record in kept)
        stats["trivial_outputs"] += sum(pair.trivial for record in kept for pair in record.pairs)
        return len(functions), sampled, stats

    def _instances(self, shard: int) -> tuple[int, Iterable[Any], dict[str, int]]:
        functions = list(self.store.read("sample_io", shard, SampledFunction))
        made = list(make_instances(functions, self.recipe.questions.pairs_per_function))
        tasks = Counter(f"{record.task}_tasks" for record in made if isinstance(record, PredictionInstance))
        return len(functions), made, tasks

    def _rationales(self, shard: int) -> tuple[int, Iterable[Any], dict[str, int]]:
        instances = list(self.store.read("instances", shard, PredictionInstance))
        answers = list(rationales(instances, self._functions(shard), self.teacher, self.sandbox, self.asking))
        tasks = {instance.id: instance.task for instance in instances}
        kept = [answer for answer in answers if isinstance(answer, Rationale)]
        return len(instances), answers, _verdicts(kept, tasks)

    def _revise(self, shard: int) -> tuple[int, Iterable[Any], dict[str, int]]:
        answers = list(self.store.read("rationales", shard, Rationale))
        instances = {record.id: record for record in self.store.read("instances", shard, PredictionInstance)}
        functions, revisions = self._functions(shard), self.recipe.revisions
        dialogues: list[Dialogue] = list(
            revise(answers, instances, functions, self.teacher, self.sandbox, revisions, self.asking)
        )
        tasks = {instance.id: instance.task for instance in instances.values()}
        redone = [turn for dialogue in dialogues for turn in dialogue.turns[1:]]
        failed = Counter(f"failed_{dialogue.failure}" for dialogue in dialogues if dialogue.failure)
        return len(answers), dialogues, _verdicts(redone, tasks) | failed

    def _functions(self, shard: int) -> dict[str, SampledFunction]:
        return {record.function.id: record for record in self.store.read("sample_io", shard, SampledFunction)}


def _verdicts(answers: Iterable[Rationale], tasks: dict[str, Any]) -> dict[str, int]:
    stats: Counter[str] = Counter()
    for answer in answers:
        third = "third_" if answer.turn == 3 else ""  # the first turn and the second have a stage each
        stats[f"{third}{tasks[answer.instance_id]}_{answer.verdict.status}"] += 1
        stats[f"finish_{answer.finish_reason}"] += answer.finish_reason != "stop"
        if answer.stated is not None:
            stats["stated_values"] += answer.stated[0]
            stats["stated_values_confirmed"] += answer.stated[1]
        count_usage(answer.usage, stats)
    return {name: count for name, count in stats.items() if count}


def run(recipe: DataRecipe, isolation: Isolation = AVAILABLE, engine: Literal["local", "ray"] = "local") -> Store:
    """Bring a run to its end, from wherever it stands, in local processes or as Ray actors.

    Raises `RunError`, `ConfigError`, or `SandboxError` where the isolation demanded is not to be had.
    """
    store = Store(recipe.run)
    if store.complete():
        store.demand(recipe.digest(), PROMPT_VERSION)
        store.count()
        return store
    check_model(recipe)
    open_run(recipe, isolation)
    collect_shards(recipe, store)
    world = store.shards() or 0
    todo = {stage: [shard for shard in range(world) if store.done(stage, shard) is None] for stage in STAGES[1:]}
    pool = _ray_pool if engine == "ray" else _local_pool
    with pool(recipe, isolation, world) as work:
        for stage, shards in todo.items():
            if shards:
                _follow(stage, store, work(stage, shards))
    store.count()
    return store


Work = Callable[[str, Sequence[int]], Iterator[Counts]]  # works on a stage's shards, each one's counts as it is done


@contextmanager
def _local_pool(recipe: DataRecipe, isolation: Isolation, world: int) -> Iterator[Work]:
    """Processes of this machine, `engine.workers` of them."""
    context = multiprocessing.get_context("spawn")  # a forked worker would share the parent's threads and locks
    lifeline, end = context.Pipe(duplex=False)
    ending = context.Event()
    start = (recipe, isolation, lifeline, ending)
    with ProcessPoolExecutor(recipe.engine.workers, context, _start_worker, start) as pool:

        def work(stage: str, shards: Sequence[int]) -> Iterator[Counts]:
            for future in as_completed([pool.submit(_process_shard, stage, shard, world) for shard in shards]):
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
            end.close()  # ends the workers at once: what they were at is a shard without its marker
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _ray_pool(recipe: DataRecipe, isolation: Isolation, world: int) -> Iterator[Work]:
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
        yield lambda stage, shards: pool.map_unordered(
            lambda worker, shard: worker.process_shard.remote(stage, shard, world), shards
        )
    finally:
        ray.shutdown()


def run_rank(recipe: DataRecipe, rank: int, world: int, isolation: Isolation = AVAILABLE) -> Store:
    """Work on every `world`-th shard from `rank` on, through all stages, in this process: one job of a cluster's array.

    Rank 0 collects first; the other ranks ask to be started again when that has been done.
    """
    check_model(recipe)
    store = open_run(recipe, isolation)
    if rank == 0:
        collect_shards(recipe, store)
    count = store.shards()
    if count is None:
        raise RunError(f"{recipe.run}: rank 0 has not collected the raw code yet; start this rank again when it has.")
    worker = Worker(recipe, isolation, rank)
    mine = range(rank, count, world)
    for stage in STAGES[1:]:
        for shard in tqdm(mine, desc=f"{stage} (rank {rank})", unit="shard"):
            worker.process_shard(stage, shard, count)
    worker.close()
    if store.complete():  # the last rank
        store.count()
    return store


def open_run(recipe: DataRecipe, isolation: Isolation = AVAILABLE) -> Store:
    """The run folder with its manifest, which says on which versions and under which isolation it was started."""
    store = Store(recipe.run)
    with isolation.sandbox(recipe) as sandbox:
        layers = sandbox.layers
    print(layers.line(), file=sys.stderr)
    packages = ("datasets", "huggingface-hub", "pyarrow", "pympler")
    store.open(
        {
            "recipe": recipe.content(),
            "recipe_digest": recipe.digest(),
            "prompt_version": PROMPT_VERSION,
            "python": platform.python_version(),
            "versions": {name: importlib.metadata.version(name) for name in packages},
            "isolation": asdict(layers),
        }
    )
    return store


def collect_shards(recipe: DataRecipe, store: Store) -> None:
    """Stage 1, in this process: sources are read in order, `shard_size` records a shard."""
    count = store.shards()
    if count is not None and all(store.done("collect", shard) for shard in range(count)):
        return
    size, finished = recipe.engine.shard_size, 0
    while store.done("collect", finished) is not None:
        finished += 1
    known = (raw for shard in range(finished) for raw in store.read("collect", shard, RawCode))
    records = collect(recipe.sources, recipe.collect, skip=finished * size, known=known)
    with tqdm(desc="collect", unit="file", initial=finished * size) as progress:
        rejected = 0
        while batch := list(islice(records, size)):
            counts = store.write_shard("collect", finished, batch, received=len(batch))
            finished += 1
            rejected += sum(counts.rejects.values())
            progress.set_postfix(rejects=rejected, refresh=False)
            progress.update(len(batch))
    if finished == 0:
        raise RunError(f"{store.root}: the sources hold no record at all; check `sources` in the recipe.")
    store.set_shards(finished)


def _follow(stage: str, store: Store, finished: Iterator[Counts]) -> None:
    """Show a stage's progress in its own records until every shard is done; the first failure ends it."""
    before = STAGES[STAGES.index(stage) - 1]
    total = store.totals(before).kept
    done = store.totals(stage)
    with tqdm(desc=stage, unit="rec", total=total, initial=done.received) as progress:
        rejected = sum(done.rejects.values())
        progress.set_postfix(rejects=rejected)
        for counts in finished:
            rejected += sum(counts.rejects.values())
            progress.set_postfix(rejects=rejected, refresh=False)
            progress.update(counts.received)


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
    # Before this process waits for those that vLLM started.
    multiprocessing.util.Finalize(None, _worker.close, exitpriority=1)


def _end_with(lifeline: multiprocessing.connection.Connection) -> None:
    multiprocessing.connection.wait([lifeline])
    os._exit(1)


def _process_shard(stage: str, rank: int, world: int) -> Counts:
    assert _worker is not None and _ending is not None
    if isinstance(_worker, Exception):
        raise _worker
    if _ending.is_set():  # the pool had handed this shard out already
        raise RunError("the run is ending")
    return _worker.process_shard(stage, rank, world)
