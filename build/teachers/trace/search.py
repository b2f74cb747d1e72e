"""Finding an input that gives a wanted output: the embedded teacher's way to answer input questions.

It works back first: what the return expressions demand (`invert`), the output itself in place of an argument of its kind,
numbers by the difference that a step makes. Then it compares inputs that the function is known to take and further ones of its
generator, and last it varies the nearest misses. The pair that is asked for is never looked at.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from build.core.records import PredictionInstance, Rationale, SampledFunction
from build.core.values import values_match
from build.sandbox import DrawRules, Program, Sandbox
from build.sandbox.codec import NotData, decode, encode
from build.teachers.trace.invert import demands
from build.unifiers.static.mutate import mutate

_DRAWN = (6, 24)  # inputs of the generator that are compared for each try of the recipe, at the first turn and later
_VARIED = (6, 15)  # variations of the nearest misses, likewise
_ROW = 4  # candidates executed together
_MAX_SLOW = 1  # candidates over a limit of the sandbox before no more are executed
_LONG_RUN = 5000  # events of a trace
_FARTHER = 50  # times the largest number of the known inputs; farther candidates could run for hours


@dataclass(frozen=True, slots=True)
class Attempt:
    """An input that was tried (canonical JSON), what it gave (None: it failed), how far that is from what is wanted, and why
    it was tried.
    """

    input: str
    output: str | None
    distance: float
    reason: str = ""

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
    """Attempts at the instance's output, ending with the first that is right; at least one.

    With a wrong answer `before`, the search goes on from it and looks further. `tries`: how long it goes on comparing.
    """
    hunt = _Hunt(function, instance, before, seed, sandbox)
    hunt.tries = tries
    hunt.run()
    return hunt.attempts


class _Hunt:
    def __init__(
        self,
        function: SampledFunction,
        instance: PredictionInstance,
        before: Rationale | None,
        seed: int,
        sandbox: Sandbox,
    ) -> None:
        self.program = Program(function.function.code)
        self.function = function
        self.sandbox = sandbox
        self.wanted = decode(instance.output)
        self.known = {pair.input: pair.output for pair in function.pairs if pair.id != instance.parent}
        self.examples = [decode(given) for given in self.known]
        self.before = before
        self.tries = 1
        self.failed = 0
        self.largest = max([_largest(example) for example in self.examples] + [20])
        self.rng = random.Random(f"{seed}/{before.id if before else instance.id}")
        self.draw_seed = self.rng.randrange(2**31)
        self.attempts: list[Attempt] = []
        self.seen: set[str] = {before.verdict.predicted} if before and before.verdict.predicted else set()

    def run(self) -> None:
        later = self.before is not None
        for source in (self.demanded, self.replaced, self.stepped):
            if self.tried(source()):
                return
        if self.tried(((given, "") for given in self.known), self.known):
            return
        if self.failed > _MAX_SLOW or self.long():
            self.settle()
            return
        drawn = dict(self.drawn(_DRAWN[later] * self.tries))
        if self.tried(((given, "") for given in drawn), drawn):
            return
        for _ in range(-(-_VARIED[later] * self.tries // _ROW)):
            if self.failed > _MAX_SLOW or self.tried((each, "") for each in self.varied()):
                break
        self.settle()

    def settle(self) -> None:
        if not self.attempts:  # nothing new could be thought of: the nearest of what is known
            given = next(iter(self.known))
            self.attempts.append(Attempt(given, self.known[given], self.apart(self.known[given])))

    def long(self) -> bool:
        """Whether even a known input makes the function run so long that trying many more would take minutes."""
        return not self.known or self.sandbox.trace(self.program, min(self.known, key=len), _LONG_RUN).truncated

    def tried(self, candidates: "Iterator[tuple[str, str]]", outputs: Mapping[str, str] | None = None) -> bool:
        """Whether a candidate is right; outputs that are known already are not asked for again."""
        fresh = []
        for given, reason in candidates:
            if given not in self.seen:
                self.seen.add(given)
                fresh.append((given, reason))
        for start in range(0, len(fresh), _ROW):
            row = fresh[start : start + _ROW]
            if outputs is None:
                if self.failed > _MAX_SLOW:
                    return False
                called = self.sandbox.call(self.program, [given for given, _ in row])
                self.failed += sum(result.status in ("timeout", "memory", "killed") for result in called)
                results = [result.value if result.status == "ok" else None for result in called]
            else:
                results = [outputs[given] for given, _ in row]
            for (given, reason), output in zip(row, results):
                self.attempts.append(Attempt(given, output, self.apart(output), reason))
                if self.attempts[-1].right:
                    return True
        return False

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

    def stepped(self) -> Iterator[tuple[str, str]]:
        """Numbers by differences: what one more of an argument adds to the output."""
        if not isinstance(self.wanted, int | float) or isinstance(self.wanted, bool):
            return
        for example in self.examples[:2]:
            for name, value in example.items():
                if not isinstance(value, int) or isinstance(value, bool) or self.failed > _MAX_SLOW:
                    continue
                points = {number: self.value({**example, name: number}) for number in (value, value + 1)}
                low, high = points[value], points[value + 1]
                if not (_number(low) and _number(high)) or low == high:
                    continue
                step = high - low
                steps = (self.wanted - low) / step
                if abs(steps) > 10**6 or steps != int(steps):
                    continue
                found = value + int(steps)
                reason = f"with {name} = {found} it gives {encode(self.wanted)}"
                if found not in points:  # that the further steps are alike is a guess, and told as one
                    reason = f"with {name} = {value} it gives {low}, with {name} = {value + 1} it gives {high}, "
                    reason += (
                        f"so this step adds {step}; if each step does, {name} = {found} gives {encode(self.wanted)}"
                    )
                yield from self.whole({**example, name: found}, reason)

    def value(self, arguments: dict[str, Any]) -> Any:
        (result,) = self.sandbox.call(self.program, [encode(arguments)])
        self.failed += result.status in ("timeout", "memory", "killed")
        return decode(result.value) if result.status == "ok" and result.value is not None else None

    def drawn(self, count: int) -> Sequence[tuple[str, str]]:
        """Further inputs of the function's generator, with what they give."""
        generator = self.function.function.generator
        if generator is None:
            return ()
        rules = DrawRules(draws=count * 3, distinct=count)
        return self.sandbox.draw(self.program, generator, rules, self.draw_seed).pairs

    def varied(self) -> list[str]:
        """Inputs beside the nearest misses."""
        misses = sorted((one for one in self.attempts if one.output is not None), key=lambda one: one.distance)[:3]
        found = []
        for number in range(_ROW):
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
