"""Defines what a teacher is: it answers batches of questions about functions, and says what each answer cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from build.core.chat import Completion, Request
from build.core.records import PredictionInstance, Rationale, SampledFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Request):
    """A request about a prediction instance, with what teachers need that work on the code itself.

    `before`: the response that is to be revised, from turn 2 on.
    """

    function: SampledFunction
    instance: PredictionInstance
    turn: int
    before: Rationale | None = None


class Teacher(Protocol):
    name: str

    def complete(self, requests: Sequence[Question]) -> list[Completion]:
        """An answer per question, in order."""
        ...
