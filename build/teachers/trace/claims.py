"""What a telling claims, as types: every sentence of a rationale is the wording of claims, and nothing else.

A claim names the node of the program that it is about, the source line, and the events of the trace that prove it. Values are
texts as `build.sandbox.show` writes them. Claims nest as the run does: a loop holds its rounds, a call its steps.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`node`: number of the program's node; `line`: where it stands in the code; `events`: indices into the trace."""

    node: int
    line: int
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed(Claim):
    """A value and how it comes about, one operation a stage: "5 + arr[3]", "5 + 9", "14". `target`: where it is stored.

    `worded`: the first stage is a phrase ("the length of arr") and not an expression.
    """

    target: str
    stages: tuple[str, ...]
    worded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Together(Claim):
    """Values that are stored at once: each was computed before any was stored."""

    parts: tuple[Computed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Claim):
    """A comparison, a property or a truth value as it turned out; `holds` of the whole clause as it is worded.

    `left` and `right` are operands with their values; `relation` is an operator of the program ("<", "in", "startswith") or
    one of "true", "empty", "zero", "null" for a value that is a condition by itself.
    """

    left: str
    relation: str
    right: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Claim):
    """A container or an object is changed; `how` by what method ("append(5)"), "swap" for two places that change their
    contents, and the state after it where it is told.
    """

    target: str
    how: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned(Claim):
    """A function gives back a value; `stages` as in `Computed`."""

    name: str
    stages: tuple[str, ...]
    worded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised(Claim):
    """An exception: where it comes from a `raise`, a failing expression, or leaves a function; `name` its type."""

    name: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled(Claim):
    """An exception is caught by a handler."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Jumped(Claim):
    """`break` or `continue`."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Yielded(Claim):
    """A generator hands out a value."""

    stages: tuple[str, ...]
    worded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched(Claim):
    """A `match` statement takes a case."""

    subject: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(Claim):
    """Conditions and what is done because of them."""

    conditions: tuple[Claim, ...]
    body: tuple[Claim, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(Claim):
    """One round of a loop or one item of a comprehension: its variables and what is done; `ends`: how it left the loop.

    `changed`: what the round leaves in each variable that it told something about.
    """

    variables: tuple[tuple[str, str], ...]
    body: tuple[Claim, ...]
    changed: tuple[tuple[str, str], ...]
    whole: bool = True  # False: the trace ends inside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop(Claim):
    """A loop: what it goes through ("" for `while`), its rounds, and how it ended ("exhausted", "false", "left")."""

    over: str
    names: tuple[str, ...]
    rounds: tuple["Round | Fold", ...]
    ended: str
    last: tuple[Claim, ...] = ()  # of a `while`: the condition that failed
    comprehension: bool = False
    gives: str = ""  # of a comprehension: what it gives


@dataclass(frozen=True, slots=True, kw_only=True)
class Called(Claim):
    """A function of the program is called: its arguments, what it does, and how it ends (`Returned` or `Raised`, or None)."""

    name: str
    arguments: tuple[tuple[str, str], ...]
    given: tuple[
        tuple[str, str], ...
    ]  # arguments that are worded otherwise: how they are worked out, "" for as it was told
    body: tuple[Claim, ...]
    ending: Claim | None
    repeats: bool = False  # told before with the same arguments and the same steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold(Claim):
    """Rounds alike, claim by claim, to one that was told before: their variables and what they changed.

    `next_to`: the round told before is the one just before them. `every`: what each round changed is stated, not the end alone.
    """

    rounds: tuple["Round", ...]
    like: "Round"
    next_to: bool
    every: bool


@dataclass(slots=True)
class Sentence:
    """Claims in words: a sentence of the telling with its proof."""

    text: str
    claims: list[Claim] = field(default_factory=list)

    def lines(self) -> list[int]:
        return sorted({claim.line for claim in each(self.claims) if claim.line})

    def events(self) -> list[int]:
        return sorted({event for claim in each(self.claims) for event in claim.events})


def each(claims: list[Claim] | tuple[Claim, ...]) -> Iterator[Claim]:
    """The claims with those inside them."""
    for claim in claims:
        yield claim
        yield from each(inner(claim))


def inner(claim: Claim) -> tuple[Claim, ...]:
    """The claims that a claim holds."""
    held = _INNER.get(type(claim))
    return held(claim) if held else ()


_INNER: dict[
    type, Callable[[Any], tuple[Claim, ...]]
] = {  # a chain of `isinstance` would take longer than anything else
    Branch: lambda claim: (*claim.conditions, *claim.body),
    Round: lambda claim: claim.body,
    Together: lambda claim: claim.parts,
    Loop: lambda claim: (*claim.rounds, *claim.last),
    Called: lambda claim: claim.body if claim.ending is None else (*claim.body, claim.ending),
    Fold: lambda claim: claim.rounds,
}


class Shapes:
    """What claims share that are alike, as a number: the same kind about the same node with the same outcome, and alike parts.

    Each claim is looked at once, however often it is asked for.
    """

    def __init__(self) -> None:
        self.known: dict[
            int, tuple[Claim, int]
        ] = {}  # by identity; with the claim, so that no other one gets its place
        self.numbers: dict[tuple[object, ...], int] = {}
        self.looping: dict[int, tuple[Claim, bool]] = {}

    def of(self, claim: Claim) -> int:
        known = self.known.get(id(claim))
        if known is None:
            described = self._described(claim)
            known = self.known[id(claim)] = (claim, self.numbers.setdefault(described, len(self.numbers)))
        return known[1]

    def loops(self, claim: Claim) -> bool:
        """Whether there is a loop in a claim."""
        known = self.looping.get(id(claim))
        if known is None:
            found = isinstance(claim, Loop) or any(self.loops(one) for one in inner(claim))
            known = self.looping[id(claim)] = (claim, found)
        return known[1]

    def _described(self, claim: Claim) -> tuple[object, ...]:
        own: tuple[object, ...] = (type(claim).__name__, claim.node)
        if isinstance(claim, Condition):
            own += (claim.relation, claim.holds)
        elif isinstance(claim, Computed | Returned | Yielded):
            own += (len(claim.stages),)
        elif isinstance(claim, Raised | Handled):
            own += (claim.name,)
        elif isinstance(claim, Loop):  # of rounds alike in a row it does not matter how many there are
            kinds = [self.of(one) for one in claim.rounds]
            runs = tuple(kind for number, kind in enumerate(kinds) if number == 0 or kinds[number - 1] != kind)
            return (*own, claim.ended, runs, tuple(self.of(one) for one in claim.last))
        elif isinstance(claim, Called):
            own += (claim.name, claim.repeats)
        return (*own, tuple(self.of(one) for one in inner(claim)))
