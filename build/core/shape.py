"""Tells from a watched call how much work it was: the difficulty of a question, as far as it can be counted."""

from itertools import pairwise

from build.core.records import Shape
from build.sandbox import Trace
from build.sandbox.instrument import nodes_of

Arcs = frozenset[tuple[int, int]]

_STEPS = {"step", "truth", "round", "return", "jump", "yield"}  # events that are one piece of work each


def lines_of(code: str) -> dict[int, int]:
    """The line of each numbered node of a program; none where it does not parse."""
    try:
        return {number: getattr(node, "lineno", 0) for number, node in nodes_of(code).items()}
    except Exception:  # whatever the parser raises about a text
        return {}


def shape_of(lines: dict[int, int], trace: Trace) -> tuple[Shape | None, Arcs]:
    """The shape of a call, None where it could not be watched to a result; and which node followed which.

    A trace holds a bounded number of events, so the counts of a long run are those of what it holds, and `cut` is true.
    """
    if trace.result.status != "ok":
        return None, frozenset()
    depth = {0: 0}
    for event in trace.events:
        if event["t"] == "call":
            depth[event["fr"]] = depth.get(event["up"], 0) + 1
    nodes = [event["n"] for event in trace.events if event["t"] in _STEPS]
    shape = Shape(
        steps=len(nodes),
        lines=len({lines.get(node, 0) for node in nodes}),
        branches=sum(event["t"] == "truth" for event in trace.events),
        depth=max(depth.values()),
        rounds=sum(event["t"] == "round" for event in trace.events),
        cut=trace.truncated,
    )
    return shape, frozenset(pairwise(nodes))
