"""verl: the reward as its `custom_reward_function`, and the rows that it takes.

python -m recipes.environments.verl ORG/NAME train.parquet --split train

reward.custom_reward_function.path=recipes/environments/verl/__init__.py
reward.custom_reward_function.name=compute_score
"""

import json
from typing import Any

from recipes.environments.questions import Question, verdict

DATA_SOURCE = "codeio"


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any] | None = None,
    verifier_url: str | None = None,
    **others: Any,
) -> dict[str, Any]:
    """1.0 for a right answer, else 0.0, as `score`; beside it the verdict's class, which verl logs.

    `ground_truth` is the JSON text that `row` makes: code, task, input and output. `verifier_url` (a reward keyword of the
    configuration) names the service that judges; default: VERIFIER_URL, else a sandbox in this process. Never raises: where
    nobody can judge, the score is 0.0 and the verdict "unjudged".
    """
    try:
        asked = json.loads(ground_truth)
        told = await verdict(Question(id="", prompt=[], **asked), solution_str, verifier_url)
    except Exception as error:  # of the row or the judge: training goes on without a signal
        return {"score": 0.0, "verdict": "unjudged", "detail": f"{type(error).__name__}: {error}"[:200]}
    return {"score": 1.0 if told["correct"] else 0.0, "verdict": told["status"], "detail": told["detail"][:200]}


def row(question: Question, index: int, split: str) -> dict[str, Any]:
    """A question as a row of verl's data files."""
    wanted = {name: getattr(question, name) for name in ("code", "task", "input", "output")}
    return {
        "data_source": DATA_SOURCE,
        "prompt": question.prompt,
        "ability": "code",
        "reward_model": {"style": "rule", "ground_truth": json.dumps(wanted)},
        "extra_info": {"split": split, "index": index, "id": question.id, "task": question.task},
    }
