"""The reward of reinforcement learning: what `build.verify.verify` says about a completion, 1.0 or 0.0.

The same judge filtered the data and scores the held-out benchmark. Predicted inputs are re-executed in this process's own
sandbox, off the event loop, while TRL computes other rewards. Give it to TRL as `recipes.reward.execution_reward`.
"""

import asyncio
import atexit
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from build.core.records import Task
from build.sandbox import Program, Sandbox
from build.verify import Check, verify

_lock = threading.Lock()  # one sandbox job at a time: completions of a batch are judged in one call
_sandbox: Sandbox | None = None


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
    verdicts = await asyncio.to_thread(_judge, checks)
    if log_metric is not None:
        for status, count in Counter(verdict.status for verdict in verdicts).items():
            log_metric(f"verdict/{status}", count / len(verdicts))
    return [1.0 if verdict.correct else 0.0 for verdict in verdicts]


def _judge(checks: Sequence[Check]) -> list[Any]:
    global _sandbox
    with _lock:
        if _sandbox is None:
            _sandbox = Sandbox()
            _sandbox.__enter__()
            atexit.register(_sandbox.close)
        return verify(checks, _sandbox)


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else "".join(turn["content"] or "" for turn in completion)
