"""Finds out by experiment why a function is not deterministic: runs it again with one thing at a time taken from replica 2."""

from collections.abc import Sequence

from build.sandbox.api import Sandbox
from build.sandbox.contract import ASPECTS, CallResult, Program


def cause(sandbox: Sandbox, program: Program, inputs: Sequence[str]) -> str:
    """What the results depend on besides the inputs: names of `ASPECTS` joined by "+", or "" when nothing is found.

    "random" stands for seeded random numbers and for entropy that nobody can seed (a plain second run differs already);
    "hash_order" also for addresses of objects; "state" for what one call leaves behind for the next.
    """
    first = _outcomes(sandbox.call(program, inputs))
    if _outcomes(sandbox.call(program, inputs)) != first:
        return "random"
    return "+".join(aspect for aspect in ASPECTS if _outcomes(sandbox.call(program, inputs, vary=[aspect])) != first)


def _outcomes(results: Sequence[CallResult]) -> list[tuple[str, str | None]]:
    return [(result.status, result.value) for result in results]
