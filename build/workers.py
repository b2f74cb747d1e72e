"""Works on the shards of a run, in processes of this machine or in actors of a Ray cluster.

`Worker.process_shard` is the unit of all work. A crew hands calls of it to its workers as they come free, and several at once
where a worker waits for an endpoint: their requests are one stream, and the rest of their work takes turns. A worker that is
ended from outside is replaced, and what it was at is begun again: a shard's file is there as a whole or not at all.
"""

import multiprocessing
import multiprocessing.connection
import multiprocessing.util
import os
import queue
import signal
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from build.core.config import DataRecipe
from build.core.errors import ConfigError, RunError
from build.core.records import Reject
from build.core.store import Counts, Store
from build.sandbox import Limits, Sandbox, SandboxError
from build.stages import stages_of
from build.stages.stage import Context, Shard, Stage
from build.teachers.open import open_model
from build.teachers.trace.teacher import TraceTeacher

ASKING_AT_ONCE = 6  # shards of a worker that asks an endpoint: one whose last answers are missing, and more to ask for
_MOST_LOSSES = 8  # of workers over one shard; then it is the shard, or too little memory


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


@dataclass(frozen=True, slots=True)
class Call:
    """A shard at a stage, to be sketched for the stage's survey or to be processed."""

    stage: str
    shard: int
    sketch: bool = False


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

    def work(self, call: Call) -> Counts:
        """What a crew asks for."""
        return (self.sketch_shard if call.sketch else self.process_shard)(call.stage, call.shard)

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
                return [Reject(stage.name, records[0].id, "error", describe(error))], Counter()
        made: list[Any] = []
        stats = Counter()
        for record in records:
            of_record, counted = self._run_stage(stage, shard, [record])
            made += of_record
            stats.update(counted)
        return made, stats


def shards_at_once(recipe: DataRecipe) -> int:
    """On how many shards a worker works at a time, in threads."""
    return ASKING_AT_ONCE if recipe.teacher.name == "openai" else 1


class Crew(Protocol):
    """Workers that take calls."""

    def free(self) -> int:
        """How many more calls can be worked on at once."""

    def submit(self, call: Call) -> None: ...

    def wait(self) -> list[tuple[Call, Counts]]:
        """Wait until there is news; the calls that are done. Raises what a worker raised, or `RunError` where workers are
        lost again and again.
        """


class _Process:
    """A worker in a process of its own. It ends when the process that started it lets go of the pipe, or ends, in any way."""

    def __init__(self, recipe: DataRecipe, isolation: Isolation) -> None:
        context = multiprocessing.get_context("spawn")  # a forked worker would share the parent's threads and locks
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(recipe, isolation, theirs))
        self.process.start()
        theirs.close()
        self.ready = False
        self.at: list[Call] = []


class _LocalCrew:
    """Processes of this machine, `engine.workers` of them."""

    def __init__(self, recipe: DataRecipe, isolation: Isolation) -> None:
        self._start = (recipe, isolation)
        self._at_once = shards_at_once(recipe)
        self._members = [_Process(*self._start) for _ in range(recipe.engine.workers)]
        self._waiting: deque[Call] = deque()
        self._losses: Counter[Call | None] = Counter()

    def free(self) -> int:
        return sum(self._at_once - len(member.at) for member in self._members) - len(self._waiting)

    def submit(self, call: Call) -> None:
        self._waiting.append(call)

    def wait(self) -> list[tuple[Call, Counts]]:
        for _ in range(len(self._waiting)):
            member = min(self._members, key=lambda each: (not each.ready, len(each.at)))
            if not member.ready or len(member.at) == self._at_once:
                break
            member.at.append(self._waiting.popleft())
            with suppress(OSError):  # it has just been lost, as `recv` tells
                member.pipe.send(member.at[-1])
        found = []
        ready = multiprocessing.connection.wait([member.pipe for member in self._members])
        for number, member in enumerate(self._members):
            if member.pipe in ready:
                try:
                    result: tuple[Call, Counts] | Exception | None = member.pipe.recv()
                except (EOFError, OSError):
                    self._replace(number)
                    continue
                if isinstance(result, Exception):
                    raise result
                if result is not None:
                    member.at.remove(result[0])
                    found.append(result)
                member.ready = True
        return found

    def _replace(self, number: int) -> None:
        lost = self._members[number]
        lost.process.join()
        lost.pipe.close()
        at: list[Call | None] = [*lost.at] if lost.ready else [None]
        self._losses.update(at)
        where = ", ".join(f"{call.stage} {call.shard}" if call else "its start" for call in at) or "no shard"
        if any(self._losses[call] >= _MOST_LOSSES for call in at):
            raise RunError(
                f"a worker process was ended from outside {_MOST_LOSSES} times at {where} (out of memory?); see to that and "
                "run the same command again."
            )
        print(f"A worker process was ended from outside at {where}; another one begins it again.", file=sys.stderr)
        self._waiting.extendleft(lost.at)
        self._members[number] = _Process(*self._start)

    def end(self) -> None:
        """Let every worker come to the end of what it is at, so that every answer that is paid for is kept."""
        for member in self._members:
            with suppress(OSError):
                member.pipe.send(None)
        for member in self._members:
            member.process.join()

    def let_go(self) -> None:
        for member in self._members:
            member.pipe.close()


@contextmanager
def local_crew(recipe: DataRecipe, isolation: Isolation) -> Iterator[Crew]:
    """Processes of this machine, `engine.workers` of them."""
    crew = _LocalCrew(recipe, isolation)
    try:
        yield crew
        crew.end()
    except Exception:
        crew.end()
        raise
    finally:
        crew.let_go()  # after Ctrl-C at once: what the workers were at is a shard without its file


def _serve(recipe: DataRecipe, isolation: Isolation, pipe: multiprocessing.connection.Connection) -> None:
    """The life of a worker process: it sends None once it has started, the counts of each call, or what ends the run."""
    signal.signal(signal.SIGINT, lambda *_: None)  # the process that started this one has it too, and lets go
    calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
    threading.Thread(target=_hear, args=(pipe, calls), daemon=True).start()
    try:
        worker = Worker(recipe, isolation)
        # Before this process waits for those that vLLM started.
        multiprocessing.util.Finalize(None, worker.close, exitpriority=1)
        pipe.send(None)
    except Exception as error:
        pipe.send(_told(error))
        return
    turn = threading.Lock()

    def work() -> None:
        while call := calls.get():
            try:
                done: tuple[Call, Counts] | Exception = (call, worker.work(call))
            except Exception as error:
                done = _told(error)
            with turn:
                pipe.send(done)
        calls.put(None)  # for the next thread

    others = [threading.Thread(target=work) for _ in range(1, shards_at_once(recipe))]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()


def _told(error: Exception) -> Exception:
    """An exception of a worker as it ends the run, in one sentence."""
    if isinstance(error, RunError | ConfigError | SandboxError):
        return error
    return RunError(f"a worker failed: {describe(error)}; run the same command again.")


def _hear(pipe: multiprocessing.connection.Connection, calls: "queue.SimpleQueue[Call | None]") -> None:
    with suppress(EOFError, OSError):
        while True:
            calls.put(pipe.recv())
    os._exit(1)


class _RayCrew:
    """Actors of a Ray cluster, `engine.workers` of them. Ray starts one that is lost again, where there is a place for it; what
    it was at goes to any other meanwhile.
    """

    def __init__(self, recipe: DataRecipe, isolation: Isolation, ray: Any) -> None:
        self._ray = ray
        absolute = replace(
            recipe, run=recipe.run.resolve(), response_cache=recipe.response_cache and recipe.response_cache.resolve()
        )
        self._at_once = shards_at_once(recipe)
        # Without num_gpus Ray hides the GPUs from an actor.
        needs = {"num_cpus": 1, "num_gpus": int(recipe.teacher.name == "vllm")}
        actor = ray.remote(max_restarts=-1, max_concurrency=self._at_once, **needs)(Worker)
        self._actors = [actor.remote(absolute, isolation, number) for number in range(recipe.engine.workers)]
        self._under_way: dict[Any, tuple[int, Call | None]] = {}
        self._waiting: deque[Call] = deque()
        self._losses: Counter[Call] = Counter()
        self._ready: set[int] = set()
        for number in range(len(self._actors)):
            self._await(number)

    def _await(self, number: int) -> None:
        """An actor gets no work before it has started, which it may do late, or never in a small cluster."""
        ready = self._actors[number].__ray_ready__.options(max_task_retries=-1).remote()
        self._under_way[ready] = (number, None)

    def free(self) -> int:
        under_way = sum(call is not None for _, call in self._under_way.values())
        return len(self._actors) * self._at_once - under_way - len(self._waiting)

    def submit(self, call: Call) -> None:
        self._waiting.append(call)

    def wait(self) -> list[tuple[Call, Counts]]:
        load = Counter(number for number, _ in self._under_way.values())
        while self._waiting and self._ready:
            number = min(self._ready, key=lambda each: load[each])
            if load[number] == self._at_once:
                break
            call = self._waiting.popleft()
            self._under_way[self._actors[number].work.remote(call)] = (number, call)
            load[number] += 1
        found = []
        for ref in self._ray.wait(list(self._under_way), num_returns=1)[0]:
            number, done = self._under_way.pop(ref)
            try:
                result = self._ray.get(ref)
            except self._ray.exceptions.RayActorError:
                if done is None or self._losses[done] + 1 >= _MOST_LOSSES:
                    raise
                self._losses[done] += 1
                self._waiting.appendleft(done)
                if number in self._ready:
                    self._ready.remove(number)
                    self._await(number)
                continue
            if done is None:
                self._ready.add(number)
            else:
                found.append((done, result))
        return found


@contextmanager
def ray_crew(recipe: DataRecipe, isolation: Isolation) -> Iterator[Crew]:
    """Actors of a Ray cluster, the one that RAY_ADDRESS names or one on this machine; run folder and checkout lie on a file
    system that all nodes see.
    """
    try:
        import ray
    except ImportError as error:
        raise RunError("Ray is not installed; pip install -r requirements/cluster.txt.") from error
    checkout = str(Path(__file__).resolve().parents[1])
    try:
        ray.init(runtime_env={"env_vars": {"PYTHONPATH": checkout}}, log_to_driver=False)
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
        raise RunError(f"Ray cannot be reached ({' '.join(str(error).split())[:300]}); check RAY_ADDRESS.") from error
    try:
        yield _RayCrew(recipe, isolation, ray)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, RunError | ConfigError | SandboxError):
            raise error.cause from None  # `error` itself has a whole traceback as its text
        raise RunError(f"a worker failed: {describe(error.cause)}; run the same command again.") from error
    except ray.exceptions.RayError as error:
        last = str(error).strip().split("\n")[-1].strip()
        raise RunError(
            f"a Ray actor or its node was lost ({type(error).__name__}: {last}); run the same command again to go on."
        ) from error
    finally:
        ray.shutdown()


def describe(error: Exception) -> str:
    """An exception with its type and the place where it was raised, alike on every machine."""
    places = traceback.extract_tb(error.__traceback__)  # none where it comes from another process
    where = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return f"{type(error).__name__}{where}: {' '.join(str(error).split())[:300]}"
