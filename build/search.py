"""Looking for an input that gives a wanted output by trying: the embedded teacher's way to answer input questions.

Candidates come from the function's input generator and, between these, from neighbours of the nearest miss so far. A
candidate is chosen before its output is known, so the attempts that are told are all the attempts that were made.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from build.records import PredictionInstance, SampledFunction
from build.sandbox import DrawRules, Program, Sandbox
from build.values import decode, encode
from build.vary import vary
from build.verify import values_match

_POOL = 12  # generator draws that one function's searches share


@dataclass(frozen=True, slots=True)
class Attempt:
    """An input that was tried (canonical JSON), what it gave (None: it failed), and how far that is from what is wanted."""

    input: str
    output: str | None
    detail: str
    distance: float

    @property
    def right(self) -> bool:
        return self.distance == 0.0


class Searcher:
    """Searches for one function after the other; the pool of drawn inputs is kept for the function at hand."""

    def __init__(self, sandbox: Sandbox, seed: int) -> None:
        self.sandbox = sandbox
        self.seed = seed
        self._function_id = ""
        self._pool: list[str] = []

    def search(
        self, function: SampledFunction, instance: PredictionInstance, tries: int, turn: int, excluded: set[str]
    ) -> list[Attempt]:
        """Up to `tries` attempts, ending with the first that gives the wanted output."""
        program = Program(function.function.code)
        rng = random.Random(f"{self.seed}/{instance.id}/{turn}")
        wanted = decode(instance.output)
        attempts: list[Attempt] = []
        for candidate in self._candidates(function, instance, rng, attempts, set(excluded)):
            result = self.sandbox.call(program, [candidate])[0]
            output = result.value if result.status == "ok" else None
            apart = distance(decode(output), wanted) if output is not None else float("inf")
            attempts.append(Attempt(candidate, output, result.detail or result.status, apart))
            if attempts[-1].right or len(attempts) == tries:
                break
        return attempts

    def _candidates(
        self,
        function: SampledFunction,
        instance: PredictionInstance,
        rng: random.Random,
        attempts: list[Attempt],
        seen: set[str],
    ) -> Iterator[str]:
        """Inputs not tried before: a drawn one, then in turn a neighbour of the nearest miss and another drawn one."""
        pool = self._drawn(function, instance)
        rng.shuffle(pool)
        for number in range(200):  # bounded: a small input space has no more than a few new candidates
            misses = [attempt for attempt in attempts if attempt.output is not None]
            if number % 2 and misses:
                nearest = min(misses, key=lambda attempt: attempt.distance)
                candidate = _neighbour(nearest.input, rng)
            elif pool:
                candidate = pool.pop()
            else:
                continue
            if candidate not in seen:
                seen.add(candidate)
                yield candidate

    def _drawn(self, function: SampledFunction, instance: PredictionInstance) -> list[str]:
        if function.function.generator is None:  # recorded pairs only: start from the other pairs' inputs
            return [
                _neighbour(pair.input, random.Random(pair.id)) for pair in function.pairs if pair.id != instance.parent
            ]
        if function.id != self._function_id:
            rules = DrawRules(draws=4 * _POOL, distinct=_POOL)
            draws = self.sandbox.draw(
                Program(function.function.code), function.function.generator, rules, self.seed + 1
            )
            self._function_id, self._pool = function.id, [given for given, _ in draws.pairs]
        return list(self._pool)


def distance(value: Any, wanted: Any) -> float:
    """How far an output is from the wanted one: 0 when they match, under 1 for the same kind of value, else 1 or more."""
    if values_match(value, wanted):
        return 0.0
    if isinstance(value, int | float) and isinstance(wanted, int | float) and not isinstance(value, bool):
        apart = abs(value - wanted)
        return float(apart / (1 + apart + abs(wanted)))
    if isinstance(value, str) and isinstance(wanted, str):
        return 1.0 - 0.99 * SequenceMatcher(None, value, wanted).ratio()
    if isinstance(value, list) and isinstance(wanted, list):
        near = sum(1.0 - min(distance(mine, other), 1.0) for mine, other in zip(value, wanted))
        return 1.0 - 0.99 * near / max(len(value), len(wanted))
    return 1.0


def _neighbour(text: str, rng: random.Random) -> str:
    """An input with one or all of its arguments varied."""
    arguments: dict[str, Any] = json.loads(text)
    changed = rng.choice([None, *arguments])
    state = random.getstate()
    random.seed(rng.random())  # `vary` draws from the module's generator, as in the input generators that carry it
    for name in arguments:
        if changed in (None, name):
            arguments[name] = vary(arguments[name])
    random.setstate(state)
    return encode(arguments)
