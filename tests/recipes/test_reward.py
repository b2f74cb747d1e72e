"""The reward is the verifier's word, for output and input answers, right and wrong."""

import asyncio

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
