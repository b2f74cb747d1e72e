"""What a teacher is: something that answers batches of questions, with the cost of each answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from build.records import PredictionInstance, Rationale, SampledFunction, Usage


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """A conversation that wants an answer.

    `sample` numbers the answers to one conversation; `max_tokens` is for requests that are no rationales (None: the
    recipe's); `schema` is a JSON schema that the answer has to follow, where the server can enforce one.
    """

    messages: tuple[Message, ...]
    sample: int = 0
    max_tokens: int | None = None
    schema: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Request):
    """A request about a prediction instance, with what teachers need that work on the code itself.

    `before`: the response that is to be revised, from turn 2 on.
    """

    function: SampledFunction
    instance: PredictionInstance
    turn: int
    before: Rationale | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `failure` names why there is none; a cut or refused answer is kept, and its finish_reason says so.

    `reasoning` is what a reasoning model thought before it answered, where the server tells.
    """

    text: str
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)
    failure: str = ""
    reasoning: str = ""


class Teacher(Protocol):
    name: str

    def complete(self, requests: Sequence[Question]) -> list[Completion]:
        """An answer per question, in order."""
        ...


class LanguageModel(Protocol):
    """A teacher that answers any request."""

    name: str

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """An answer per request, in order."""
        ...
