"""A trace as a timeline: what the variables of the running function were after every event, and what has to be told."""

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from build.proof.values import Unreadable, read
from build.sandbox.instrument import nodes_of


@dataclass(slots=True)
class Point:
    """The state right after an event: the variables of its frame, as texts, and those just before."""

    event: int
    kind: str
    node: Any
    frame: int
    variables: Mapping[str, Any]
    before: Mapping[str, Any]
    value: Any = None
    truth: bool | None = None
    changed: tuple[str, ...] = ()


@dataclass(slots=True)
class Span:
    """A call: its function, arguments, and the events from its start to its end."""

    name: str
    frame: int
    up: int
    first: int
    arguments: Mapping[str, Any]
    last: int = -1
    value: Any = None
    raised: str = ""


@dataclass(slots=True)
class Timeline:
    """`due`: the events that a complete telling has to cover: changes, conditions of statements, results of calls."""

    points: list[Point] = field(default_factory=list)
    calls: dict[int, Span] = field(default_factory=dict)
    due: dict[int, str] = field(default_factory=dict)
    results: list[tuple[int, Any, Any, int]] = field(default_factory=list)  # event, node, value, frame of expressions
    length: int = 0
    whole: bool = True  # whether all operands are shown
    operations: set[tuple[str, str, str]] = field(default_factory=set)  # operators with the operands they were given

    def rounds(self, node: int, frame: int) -> list[Point]:
        """The rounds of a loop in a frame, in order: of a `for` its round events, of a `while` its condition's."""
        return [point for point in self.points if point.frame == frame and point.node.number == node]


def read_timeline(code: str, events: Sequence[Mapping[str, Any]]) -> Timeline:
    """The timeline of a trace of `code`."""
    nodes = _linked(code)
    tests = {vars(node.test)["number"] for node in nodes.values() if isinstance(node, ast.If | ast.While)}
    line = Timeline(length=len(events))
    now: dict[int, dict[str, Any]] = {}
    main = events[0]["fr"] if events else 0
    called = False
    last: dict[tuple[int, int], Any] = {}
    for index, event in enumerate(events):
        kind, frame, node = event["t"], event["fr"], nodes[event["n"]]
        before = now.get(frame, {})
        if kind == "call":
            called = True
            now[frame] = {**event["sees"], **event["args"]}
            line.calls[frame] = Span(event["f"], frame, event["up"], index, event["args"])
            line.points.append(Point(index, kind, node, frame, now[frame], {}, changed=tuple(event["args"])))
            continue
        if kind in ("value", "truth", "iterable"):
            line.results.append((index, node, event["v"], frame))
            last[frame, node.number] = event["v"]
            if isinstance(node, ast.BinOp):
                _operation(line, node.op, _shown(node.left, frame, last), _shown(node.right, frame, last))
        elif kind == "old":
            last[frame, node.number] = event.get("v", "")
        elif kind == "step" and isinstance(node, ast.AugAssign):
            target = node.target
            old = (
                before.get(target.id, "")
                if isinstance(target, ast.Name)
                else last.get((frame, vars(target)["number"]), "")
            )
            _operation(line, node.op, old, _shown(node.value, frame, last))
        if kind == "raised" and frame in line.calls:
            line.calls[frame].raised = event["e"]
        if kind == "leave" and frame in line.calls:
            line.calls[frame].last = index
        if kind in ("value", "iterable", "old", "new", "leave", "resume", "exhausted", "raised"):
            continue
        changed = {name: value for name, value in event.get("set", {}).items() if not str(value).startswith("<")}
        after = {**before, **changed} if changed else before
        if kind == "round" and "vars" in event:
            names = [name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)]
            after = {**before, **dict(zip(names, event["vars"]))}
        now[frame] = dict(after)
        if kind == "return" and frame in line.calls:
            line.calls[frame].value = event["v"]
        point = Point(
            index, kind, node, frame, after, before, event.get("v", event.get("e")), event.get("b"), tuple(changed)
        )
        line.points.append(point)
        handed = kind == "step" and isinstance(node, ast.Expr) and called  # what a call changed is due inside the call
        called = False
        if kind == "step" and changed and not handed:
            line.due[index] = "change"
        elif kind == "truth" and node.number in tests and not isinstance(node, ast.Constant):
            line.due[index] = "condition"
        elif kind == "return" and frame != main and event["v"] != "null" and line.calls[frame].name != "lambda":
            line.due[index] = "result"
    return line


@lru_cache(maxsize=4)
def _linked(code: str) -> Mapping[int, Any]:
    """The nodes of a program by number, each with the one above it; a condition knows its loop, a loop its comprehension."""
    nodes = nodes_of(code)
    for node in nodes.values():
        for child in ast.iter_child_nodes(node):
            child.above = node  # type: ignore[attr-defined]
        if isinstance(node, ast.While):
            node.test.loop_last = vars(node)["last"]  # type: ignore[attr-defined]
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            for loop in node.generators:
                loop.whole = (vars(node)["number"], vars(node)["last"])  # type: ignore[attr-defined]
    return nodes


def _shown(node: Any, frame: int, last: Mapping[tuple[int, int], Any]) -> Any:
    """What an operand was when it was evaluated last."""
    if isinstance(node, ast.Constant):
        return json.dumps(node.value) if isinstance(node.value, str | bool) or node.value is None else repr(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return ast.unparse(node)
    return last.get((frame, node.number), "")


def _operation(line: Timeline, op: ast.operator, left: Any, right: Any) -> None:
    if isinstance(left, str) and isinstance(right, str):
        try:
            line.operations.add((type(op).__name__, repr(read(left)), repr(read(right))))
        except Unreadable:
            line.whole = False
    else:
        line.whole = False
