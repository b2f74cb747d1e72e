"""A trace as a timeline: what the variables of the running function were after every event, and what has to be told."""

import ast
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from build.proof.facts import Facts, Operands, place_of
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
    places: frozenset[tuple[str, ...]] = frozenset()  # that were looked at or stored into since the moment before
    targets: frozenset[tuple[str, ...]] | None = None  # of an assignment: the places stored into; None where not known


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
    reused: set[str] = field(default_factory=set)  # variables of more than one loop
    facts: Facts = field(default_factory=Facts)

    def rounds(self, node: int, frame: int) -> list[Point]:
        """The rounds of a loop in a frame, in order: of a `for` its round events, of a `while` its condition's."""
        return [point for point in self.points if point.frame == frame and point.node.number == node]


def read_timeline(code: str, events: Sequence[Mapping[str, Any]]) -> Timeline:
    """The timeline of a trace of `code`."""
    nodes = _linked(code)
    tests = {vars(node.test)["number"] for node in nodes.values() if isinstance(node, ast.If | ast.While | ast.Assert)}
    tests |= {
        vars(test)["number"] for node in nodes.values() if isinstance(node, ast.comprehension) for test in node.ifs
    }
    for node in nodes.values():  # what is handed back is decided by the parts of an `and` or `or`
        if isinstance(node, ast.Return) and isinstance(node.value, ast.BoolOp):
            tests |= {vars(part)["number"] for part in node.value.values if isinstance(part, ast.Compare)}
    functions = {node.name for node in nodes.values() if isinstance(node, ast.FunctionDef)}
    line = Timeline(length=len(events), reused=_reused(nodes))
    now: dict[int, dict[str, Any]] = {}
    main = events[0]["fr"] if events else 0
    called: set[int] = set()  # frames that called something since their last moment
    last: dict[tuple[int, int], Any] = {}
    for index, event in enumerate(events):
        kind, frame, node = event["t"], event["fr"], nodes[event["n"]]
        before = now.get(frame, {})
        if kind == "call":
            called.add(event["up"])
            now[frame] = {**event["sees"], **event["args"]}
            line.calls[frame] = Span(event["f"], frame, event["up"], index, event["args"])
            line.points.append(Point(index, kind, node, frame, now[frame], {}, changed=tuple(event["args"])))
            continue
        if kind in ("value", "truth", "iterable"):
            line.results.append((index, node, event["v"], frame))
            last[frame, node.number] = event["v"]
            truth = event["b"] if kind == "truth" else {"true": True, "false": False}.get(str(event["v"]))
            line.facts.record(node, truth, Operands(frame, last, before))
        elif kind == "old":
            last[frame, node.number] = event.get("v", "")
        elif kind == "step":
            line.facts.record(node, None, Operands(frame, last, before))
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
        if kind == "step":
            point.targets = _targets(node, Operands(frame, last, before))
        point.places, line.facts.fresh = frozenset(line.facts.fresh), set()
        line.points.append(point)
        handed = kind == "step" and isinstance(node, ast.Expr) and frame in called  # due inside the call
        called.discard(frame)
        stored = kind == "step" and _stores(node, after)
        if kind == "step" and (changed or stored) and not handed:
            line.due[index] = "change"
        elif kind == "truth" and node.number in tests and not _shown_by_calls(node, functions):
            line.due[index] = "condition"
        elif kind == "return" and frame != main and event["v"] != "null" and line.calls[frame].name != "lambda":
            line.due[index] = "result"
    return line


def _reused(nodes: Mapping[int, Any]) -> set[str]:
    loops = [node.target for node in nodes.values() if isinstance(node, ast.For | ast.comprehension)]
    names = Counter(part.id for target in loops for part in ast.walk(target) if isinstance(part, ast.Name))
    return {name for name, count in names.items() if count > 1}


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


def _shown_by_calls(node: ast.expr, functions: Collection[str]) -> bool:
    """Whether nothing decides a condition but what calls of the program's functions gave, which is due there."""
    if isinstance(node, ast.BoolOp):
        return all(_shown_by_calls(part, functions) for part in node.values)
    if isinstance(node, ast.UnaryOp):
        return _shown_by_calls(node.operand, functions)
    called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    return isinstance(node, ast.Constant) or called in functions


def _stores(node: ast.stmt, variables: Mapping[str, Any]) -> bool:
    """Whether a statement stores a value that can be told, be it the one that was there before."""
    if isinstance(node, ast.AugAssign):
        return True
    targets = node.targets if isinstance(node, ast.Assign) else []
    names = [ast.unparse(target.value if isinstance(target, ast.Subscript) else target) for target in targets]
    return any(isinstance(shown := variables.get(name), str) and not shown.startswith("<") for name in names)


def _targets(node: ast.stmt, operands: Operands) -> frozenset[tuple[str, ...]] | None:
    """The places that an assignment stores into, as far as they are known."""
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return None
    stored = (ast.Name, ast.Subscript, ast.Attribute)
    written = [part for part in ast.walk(node) if isinstance(part, stored) and not isinstance(part.ctx, ast.Load)]
    found = [place_of(part, operands) for part in written]
    return None if None in found else frozenset(path for path in found if path is not None)
