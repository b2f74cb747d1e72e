"""Questions about what happens inside a run, with their answers, from its frames.

    value      what a variable is right after a line
    branch     whether the condition on a line holds
    rounds     how often a loop begins a round in the whole run
    line       which line of the same call comes next, where that is not the one below
    exception  of which type the exception is that a line raises

A line is named by its number and its visit, counted over all calls of the run. Only lines with one statement are asked about,
and only values that are JSON as they are.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from build.core.records import Step, digest
from build.sandbox.codec import NotData, decode, encode
from build.sandbox.instrument import nodes_of
from build.sandbox.show import Shown
from build.teachers.trace.frames import Frame

_MOST_CHARS = 120  # of an answer
# Statements whose order is that of their frames: nothing runs there that has no frame. (`while True` is no line to Python.)
_WATCHED = (
    *(ast.Assign, ast.AugAssign, ast.Expr, ast.Delete, ast.Assert, ast.If, ast.While, ast.For),
    *(ast.Return, ast.Break, ast.Continue, ast.Pass, ast.Raise),
)


def step_questions(code: str, runs: Mapping[str, Sequence[Frame]], count: int) -> dict[str, tuple[Step, ...]]:
    """Up to `count` questions about a function, of as many kinds as there are, by the key of the run that each is about."""
    found: dict[str, list[tuple[str, str, Step]]] = defaultdict(list)
    for key, frames in runs.items():
        for step in steps_of(code, frames):
            found[step.kind].append((digest(key, step.kind, str(step.line), str(step.visit), step.name), key, step))
    ranked = [
        sorted(found[kind], key=lambda each: each[0]) for kind in sorted(found, key=lambda kind: len(found[kind]))
    ]
    turns = [part[place] for place in range(count) for part in ranked if place < len(part)]
    chosen: dict[str, tuple[Step, ...]] = {}
    for _, key, step in turns[:count]:
        chosen[key] = (*chosen.get(key, ()), step)
    return chosen


def steps_of(code: str, frames: Sequence[Frame]) -> Iterator[Step]:
    """Every question that can be asked about a run."""
    nodes = nodes_of(code)
    starts = Counter(node.lineno for node in nodes.values() if isinstance(node, ast.stmt))
    ordered = _in_order(nodes)
    visits: Counter[int] = Counter()
    lines = [place for place, frame in enumerate(frames) if frame.kind == "line"]
    after = {place: len(lines) - number - 1 for number, place in enumerate(lines)}
    following = _following(frames)
    rounds: dict[int, tuple[int, int]] = {}  # of each loop's line: rounds, and the place of the last
    for place in lines:
        frame = frames[place]
        visits[frame.line] += 1
        if starts[frame.line] != 1 or not isinstance(frame.node, ast.stmt):
            continue
        about = (frame.line, visits[frame.line])
        later = following.get(place)
        if isinstance(frame.node, ast.While | ast.For):
            rounds[frame.line] = (rounds.get(frame.line, (0, 0))[0] + bool(frame.holds), place)
        if isinstance(frame.node, ast.If | ast.While) and not isinstance(frame.node.test, ast.Constant):
            yield Step("branch", *about, "", encode(frame.holds), after[place])
        if later is None:
            continue
        if later.kind == "exception" and isinstance(later.value, str):
            yield Step("exception", *about, "", encode(later.value.partition(":")[0]), after[place])
        if later.kind == "line" and frame.node in ordered and _jumps(frame.node, later, ordered):
            yield Step("line", *about, "", str(later.line), after[place])
        for name, answer in _changed(frame, later) if later.kind != "exception" else ():
            yield Step("value", *about, name, answer, after[place])
    for line, (count, place) in rounds.items():
        yield Step("rounds", line, 0, "", str(count), after[place])


def _following(frames: Sequence[Frame]) -> dict[int, Frame]:
    """The next frame of the same call, by the place of each frame; a generator that goes on has none."""
    found: dict[int, Frame] = {}
    last: dict[int, int] = {}
    for place, frame in enumerate(frames):
        if frame.call in last and frame.kind != "call":
            found[last[frame.call]] = frame
        last[frame.call] = place
    return found


def _in_order(nodes: Mapping[int, Any]) -> dict[ast.stmt, ast.stmt | None]:
    """The statements of functions in which each line that runs has a frame, each with the statement below it."""
    found: dict[ast.stmt, ast.stmt | None] = {}
    for function in nodes.values():
        if not isinstance(function, ast.FunctionDef):
            continue
        inside = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and node is not function]
        endless = any(isinstance(node, ast.While) and isinstance(node.test, ast.Constant) for node in inside)
        if not endless and all(isinstance(node, _WATCHED) for node in inside):
            inside.sort(key=lambda node: node.lineno)
            found |= dict(zip(inside, [*inside[1:], None]))
    return found


def _jumps(node: ast.stmt, later: Frame, ordered: Mapping[ast.stmt, ast.stmt | None]) -> bool:
    return later.node is not ordered[node] or isinstance(node, ast.If | ast.While)


def _changed(frame: Frame, later: Frame) -> Iterator[tuple[str, str]]:
    """The variables that a line changes, with their values as canonical JSON; not where the line itself says the value."""
    if isinstance(frame.node, ast.Assign) and isinstance(frame.node.value, ast.Constant):
        return
    for name, value in later.variables.items():
        if frame.variables.get(name) != value and (answer := _as_json(value)) is not None:
            yield name, answer


def _as_json(value: Shown) -> str | None:
    """A value of a trace as canonical JSON; None where it is no JSON as it stands (a tuple, a set, an object), or long."""
    if not isinstance(value, str) or len(value) > _MOST_CHARS:
        return None
    try:
        return encode(decode(value))
    except (NotData, ValueError):
        return None
