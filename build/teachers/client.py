"""Gives cached, budgeted access to a language model: looks up each request in the response cache and sends only the misses.

What differs between an endpoint and a model in this process is a `Model`; what is the same is here.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from build.core.chat import Completion, Request
from build.core.config import DataRecipe, PriceConfig
from build.core.errors import RunError
from build.core.model_text import split_thinking
from build.core.records import Usage, digest
from build.teachers.base import Question
from build.teachers.cache import ResponseCache

_FILTERED = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"}  # Gemini's names too
_WHY_CHARS = 300


@dataclass(frozen=True, slots=True)
class Ask:
    """A request with everything that its answer depends on, ready to be sent."""

    request: Request
    max_tokens: int
    temperature: float
    seed: int


class Model(Protocol):
    """Something that turns conversations into answers."""

    def answer(
        self, asks: Sequence[Ask], may_send: Callable[[], bool], heard: Callable[[int, Completion], None]
    ) -> None:
        """Call `heard(number, completion)` for each ask as soon as its answer is there, in any order.

        `may_send()` comes before each: where it says no, nothing more is sent, and what is under way is waited for. Both may be
        called in another thread than this one, never in two at once.
        """
        ...

    def close(self) -> None: ...


class ModelTeacher:
    """Answers any request by a model, once: the response cache has the answer from then on, for this run and for others.

    What a model thinks between tags in its answer is split off. An answer that says nothing is a failure by name: `empty`,
    `cut` (its limit came while it thought), `content_filter`, `refusal` (the server's own, not one in words), `tool_calls`.
    So is a rationale that was cut, unless the recipe keeps those.
    """

    def __init__(self, recipe: DataRecipe, model: Model, cache: ResponseCache) -> None:
        self.recipe = recipe.teacher
        self.seed = recipe.seed
        self.run = recipe.digest()
        self.name = f"{recipe.teacher.name}:{recipe.teacher.model}"
        self.model = model
        self.cache = cache
        self._under_way = 0

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """An answer per request, in order; equal requests get one answer, of which the first bears the cost.

        Raises `RunError` when the budget is spent or the model cannot be reached; every answer until then is kept.
        """
        keys = [self._key(request) for request in requests]
        known = self.cache.find(keys, self.run)
        missing = {key: request for key, request in zip(keys, requests) if key not in known}
        unanswered = list(missing)
        asks = [self._ask(key, request) for key, request in missing.items()]

        def heard(number: int, completion: Completion) -> None:
            self._under_way -= 1
            key = unanswered[number]
            known[key] = completion if completion.failure else self.cache.add(key, self.run, completion)

        if asks:
            self.model.answer(asks, self._may_send, heard)
        if any(key not in known for key in unanswered):
            raise RunError(self._budget_spent())
        answers = []
        for key, request in zip(keys, requests):
            answers.append(self._usable(known[key], request))
            known[key] = replace(known[key], usage=Usage())
        return answers

    def close(self) -> None:
        self.model.close()
        self.cache.close()

    def _usable(self, answer: Completion, request: Request) -> Completion:
        """The answer without what the model thought, or a failure where nothing is left of it."""
        if answer.failure:
            return answer
        thought, said = split_thinking(answer.text)
        reasoning = "\n\n".join(filter(None, (answer.reasoning.strip(), thought)))
        reason = answer.finish_reason.lower()
        failure, why = "", ""
        if reason in _FILTERED:
            failure, why = "content_filter", said
        elif reason == "refusal":
            failure, why = "refusal", said
        elif reason == "length" and not said.strip():
            failure, why = "cut", f"its {self._max_tokens(request)} tokens ended before it said anything"
        elif reason == "length" and isinstance(request, Question) and self.recipe.cut_answers == "drop":
            failure, why = "cut", f"it is longer than {self._max_tokens(request)} tokens; raise `teacher.max_tokens`"
        elif not said.strip():
            failure = "tool_calls" if reason in ("tool_calls", "function_call") else "empty"
            why = "it calls a tool" if failure == "tool_calls" else f"it says nothing (finish_reason {reason})"
        return replace(answer, text=why[:_WHY_CHARS] if failure else said, reasoning=reasoning, failure=failure)

    def _max_tokens(self, request: Request) -> int:
        return request.max_tokens or self.recipe.max_tokens

    def _key(self, request: Request) -> str:
        recipe = self.recipe
        content = {
            "model": [recipe.name, recipe.model],
            "messages": [[message.role, message.content] for message in request.messages],
            "temperature": recipe.temperature,
            "max_tokens": self._max_tokens(request),
            "sample": request.sample,
            "seed": self.seed,
            "schema": request.schema,
        } | ({"extra_body": recipe.extra_body} if recipe.extra_body else {})
        return digest(json.dumps(content, sort_keys=True))

    def _ask(self, key: str, request: Request) -> Ask:
        seed = int(digest("seed", key), 16) % 2**31
        return Ask(request, self._max_tokens(request), self.recipe.temperature, seed)

    def _may_send(self) -> bool:
        budget = self.recipe.budget
        if budget.requests or budget.tokens or budget.cost:
            spent = self.cache.spent(self.run)
            if budget.requests and spent.requests + self._under_way >= budget.requests:
                return False
            if budget.tokens and spent.prompt_tokens + spent.completion_tokens >= budget.tokens:
                return False
            if budget.cost and cost(spent, self.recipe.prices) >= budget.cost:
                return False
        self._under_way += 1
        return True

    def _budget_spent(self) -> str:
        spent = self.cache.spent(self.run)
        return (
            f"the budget is spent: {spent.requests} requests, {spent.prompt_tokens} prompt and {spent.completion_tokens} "
            f"completion tokens, cost {cost(spent, self.recipe.prices):.4f}; raise `teacher.budget` and run the same "
            "command again, nothing that was answered is asked twice."
        )


def cost(usage: Usage, prices: PriceConfig) -> float:
    """What some tokens cost, in the currency of the prices (per million)."""
    return (usage.prompt_tokens * prices.prompt + usage.completion_tokens * prices.completion) / 1e6
