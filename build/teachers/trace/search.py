"""Finding an input that gives a wanted output: the embedded teacher's way to answer input questions.

It works back first: what the return expressions demand (`invert`), the output itself in place of an argument of its kind,
numbers by the difference that a step makes. Then it compares inputs that the function is known to take and further ones of its
generator, and last it varies the nearest misses. The pair that is asked for is never looked at.
"""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from build.core.records import PredictionInstance, Rationale, SampledFunction, digest
from build.core.values import values_match
from build.sandbox import DrawRules, Program, Sandbox
from build.sandbox.codec import NotData, decode, encode
from build.teachers.trace.invert import demands
from build.unifiers.static.mutate import mutate

_DRAWN = (6, 24)  # inputs of the generator that are compared for each try of the recipe, at the first turn and later
_VARIED = (6, 15)  # variations of the nearest misses, likewise
_ROW = (6, 12)  # candidates executed together, at first and later; so many variations come of the same misses
_MAX_SLOW = 1  # candidates over a limit of the sandbox before no more are executed
_MAX_LINES = 100_000  # of a candidate's run; no clock decides what is found
_FARTHER = 50  # times the largest number of the known inputs; farther candidates could run for hours


@dataclass(frozen=True, slots=True)
class Attempt:
    """An input that was tried (canonical JSON), what it gave (None: it failed), how far that is from what is wanted, and why
    it was tried. `slow`: it was stopped at a limit.
    """

    input: str
    output: str | None
    distance: float
    reason: str = ""
    slow: bool = False

    @property
    def right(self) -> bool:
        return self.distance == 0.0


def search(
    function: SampledFunction,
    asked: Sequence[tuple[PredictionInstance, Rationale | None]],
    tries: int,
    seed: int,
    sandbox: Sandbox,
) -> list[list[Attempt]]:
    """For each instance of a function attempts at its output, ending with the first that is right; at least one.

    With a wrong answer beside an instance, its search goes on from there and looks further. `tries`: how long a search goes on
    comparing. The searches take their steps together, so that what all of them execute is one job.
    """
    runs = _Runs(function, seed, sandbox)
    hunts = [_Hunt(function, instance, before, tries, seed, runs) for instance, before in asked]
    waiting = [hunt.steps() for hunt in hunts]
    while waiting:
        needed: dict[str, None] = {}
        for steps in list(waiting):
            inputs = next(steps, None)
            if inputs is None:
                waiting.remove(steps)
            else:
                needed |= dict.fromkeys(inputs)
        runs.execute(list(needed))
    return [hunt.attempts for hunt in hunts]


class _Runs:
    """What a function gives for the inputs that were executed, None for a failure, and which of them were too slow."""

    def __init__(self, function: SampledFunction, seed: int, sandbox: Sandbox) -> None:
        self.function = function.function
        self.program = Program(self.function.code)
        self.seed = seed
        self.sandbox = sandbox
        self.outputs: dict[str, str | None] = {}
        self.slow: set[str] = set()
        self._drawn: dict[int, Sequence[tuple[str, str]]] = {}

    def execute(self, inputs: Iterable[str]) -> None:
        fresh = [given for given in inputs if given not in self.outputs]
        for given, result in zip(fresh, self.sandbox.call(self.program, fresh, lines=_MAX_LINES) if fresh else ()):
            self.outputs[given] = result.value if result.status == "ok" else None
            if result.status in ("timeout", "memory", "killed"):
                self.slow.add(given)

    def drawn(self, count: int) -> Sequence[tuple[str, str]]:
        """Further inputs of the function's generator, with what they give."""
        if self.function.generator is None:
            return ()
        if count not in self._drawn:
            rules = DrawRules(draws=count * 3, distinct=count)
            seed = int(digest("search", str(self.seed), self.function.id, str(count)), 16) % 2**31
            draws = self.sandbox.draw(self.program, self.function.generator, rules, seed, lines=_MAX_LINES)
            self._drawn[count] = draws.pairs
        return self._drawn[count]


class _Hunt:
    """The search for one instance."""

    def __init__(
        self,
        function: SampledFunction,
        instance: PredictionInstance,
        before: Rationale | None,
        tries: int,
        seed: int,
        runs: _Runs,
    ) -> None:
        self.function = function
        self.runs = runs
        self.wanted = decode(instance.output)
        self.known = {pair.input: pair.output for pair in function.pairs if pair.id != instance.parent}
        self.examples = [decode(given) for given in self.known]
        self.later = before is not None
        self.tries = tries
        self.failed = 0
        self.largest = max([_largest(example) for example in self.examples] + [20])
        self.rng = random.Random(f"{seed}/{before.id if before else instance.id}")
        self.attempts: list[Attempt] = []
        self.seen: set[str] = {before.verdict.predicted} if before and before.verdict.predicted else set()

    @property
    def found(self) -> bool:
        return bool(self.attempts) and self.attempts[-1].right

    def steps(self) -> Iterator[list[str]]:
        """The search; it gives the inputs that it needs executed before it goes on."""
        if not self.later:  # else none of these was right
            yield from self.executed([*self.demanded(), *self.replaced()])
        if not self.later and not self.found:
            points = list(self.points())
            yield [text for text, _ in points]
            self.failed += sum(text in self.runs.slow for text, _ in points)
            yield from self.executed(list(self.stepped(points)))
        if not self.found:
            self.compared(self.known)
        if not self.found and self.failed <= _MAX_SLOW:
            self.compared(dict(self.runs.drawn(_DRAWN[self.later] * self.tries)))
        for _ in range(-(-_VARIED[self.later] * self.tries // _ROW[self.later])):
            if not self.found and self.failed <= _MAX_SLOW:
                yield from self.executed([(each, "") for each in self.varied()])
        if not self.attempts:  # nothing new could be thought of: the nearest of what is known
            given = next(iter(self.known))
            self.attempts.append(Attempt(given, self.known[given], self.apart(self.known[given])))

    def executed(self, candidates: Sequence[tuple[str, str]]) -> Iterator[list[str]]:
        """Try candidates with the reasons for them, up to one that is right."""
        fresh = {given: reason for given, reason in reversed(candidates) if given not in self.seen}
        left = list(dict.fromkeys(given for given, _ in candidates if given in fresh))
        self.seen |= fresh.keys()
        size = _ROW[self.later]
        while left and not self.found and self.failed <= _MAX_SLOW:
            row, left = left[:size], left[size:]
            size = _ROW[True]
            yield row
            for given in row:
                slow = given in self.runs.slow
                self.failed += slow
                output = self.runs.outputs[given]
                self.attempts.append(Attempt(given, output, self.apart(output), fresh[given], slow))
                if self.found:
                    break

    def compared(self, outputs: Mapping[str, str]) -> None:
        """Try inputs whose outputs are known, up to one that is right."""
        for given, output in outputs.items():
            if given not in self.seen and not self.found:
                self.seen.add(given)
                self.attempts.append(Attempt(given, output, self.apart(output)))

    def apart(self, output: str | None) -> float:
        return float("inf") if output is None else distance(decode(output), self.wanted)

    # Where candidates come from

    def demanded(self) -> Iterator[tuple[str, str]]:
        """What the return expressions demand, the other arguments as in inputs that are known."""
        for demand in demands(self.function.function.code, self.wanted, self.examples):
            for example in self.examples[:3]:
                if all(_same_kind(value, example[name]) for name, value in demand.values.items()):
                    yield from self.whole({**example, **demand.values}, demand.reason)

    def replaced(self) -> Iterator[tuple[str, str]]:
        """The output, or what it is made of, in place of an argument of its kind."""
        for example in self.examples[:3]:
            for name, value in example.items():
                for part, words in _parts(self.wanted):
                    if _same_kind(part, value):
                        yield from self.whole({**example, name: part}, f"{words} may be {name} itself" if words else "")

    def points(self) -> Iterator[tuple[str, tuple[dict[str, Any], str]]]:
        """Inputs that show what one more of a number adds to the output: pairs of them, with the example and the argument."""
        if not _number(self.wanted):
            return
        for example in self.examples[:2]:
            for name, value in example.items():
                if isinstance(value, int) and not isinstance(value, bool):
                    yield encode(example), (example, name)
                    yield encode({**example, name: value + 1}), (example, name)

    def stepped(self, points: Sequence[tuple[str, tuple[dict[str, Any], str]]]) -> Iterator[tuple[str, str]]:
        """Numbers by differences, from what the points gave."""
        for (first, (example, name)), (second, _) in zip(points[::2], points[1::2]):
            value = example[name]
            low, high = (self.value(text) for text in (first, second))
            if not (_number(low) and _number(high)) or low == high:
                continue
            step = high - low
            try:
                steps = (self.wanted - low) / step
            except OverflowError:  # of ints beyond the floats
                continue
            if abs(steps) > 10**6 or steps != int(steps):
                continue
            found = value + int(steps)
            reason = f"with {name} = {found} it gives {encode(self.wanted)}"
            if found not in (value, value + 1):  # that the further steps are alike is a guess, and told as one
                reason = f"with {name} = {value} it gives {low}, with {name} = {value + 1} it gives {high}, "
                reason += f"so this step adds {step}; if each step does, {name} = {found} gives {encode(self.wanted)}"
            yield from self.whole({**example, name: found}, reason)

    def value(self, given: str) -> Any:
        output = self.runs.outputs[given]
        return None if output is None else decode(output)

    def varied(self) -> list[str]:
        """Inputs beside the nearest misses."""
        misses = sorted((one for one in self.attempts if one.output is not None), key=lambda one: one.distance)[:3]
        found = []
        for number in range(_ROW[self.later]):
            if not misses:
                break
            try:
                found.append(_neighbour(misses[number % len(misses)].input, self.rng))
            except NotData:  # a float that was varied past the largest one
                continue
        return found

    def whole(self, arguments: dict[str, Any], reason: str) -> Iterator[tuple[str, str]]:
        try:
            text = encode(arguments)
        except NotData:
            return
        if len(text) <= 600 and _largest(arguments) <= self.largest * _FARTHER:
            yield text, reason


def _largest(value: Any) -> float:
    """The largest number inside a value, by size."""
    if isinstance(value, dict):
        return max(map(_largest, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return abs(value) if _number(value) else 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_kind(value: Any, example: Any) -> bool:
    if isinstance(value, bool) or isinstance(example, bool):
        return type(value) is type(example)
    if isinstance(value, list) and isinstance(example, list) and value and example:
        return _same_kind(value[0], example[0])
    return type(value) is type(example) or (isinstance(value, int) and isinstance(example, float))


def _parts(wanted: Any) -> Iterator[tuple[Any, str]]:
    shown = encode(wanted)
    yield wanted, shown
    if isinstance(wanted, list | str) and len(wanted) > 1:
        yield wanted[::-1], f"{shown} in reverse"
    if isinstance(wanted, str) and wanted != wanted.swapcase():
        yield wanted.swapcase(), f"{shown} in the other case"
    if isinstance(wanted, list):
        yield from ((item, "") for item in wanted[:2])
        yield [item for part in wanted for item in (part if isinstance(part, list) else [part])], ""
    elif isinstance(wanted, int | float) and not isinstance(wanted, bool):
        yield [wanted], encode([wanted])
    elif isinstance(wanted, dict):
        yield from ((value, "") for value in list(wanted.values())[:2])
        yield list(wanted), ""


def miss(attempt: Attempt, wanted: Any) -> str:
    """Why an attempt missed, as a clause; "" where there is nothing more to say."""
    if attempt.output is None:
        return ""
    value = decode(attempt.output)
    if _number(value) and _number(wanted):
        return "which is too large" if value > wanted else "which is too small"
    if isinstance(value, list | str) and type(value) is type(wanted):
        what = "items" if isinstance(value, list) else "characters"
        if len(value) != len(wanted):
            return f"which has {len(value)} {what} and not {len(wanted)}"
        at = next((number for number, (one, other) in enumerate(zip(value, wanted)) if one != other), None)
        return f"which differs at position {at}" if at is not None else ""
    return ""


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
