"""TRL: CodeI/O as an environment with a second try, for `GRPOTrainer(environment_factory=...)`.

    from recipes.environments.trl import CodeIOEnvironment
    trainer = GRPOTrainer(model, train_dataset=load_dataset("ORG/NAME", "rl", split="train"),
                          environment_factory=CodeIOEnvironment, args=...)

The plain reward, without tools, is `recipes.reward.execution_reward`:

    trainer = GRPOTrainer(model, reward_funcs=execution_reward, train_dataset=..., args=...)
"""

from typing import Any

from build.core.prompts import feedback
from build.core.records import Verdict
from recipes.environments.questions import verdicts

MOST_TRIES = 2  # as in CODEI/O++: one answer, and one more with the feedback of execution


class CodeIOEnvironment:
    """One question: the model submits an answer, reads what execution says, and may submit once more.

    The columns of the config `rl` come in through `reset`; TRL offers `submit` to the model as a tool.
    """

    def __init__(self) -> None:
        self._row: dict[str, Any] = {}
        self._verdict: Verdict | None = None
        self._tries = 0

    def reset(self, **row: Any) -> None:
        """Begin with the question of a row."""
        self._row, self._verdict, self._tries = row, None, 0

    def submit(self, answer: str) -> str:
        """Submit the final answer and learn whether it is right. There are two tries.

        Args:
            answer: What the question asks for: a JSON object such as {"output": 3}, or a fenced block with the function.

        Returns:
            Whether the answer is right, and what is wrong with it.
        """
        if self._tries >= MOST_TRIES or (self._verdict is not None and self._verdict.correct):
            return "No further answer is taken."
        self._tries += 1
        asked = {name: self._row[name] for name in ("code", "task", "input", "output")}
        (told,) = verdicts([asked | {"response": answer}])
        self._verdict = Verdict(told["status"], told["predicted"], told["actual"], told["detail"])
        return feedback(self._verdict)

    def get_reward(self) -> float:
        """1.0 when the last answer is right, else 0.0."""
        return 1.0 if self._verdict is not None and self._verdict.correct else 0.0
