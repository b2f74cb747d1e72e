"""What goes to and comes from the CodeI/O environment. The expected half of the pair is in neither."""

from openenv.core.env_server.types import Action, Observation
from pydantic import Field


class CodeIOAction(Action):
    """An answer."""

    response: str = Field(
        ..., description="The whole response; the last JSON object in it with the key asked for counts."
    )


class CodeIOObservation(Observation):
    """The question, and after an answer its verdict."""

    id: str = Field(default="", description="The question's id.")
    task: str = Field(default="", description="What is asked for: output, input, step or induction.")
    prompt: str = Field(default="", description="The question.")
    verdict: str = Field(default="", description="correct, wrong_TASK, exception, no_answer or timeout.")
