"""Looking for an input that gives a wanted output by trying: the embedded teacher's way to answer input questions.

Candidates are the other inputs that the generator drew for this function (executed when they were sampled; the pair that is
asked for is not among them) and, between these, neighbours of the nearest miss so far, which are executed now. A candidate
is chosen before its output is looked at, so the attempts that are told are all the attempts that were made.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from build.core.records import PredictionInstance, Rationale, SampledFunction
from build.core.values import values_match
from build.sandbox import Program, Sandbox
from build.sandbox.codec import NotData, decode, encode
from build.unifiers.mutate import mutate

_MAX_CANDIDATES = 200  # looked at in one search; a small input space has no more than a few new ones


@dataclass(frozen=True, slots=True)
class Attempt:
    """An input that was tried (canonical JSON), what it gave (None: it failed), and how far that is from what is wanted."""

    input: str
    output: str | None
    distance: float

    @property
    def right(self) -> bool:
        return self.distance == 0.0


def search(
    function: SampledFunction,
    instance: PredictionInstance,
    before: Rationale | None,
    tries: int,
    seed: int,
    sandbox: Sandbox,
) -> list[Attempt]:
    """Up to `tries` attempts at the instance's output, ending with the first that is right.

    With a wrong answer `before`, the search goes on from it. At least one attempt: a function has at least two pairs.
    """
    program = Program(function.function.code)
    wanted = decode(instance.output)
    known = {pair.input: pair.output for pair in function.pairs if pair.id != instance.parent}
    attempts: list[Attempt] = []
    start = None
    if before is not None and before.verdict.predicted and before.verdict.actual:
        actual = before.verdict.actual
        start = Attempt(before.verdict.predicted, actual, distance(decode(actual), wanted))
    pool = sorted(known)
    random.Random(f"{seed}/{instance.id}").shuffle(pool)
    if before is not None:
        pool.reverse()  # turn 1 began at the other end
    rng = random.Random(f"{seed}/{before.id if before else instance.id}")
    for candidate in _candidates(pool, rng, start, attempts):
        output = known.get(candidate)
        if output is None:
            output = sandbox.call(program, [candidate])[0].value
        apart = float("inf") if output is None else distance(decode(output), wanted)
        attempts.append(Attempt(candidate, output, apart))
        if attempts[-1].right or len(attempts) == tries:
            break
    return attempts


def _candidates(pool: list[str], rng: random.Random, start: Attempt | None, attempts: list[Attempt]) -> Iterator[str]:
    """Inputs that were not tried before: by turns a drawn one and a neighbour of the nearest miss; first a neighbour of
    `start` where there is one.
    """
    seen = {start.input} if start else set()
    for number in range(_MAX_CANDIDATES):
        misses = [attempt for attempt in (start, *attempts) if attempt and attempt.output is not None]
        if misses and (number % 2 == (start is None) or not pool):
            nearest = min(misses, key=lambda attempt: attempt.distance)
            try:
                candidate = _neighbour(nearest.input, rng)
            except NotData:  # a float that was varied past the largest one
                continue
        elif pool:
            candidate = pool.pop()
        else:
            return
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def distance(value: Any, wanted: Any) -> float:
    """How far an output is from the wanted one: 0 when they match, under 1 for the same kind of value, else 1."""
    if values_match(value, wanted):
        return 0.0
    if isinstance(value, int | float) and isinstance(wanted, int | float) and not isinstance(value, bool):
        try:
            apart = abs(value - wanted)
            return float(apart / (1 + apart + abs(wanted)))
        except OverflowError:  # an int beyond the floats beside a float
            return 1.0
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
    random.seed(rng.random())  # `mutate` draws from the module's generator, as in the input generators that carry it
    for name in arguments:
        if changed in (None, name):
            arguments[name] = mutate(arguments[name])
    random.setstate(state)
    return encode(arguments)
