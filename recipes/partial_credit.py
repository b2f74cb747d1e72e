"""Rewards beside right or wrong, for policies that are seldom right: how close an answer is, and whether its form is right.

Both are shaping: a policy can raise them without being right, so they are off unless asked for. Environment packages carry this
module with them, so it needs nothing but the standard library.
"""

import json
import re
from itertools import takewhile
from typing import Any

_OF_A_WRONG_ANSWER = 0.9  # at the most: being right is always worth more
_MOST_COMPARED = 5_000  # values, of one answer
_MOST_CHARS = 2_000  # of a text that is compared
_MOST_READ = 200_000  # characters of a response, from its end
_FUNCTION = re.compile(r"[^\n]*\n(?:.*\n)?(?:def main_solution\b|main_solution *=)", re.DOTALL)
_OBJECT = re.compile(r'\{\s*"[a-z]+"\s*:')


def partial_credit(task: str, output: str, status: str, predicted: str | None, actual: str | None) -> float:
    """1.0 for a right answer; for a wrong one the closeness of what was wanted to what the answer comes to, under 1.

    `output` is the question's, the others are the verdict's. An answer about an output or a step is compared with it; of an
    input answer, what that input gives is. 0.0 where there is nothing to compare: no answer, an exception, a timeout, a
    function.
    """
    if status == "correct":
        return 1.0
    found = actual if task == "input" else predicted
    if found is None or status not in ("wrong_output", "wrong_input", "wrong_step"):
        return 0.0
    try:
        return _OF_A_WRONG_ANSWER * closeness(json.loads(found), json.loads(output))
    except (ValueError, RecursionError):
        return 0.0


def closeness(found: Any, wanted: Any) -> float:
    """How close one JSON value is to another, 0.0 to 1.0; values of different types are far apart.

    Numbers by their relative distance, texts by what they begin and end with, lists place by place, dicts key by key.
    """
    return _closeness(found, wanted, [_MOST_COMPARED])


def _closeness(found: Any, wanted: Any, room: list[int]) -> float:
    room[0] -= 1
    if room[0] < 0:
        return 0.0
    if isinstance(found, bool) or isinstance(wanted, bool) or found is None or wanted is None:
        return float(found is wanted)
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        try:
            return float(1 / (1 + abs(found - wanted) / max(abs(wanted), 1)))
        except OverflowError:
            return 0.0
    if isinstance(found, str) and isinstance(wanted, str):
        return _text_closeness(found, wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        longest = max(len(found), len(wanted))
        return sum(_closeness(one, other, room) for one, other in zip(found, wanted)) / longest if longest else 1.0
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = found.keys() | wanted.keys()
        common = found.keys() & wanted.keys()
        return sum(_closeness(found[key], wanted[key], room) for key in sorted(common)) / len(keys) if keys else 1.0
    return 0.0


def _text_closeness(found: str, wanted: str) -> float:
    if found == wanted:
        return 1.0
    longest, shortest = max(len(found), len(wanted)), min(len(found), len(wanted))
    return min(_common(found, wanted) + _common(found[::-1], wanted[::-1]), shortest) / longest


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    pairs = zip(one[:_MOST_CHARS], other[:_MOST_CHARS])
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def well_formed(response: str, task: str) -> float:
    """1.0 when what a response says, its thinking apart, ends with one JSON object that holds the answer and nothing else; of
    an induction, with a fenced block that defines the function.
    """
    said = response.rpartition("</think>")[2][-_MOST_READ:].rstrip()
    if task == "induction":
        return float(
            said.endswith("```") and _FUNCTION.match(said.removesuffix("```").rpartition("```")[2]) is not None
        )
    said = said.removesuffix("```").rstrip()
    begins = [found.start() for found in _OBJECT.finditer(said)]
    for begin in begins[-8:]:
        try:
            found = json.loads(said[begin:])
        except (ValueError, RecursionError):
            continue
        return float(isinstance(found, dict) and list(found) == [task])
    return 0.0
