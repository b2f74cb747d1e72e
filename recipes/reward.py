"""The rewards of reinforcement learning, as TRL takes them; all of them judge with `build.verify.verify` (`recipes.judge`).

    execution_reward   1.0 for a right answer, else 0.0
    partial_reward     off by default: closeness of a wrong answer, under 1.0 (`recipes.partial_credit`)
    format_reward      off by default: 1.0 for a response that ends with one JSON object that holds the answer

A reward is always a number. Whatever a row or a completion holds costs that completion; where nobody can judge a batch, it
gets 0.0 throughout, which teaches nothing, a line says why, and the metric `verdict/unjudged` is 1.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, get_args

from build.core.records import Task, Verdict
from build.sandbox import Program
from build.sandbox.codec import decode
from build.verify import Check
from recipes.judge import judged
from recipes.partial_credit import partial_credit, well_formed

Metric = Callable[[str, float], None]


async def execution_reward(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    code: Sequence[str],
    task: Sequence[Task],
    input: Sequence[str],
    output: Sequence[str],
    log_metric: Metric | None = None,
    **others: Any,
) -> list[float]:
    """1.0 for each completion whose answer is right, else 0.0; logs the share of each verdict class.

    `completions` are conversations (one assistant message) or texts; the other columns come from the `rl` config.
    """
    verdicts = await _verdicts(_checks(completions, code, task, input, output), log_metric)
    return [1.0 if verdict is not None and verdict.correct else 0.0 for verdict in verdicts]


async def partial_reward(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    code: Sequence[str],
    task: Sequence[Task],
    input: Sequence[str],
    output: Sequence[str],
    **others: Any,
) -> list[float]:
    """1.0 for a right answer, and for a wrong one how close it came, under 1.0."""
    checks = _checks(completions, code, task, input, output)
    verdicts = await _verdicts(checks)
    return [
        partial_credit(check.task, check.output, verdict.status, verdict.predicted, verdict.actual)
        if check is not None and verdict is not None
        else 0.0
        for check, verdict in zip(checks, verdicts)
    ]


def format_reward(
    prompts: Sequence[Any], completions: Sequence[Any], task: Sequence[Task], **others: Any
) -> list[float]:
    """1.0 for each completion that ends with one JSON object that holds the answer and nothing else."""
    return [well_formed(text_of(completion), asked) for completion, asked in zip(completions, task)]


EXTRA_REWARDS = {reward.__name__: reward for reward in (partial_reward, format_reward)}


def text_of(completion: Any) -> str:
    """What a completion says: a text, or a conversation's texts joined; "" where there is none."""
    if isinstance(completion, str):
        return completion
    turns = completion if isinstance(completion, Sequence) else ()
    contents = [turn.get("content") for turn in turns if isinstance(turn, dict)]
    return "".join(content for content in contents if isinstance(content, str))


def _checks(
    completions: Sequence[Any], code: Sequence[str], task: Sequence[Task], input: Sequence[str], output: Sequence[str]
) -> list[Check | None]:
    """A check per completion, None where its row is none."""
    return [
        Check(Program(code[i]), task[i], input[i], output[i], text_of(completion))
        if _is_json(input[i]) and _is_json(output[i]) and isinstance(code[i], str) and task[i] in get_args(Task)
        else None
        for i, completion in enumerate(completions)
    ]


def _is_json(text: Any) -> bool:
    try:
        decode(text)
    except (ValueError, TypeError):
        return False
    return True


async def _verdicts(checks: Sequence[Check | None], log_metric: Metric | None = None) -> list[Verdict | None]:
    """A verdict per check, None where there is none; logs the shares."""
    sound = [check for check in checks if check is not None]
    verdicts: list[Verdict | None] = [None] * len(checks)
    try:
        found = await asyncio.wrap_future(judged(sound))
        places = [place for place, check in enumerate(checks) if check is not None]
        for place, verdict in zip(places, found):
            verdicts[place] = verdict
    except Exception as error:  # of the judge, not of an answer; training goes on without a signal
        print(f"warning: {len(checks)} completions are not judged and get no reward: {error}", file=sys.stderr)
    if log_metric is not None:
        for status, count in Counter("unjudged" if each is None else each.status for each in verdicts).items():
            log_metric(f"verdict/{status}", count / len(verdicts))
    return verdicts
