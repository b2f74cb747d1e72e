"""Folds loops: rounds that are alike to one told before, claim by claim, are told by their variables and results.

Rounds are alike when they have the same claims about the same nodes with the same outcomes; only values differ. A round that
differs in a single condition is told by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from build.teachers.trace.claims import Branch, Called, Claim, Fold, Loop, Round, Shapes

_SHORT = 24  # characters of a value that may be stated for every round


@dataclass(frozen=True, slots=True)
class Folding:
    """`full`: rounds of one shape that are told in full; `every`: how many rounds in a row have each of their results stated;
    `apart`: whether rounds alike to one further back are folded too.
    """

    full: int
    every: int
    apart: bool


def fold(claims: Sequence[Claim], how: Folding, shapes: Shapes) -> tuple[Claim, ...]:
    """The claims with their loops folded, from the inside out."""
    return tuple(_folded(claim, how, shapes) for claim in claims)


def _folded(claim: Claim, how: Folding, shapes: Shapes) -> Claim:
    if not shapes.loops(claim):
        return claim
    if isinstance(claim, Branch):
        return replace(claim, conditions=fold(claim.conditions, how, shapes), body=fold(claim.body, how, shapes))
    if isinstance(claim, Called):
        return replace(claim, body=fold(claim.body, how, shapes))
    if isinstance(claim, Round):
        return replace(claim, body=fold(claim.body, how, shapes))
    if isinstance(claim, Loop):
        return replace(claim, rounds=tuple(_rounds(claim, how, shapes)), last=fold(claim.last, how, shapes))
    return claim


def _rounds(loop: Loop, how: Folding, shapes: Shapes) -> list[Round | Fold]:
    rounds = [one for one in loop.rounds if isinstance(one, Round)]
    if not loop.comprehension and not any(one.body for one in rounds):
        return []  # nothing happens in any of them
    kinds = [shapes.of(one) for one in rounds]
    told: dict[int, list[int]] = {}
    done: list[Round | Fold] = []
    at = 0
    while at < len(rounds):
        kind = kinds[at]
        known = told.setdefault(kind, [])
        end = at
        while end < len(rounds) and kinds[end] == kind:
            end += 1
        row = rounds[at:end]
        apart = next((one for one in reversed(known) if _named(one, rounds, kinds)), None) if how.apart else None
        if at > 0 and apart is None:
            known = []  # in a row of its own, it is told again from the start
        named = any(name for name, _ in rounds[at].variables)
        full = how.full if named or not loop.comprehension else 1  # what is told of items without a name is told once
        missing = max(full - len(known), 0)
        if len(row) - missing < (1 if known else 2):
            missing = len(row)
        told[kind] += range(at, at + missing)
        done += [_folded(one, how, shapes) for one in row[:missing]]  # type: ignore[misc]
        rest = row[missing:]
        if rest:
            like = rounds[told[kind][-1] if missing or apart is None else apart]
            next_to = missing > 0
            every = len(rest) <= how.every and all(_fits(one) for one in rest)
            line, events = rest[0].line, tuple(event for one in rest for event in one.events)
            done.append(
                Fold(
                    node=loop.node,
                    line=line,
                    events=events,
                    rounds=tuple(rest),
                    like=like,
                    next_to=next_to,
                    every=every,
                )
            )
        at = end
    return done


def _named(at: int, rounds: Sequence[Round], kinds: Sequence[int]) -> bool:
    """Whether a round can be referred to by its variables: it has some, and no round of another shape has the same."""
    variables = rounds[at].variables
    if not any(name for name, _ in variables):
        return False
    return all(kinds[n] == kinds[at] for n, other in enumerate(rounds) if other.variables == variables)


def _fits(one: Round) -> bool:
    return all(len(value) <= _SHORT for _, value in (*one.variables, *one.changed)) and len(one.changed) <= 4
