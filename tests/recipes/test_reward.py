"""The reward is the verifier's word, for output and input answers, right and wrong."""

import asyncio
import threading
from typing import Any

import pytest

from recipes import reward as module
from recipes.reward import execution_reward

CODE = "def main_solution(x):\n    return x * x\n"


def reward(answers: list[str], task: str) -> tuple[list[float], dict[str, float]]:
    count = len(answers)
    logged: dict[str, float] = {}
    rewards = asyncio.run(
        execution_reward(
            prompts=[[{"role": "user", "content": "?"}]] * count,
            completions=[[{"role": "assistant", "content": answer}] for answer in answers],
            code=[CODE] * count,
            task=[task] * count,  # type: ignore[list-item]
            input=['{"x": -3}'] * count,
            output=["9"] * count,
            log_metric=logged.__setitem__,
            trainer_state=None,
        )
    )
    return rewards, logged


def test_output_answers() -> None:
    rewards, logged = reward(['So {"output": 9}', '{"output": 8}', "no answer"], "output")
    assert rewards == [1.0, 0.0, 0.0]
    assert sum(logged.values()) == 1 and set(logged) == {"verdict/correct", "verdict/wrong_output", "verdict/no_answer"}


def test_input_answers_are_executed() -> None:
    """Another input than the recorded one is right when it gives the output."""
    rewards, _ = reward(
        ['{"input": {"x": 3}}', '{"input": {"x": -3}}', '{"input": {"x": 4}}', '{"input": {"y": 3}}'], "input"
    )
    assert rewards == [1.0, 1.0, 0.0, 0.0]


def test_the_sandbox_belongs_to_a_thread_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where namespaces are missing, sandboxed processes die with the thread that started them."""
    opened: list[threading.Thread] = []

    class Recorded(module.Sandbox):
        def __enter__(self) -> Any:
            opened.append(threading.current_thread())
            return super().__enter__()

    if module._judge is not None:
        module._end(module._judge)
    monkeypatch.setattr(module, "Sandbox", Recorded)
    results: list[list[float]] = []
    for _ in range(2):  # each in an event loop of a thread that ends, as TRL may do it
        caller = threading.Thread(target=lambda: results.append(reward(['{"input": {"x": 3}}'], "input")[0]))
        caller.start()
        caller.join()
    assert results == [[1.0], [1.0]]
    assert len(opened) == 1 and opened[0].is_alive()
