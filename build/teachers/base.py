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
    """A question: the conversation for a language model, and what it is about for teachers that work on the code itself.

    `before`: the response that is to be revised, at turn 2.
    """

    messages: tuple[Message, ...]
    function: SampledFunction
    instance: PredictionInstance
    turn: int
    before: Rationale | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `failure` names why there is none; a cut or refused answer is kept, and its finish_reason says so."""

    text: str
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)
    failure: str = ""


class Teacher(Protocol):
    name: str

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """An answer per request, in order."""
        ...
