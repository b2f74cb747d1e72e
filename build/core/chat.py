"""Defines a conversation with a language model: the request, the answer, and what the answer costs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from build.core.records import Proof, Usage


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


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `failure` names why there is none, and `text` then tells more; `finish_reason` "length": it was cut.

    `reasoning` is what a reasoning model thought before it answered. `complete` and `proof` are as
    in a `Rationale`.
    """

    text: str
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)
    failure: str = ""
    reasoning: str = ""
    complete: bool | None = None
    proof: tuple[Proof, ...] = ()


class LanguageModel(Protocol):
    """Answers any conversation, not only questions about functions."""

    name: str

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """An answer per request, in order."""
        ...


def count_usage(usage: Usage, stats: Counter[str]) -> None:
    """Add what an answer cost to a stage's stats."""
    stats["requests"] += usage.requests
    stats["prompt_tokens"] += usage.prompt_tokens
    stats["completion_tokens"] += usage.completion_tokens
