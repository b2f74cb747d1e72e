"""The reward of reinforcement learning: what `build.verify.verify` says about a completion, 1.0 or 0.0.

The same judge filtered the data and scores the held-out benchmark. Predicted inputs are re-executed in this process's own
sandbox, off the event loop, while TRL computes other rewards. Give it to TRL as `recipes.reward.execution_reward`.

The sandbox belongs to one thread that lives as long as the process: where the kernel offers no namespaces, its processes are
killed when the thread that started them ends, and threads of an event loop come and go.
"""

import asyncio
import atexit
import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from build.core.records import Task
from build.sandbox import Program, Sandbox
from build.verify import Check, Verdict, verify

_Job = tuple[Sequence[Check], "Future[list[Verdict]]"]
_jobs: "queue.SimpleQueue[_Job | None]" = queue.SimpleQueue()
_starting = threading.Lock()
_judge: threading.Thread | None = None


async def execution_reward(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    code: Sequence[str],
    task: Sequence[Task],
    input: Sequence[str],
    output: Sequence[str],
    log_metric: Callable[[str, float], None] | None = None,
    **others: Any,
) -> list[float]:
    """1.0 for each completion whose answer is right, else 0.0; logs the share of each verdict class.

    `completions` are conversations (one assistant message) or texts; the other columns come from the `rl` config.
    Raises `build.sandbox.SandboxError` when the sandbox cannot work here: training without a judge would be pointless.
    """
    checks = [
        Check(Program(code[i]), task[i], input[i], output[i], _text(completion))
        for i, completion in enumerate(completions)
    ]
    verdicts = await asyncio.wrap_future(_judged(checks))
    if log_metric is not None:
        for status, count in Counter(verdict.status for verdict in verdicts).items():
            log_metric(f"verdict/{status}", count / len(verdicts))
    return [1.0 if verdict.correct else 0.0 for verdict in verdicts]


def judge(checks: Sequence[Check]) -> list[Verdict]:
    """The verdicts on some answers, from the sandbox that the rewards use."""
    return _judged(checks).result()


def _judged(checks: Sequence[Check]) -> "Future[list[Verdict]]":
    """Hand a batch to the judging thread, which is started on first use and ended at exit."""
    global _judge
    with _starting:
        if _judge is None or not _judge.is_alive():
            _judge = threading.Thread(target=_judge_for_ever, name="judge", daemon=True)
            _judge.start()
            atexit.register(_end, _judge)
    future: Future[list[Verdict]] = Future()
    _jobs.put((checks, future))
    return future


def _judge_for_ever() -> None:
    sandbox: Sandbox | None = None
    while (job := _jobs.get()) is not None:
        checks, future = job
        try:
            if sandbox is None:
                opened = Sandbox()
                sandbox = opened.__enter__()
            future.set_result(list(verify(checks, sandbox)))
        except Exception as error:  # it belongs to the caller, who waits for it
            future.set_exception(error)
    if sandbox is not None:
        sandbox.close()


def _end(judge: threading.Thread) -> None:
    _jobs.put(None)
    judge.join(timeout=10)


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else "".join(turn["content"] or "" for turn in completion)
