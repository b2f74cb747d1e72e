"""Judges many answers at once: several processes side by side, each with a sandbox of its own, behind one bounded queue.

A batch is cut into parts that any process may take. A process that ends in the middle of a part, killed from outside or by
what it read, is replaced, and the answers of that part are judged again, each for itself: no answer is lost, and one that
ends its process again and again costs only itself.
"""

import math
import multiprocessing
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

from build.client import Client
from build.core.records import Verdict
from build.sandbox import Layers, Limits, Program, Sandbox, SandboxError
from build.verify import Check, verify

_MOST_COMPARED = 64  # answers of a part that are only compared
_MOST_RUN = 16  # answers of a part that run a program: each may take the CPU seconds of a call
_MOST_TRIES = 5  # of an answer by itself that ends its process
_RATE_WINDOW_S = 60
_LONGEST_WAIT_S = 30

Isolation = Literal["available", "full"]  # what is demanded of the sandbox


class Full(Exception):
    """There is no room for a batch; `wait_s` is how long it will take, by the rate of late, until there is."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"the queue is full; try again in {wait_s} s")
        self.wait_s = wait_s


class _Batch:
    """Answers that were handed in together, and their verdicts as they come."""

    def __init__(self, size: int) -> None:
        self.verdicts: list[Verdict | None] = [None] * size
        self.left = size
        self.future: Future[list[Verdict]] = Future()


@dataclass(slots=True)
class _Part:
    """Some answers of a batch and their places in it; `tries` counts the processes that ended over them."""

    batch: _Batch
    places: list[int]
    checks: list[Check]
    tries: int = 0

    def singles(self) -> Iterator["_Part"]:
        for place, check in zip(self.places, self.checks):
            yield _Part(self.batch, [place], [check], self.tries + (len(self.checks) == 1))


class Judges:
    """Worker processes that judge. `counts` are the verdicts so far by status, `waiting` the answers without one yet.

    judges = Judges(workers=4)
    judges.start()                       # raises SandboxError where foreign code cannot be confined
    verdicts = judges.submit(checks).result()
    judges.close()                       # finishes what it has
    """

    def __init__(
        self,
        workers: int,
        most_waiting: int = 16_384,
        limits: Limits | None = None,
        require_isolation: Isolation = "available",
        unsafe_exec: bool = False,
    ) -> None:
        self.workers = workers
        self.most_waiting = most_waiting
        self.counts: Counter[str] = Counter()
        self.replaced = 0  # processes that ended before their time
        self.waiting = 0
        self.layers: Layers | None = None
        self._arguments = (limits or Limits(), require_isolation, unsafe_exec)
        self._parts: deque[_Part] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._finished: deque[tuple[float, int]] = deque()
        self._seconds_each = 0.0  # that an answer takes a process, of late
        self._threads: list[threading.Thread] = []
        self._began = time.monotonic()

    def start(self) -> None:
        """Start the processes. Raises `SandboxError` when the sandbox cannot work here."""
        workers = [_Worker(*self._arguments) for _ in range(self.workers)]
        try:
            for worker in workers:
                self.layers = worker.layers()
        except (EOFError, OSError, SandboxError) as error:
            for worker in workers:
                worker.end()
            raise SandboxError(str(error) or "a judging process does not start") from error
        for worker in workers:
            thread = threading.Thread(target=self._serve, args=(worker,), name="judge", daemon=True)
            thread.start()
            self._threads.append(thread)

    def submit(self, checks: Sequence[Check]) -> "Future[list[Verdict]]":
        """The verdicts to come, in order. Raises `Full` when the answers that wait are too many already."""
        batch = _Batch(len(checks))
        parts = list(_parts(batch, checks))
        with self._changed:
            if self.waiting and self.waiting + len(checks) > self.most_waiting:
                raise Full(self._wait_s(self.waiting + len(checks) - self.most_waiting))
            self.waiting += len(checks)
            self._parts += parts
            self._changed.notify_all()
        if not checks:
            batch.future.set_result([])
        return batch.future

    def rate(self) -> float:
        """Judgements a second over the last minute, or since the start where that is shorter."""
        now = time.monotonic()
        with self._changed:
            self._forget(now)
            return sum(number for _, number in self._finished) / max(min(now - self._began, _RATE_WINDOW_S), 1.0)

    def close(self) -> None:
        """Finish what is waiting, then end the processes."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _wait_s(self, too_many: int) -> int:
        return min(max(math.ceil(too_many * self._seconds_each / self.workers), 1), _LONGEST_WAIT_S)

    def _forget(self, now: float) -> None:
        while self._finished and self._finished[0][0] < now - _RATE_WINDOW_S:
            self._finished.popleft()

    def _serve(self, worker: "_Worker") -> None:
        """Give parts to one process after another until the end."""
        while (part := self._take()) is not None:
            began = time.monotonic()
            try:
                told = worker.judge(part.checks)
            except (EOFError, OSError):
                worker.end()
                self.replaced += 1
                worker = self._another()
                told = f"the process that judged this answer ended, {_MOST_TRIES} times"
            seconds = (time.monotonic() - began) / len(part.checks)
            self._seconds_each += (seconds - self._seconds_each) / 8
            if isinstance(told, list):
                self._finish(part, told)
            else:
                self._again(part, told)
        worker.end()

    def _another(self) -> "_Worker":
        """A process in place of one that ended, ready to judge: what ends it until then is no answer's fault."""
        while True:
            try:
                worker = _Worker(*self._arguments)
            except OSError:  # no memory or no process to be had just now
                time.sleep(1)
                continue
            try:
                worker.layers()
                return worker
            except (EOFError, OSError, SandboxError):
                worker.end()

    def _take(self) -> _Part | None:
        with self._changed:
            while not self._parts:
                if self._closing and not self.waiting:
                    return None
                self._changed.wait()
            return self._parts.popleft()

    def _again(self, part: _Part, why: str | SandboxError) -> None:
        """Judge the answers of a part once more, each by itself. One that has had its tries is an exception; where the
        sandbox does not work, that is told to who handed the batch in.
        """
        if len(part.checks) > 1 or part.tries + 1 < _MOST_TRIES:
            with self._changed:
                self._parts.extendleft(part.singles())
                self._changed.notify_all()
        elif isinstance(why, str):
            self._finish(part, [Verdict("exception", detail=why)])
        else:
            self._finish(part, [], why)

    def _finish(self, part: _Part, verdicts: Sequence[Verdict], error: SandboxError | None = None) -> None:
        batch = part.batch
        with self._changed:
            for place, verdict in zip(part.places, verdicts):
                batch.verdicts[place] = verdict
            self.counts.update(verdict.status for verdict in verdicts)
            self._finished.append((time.monotonic(), len(verdicts)))
            batch.left -= len(part.checks)
            self.waiting -= len(part.checks)
            if self._closing and not self.waiting:
                self._changed.notify_all()
            if error is not None and not batch.future.done():
                batch.future.set_exception(error)
            elif not batch.left and not batch.future.done():
                batch.future.set_result([verdict for verdict in batch.verdicts if verdict is not None])


def ask_service(client: Client, checks: Sequence[Check]) -> list[Verdict]:
    """The verdicts of a verifier service. Raises `ServiceError`."""
    told = client.verify(
        [
            {
                "code": check.program.code,
                "entry": check.program.entry,
                "task": check.task,
                "input": check.input,
                "output": check.output,
                "response": check.response,
            }
            for check in checks
        ]
    )
    return [Verdict(each["status"], each["predicted"], each["actual"], each["detail"]) for each in told]


def _parts(batch: _Batch, checks: Sequence[Check]) -> Iterator[_Part]:
    """A batch in parts: answers that are only compared; then those that run programs, one program's together."""
    compared: list[int] = []
    runs: dict[Program, list[int]] = {}
    for place, check in enumerate(checks):
        (compared if check.task in ("output", "step") else runs.setdefault(check.program, [])).append(place)
    grouped = [place for places in runs.values() for place in places]
    for places, most in ((compared, _MOST_COMPARED), (grouped, _MOST_RUN)):
        for start in range(0, len(places), most):
            some = places[start : start + most]
            yield _Part(batch, some, [checks[place] for place in some])


class _Worker:
    """One judging process; its methods raise EOFError or OSError when it has ended."""

    def __init__(self, limits: Limits, require_isolation: Isolation, unsafe_exec: bool) -> None:
        context = multiprocessing.get_context("spawn")  # a forked process would share this one's threads and locks
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, limits, require_isolation, unsafe_exec), name="judge", daemon=True
        )
        self._process.start()
        theirs.close()

    def layers(self) -> Layers:
        """The layers of its sandbox, once it has started. Raises `SandboxError` when there is none."""
        self._pipe.send(None)
        layers = self._pipe.recv()
        if isinstance(layers, SandboxError):
            raise layers
        assert isinstance(layers, Layers)
        return layers

    def judge(self, checks: list[Check]) -> list[Verdict] | SandboxError | str:
        """The verdicts, or why the sandbox does not work, or what else was raised."""
        self._pipe.send([_plain(check) for check in checks])
        told: list[tuple[Any, ...]] | SandboxError | str = self._pipe.recv()
        return [Verdict(*plain) for plain in told] if isinstance(told, list) else told

    def end(self) -> None:
        """End the process: it goes by itself when its pipe closes, and a moment later it is made to."""
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _plain(check: Check) -> tuple[Any, ...]:
    """A check as it goes through the pipe: tuples are a tenth of the work of dataclasses."""
    return (check.program.code, check.program.entry), check.task, check.input, check.output, check.response


def _work(pipe: Connection, limits: Limits, require_isolation: Isolation, unsafe_exec: bool) -> None:
    """A judging process: serves parts until its pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that owns it
    with Sandbox(limits, require_isolation, unsafe_exec) as sandbox:
        while True:
            try:
                checks = pipe.recv()
            except EOFError:
                return
            told: object
            try:
                if checks is None:
                    told = sandbox.layers
                else:
                    verdicts = verify([Check(Program(*program), *asked) for program, *asked in checks], sandbox)
                    told = [(each.status, each.predicted, each.actual, each.detail) for each in verdicts]
            except SandboxError as error:
                told = error
            except Exception as error:  # whatever an answer makes `verify` raise costs that answer alone
                told = f"{type(error).__name__}: {error}"
            pipe.send(told)
