"""The fields of a row that `verify` reads; `python -m recipes.environments.nemo_gym.task_data DATA OUT.jsonl` writes rows."""

import json
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class TaskData(BaseModel):
    """A question's ground truth; the model sees `responses_create_params` alone."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(description="The question's id in the dataset.")
    task: Literal["output", "input", "step", "induction"] = Field(description="What is asked for.")
    code: str = Field(description="Python source with the function main_solution.")
    input: str = Field(description="Its keyword arguments, JSON text; of an induction, a list of them.")
    output: str = Field(
        description="What it returns, or what is asked about the run, JSON text; of an induction, a list."
    )


def row(question: Any) -> dict[str, Any]:
    """A question (`recipes.environments.questions.Question`) as a row."""
    wanted = {name: getattr(question, name) for name in TaskData.model_fields}
    return {"responses_create_params": {"input": question.prompt}} | wanted


def main(data: str, out: str, split: str = "train") -> None:
    """Write the questions of a dataset as NeMo Gym's JSON Lines."""
    from recipes.environments.questions import questions

    with Path(out).open("w", encoding="utf-8") as lines:
        for question in questions(data, split):
            lines.write(json.dumps(row(question)) + "\n")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        sys.exit("usage: python -m recipes.environments.nemo_gym.task_data DATA OUT.jsonl [SPLIT]")
    main(*sys.argv[1:])
