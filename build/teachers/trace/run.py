"""A trace as a tree: calls, the statements that ran in each, and the expressions that each statement evaluated.

The events are a flat list in order of time (`build.sandbox.tracer`). Here they are laid over the program's syntax tree, whose
nodes are numbered as they were when the program was traced.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from build.sandbox.instrument import nodes_of
from build.sandbox.show import Shown


@dataclass(slots=True)
class Eval:
    """An expression that was evaluated once, with what it was evaluated from, in order; `truth` where only that counted."""

    node: ast.expr
    value: Shown
    event: int
    parts: list["Part"] = field(default_factory=list)
    truth: bool | None = None


@dataclass(slots=True)
class Turn:
    """An item of a comprehension begins; the values of its loop's variables."""

    node: ast.comprehension
    values: tuple[Shown, ...]
    event: int


@dataclass(slots=True)
class Resumed:
    """A generator goes on; `start` is where its further items begin."""

    call: "Call"
    start: int
    event: int


@dataclass(slots=True)
class Item:
    """Something that happened in a call: the kind and node of its event, what was evaluated for it, what it changed."""

    kind: str
    node: ast.AST
    event: int
    parts: list["Part"]
    changed: Mapping[str, Shown]
    value: Shown = ""
    truth: bool | None = None
    before: dict[int, Shown | None] = field(default_factory=dict)  # by the number of the node that is stored into
    after: dict[int, Shown | None] = field(default_factory=dict)
    message: str = ""


@dataclass(slots=True)
class Call:
    """A run of one of the program's functions. `raised` names the exception that left it; "" for none."""

    name: str
    node: ast.FunctionDef | ast.Lambda
    frame: int
    event: int
    arguments: Mapping[str, Shown]
    sees: Mapping[str, Shown]
    items: list[Item] = field(default_factory=list)
    value: Shown | None = None
    raised: str = ""
    ended: bool = False
    pending: list["Part"] = field(default_factory=list)
    places: tuple[dict[int, Shown | None], dict[int, Shown | None]] = field(default_factory=lambda: ({}, {}))

    @property
    def generates(self) -> bool:
        return any(item.kind == "yield" for item in self.items)


Part = Eval | Turn | Resumed | Call


@dataclass(frozen=True, slots=True)
class Run:
    """The call of `main_solution`, None where nothing was seen, and the nodes of the program by number."""

    main: Call | None
    nodes: Mapping[int, Any]
    truncated: bool


def read_run(code: str, events: Sequence[Mapping[str, Any]], truncated: bool) -> Run:
    """The tree of a trace of `code`. Raises RecursionError where the program is too deep."""
    nodes = nodes_of(code)
    tests = {vars(node.test)["number"] for node in nodes.values() if isinstance(node, ast.If | ast.While | ast.Assert)}
    calls: dict[int, Call] = {}
    main: Call | None = None
    for index, event in enumerate(events):
        kind, node = event["t"], nodes[event["n"]]
        if kind == "call":
            call = Call(event["f"], node, event["fr"], index, event["args"], event["sees"])
            calls[call.frame] = call
            main = main or call
            if event["up"] in calls:
                calls[event["up"]].pending.append(call)
            continue
        mine = calls.get(event["fr"])
        if mine is None:
            continue
        if kind in ("value", "iterable", "truth"):
            last = mine.pending[-1] if mine.pending else None
            if kind == "iterable" and isinstance(last, Eval) and last.node is node:
                continue  # seen as a value just now
            done = Eval(node, event["v"], index, _taken(mine.pending, node), event.get("b"))
            if kind == "truth" and node.number in tests:
                item = Item("test", node, index, done.parts, event.get("set", {}), event["v"], event["b"])
                item.parts = [*mine.pending, *done.parts]
                mine.pending = []
                mine.items.append(item)
            else:
                mine.pending.append(done)
        elif kind == "round" and "vars" in event:
            mine.pending.append(Turn(node, tuple(event["vars"]), index))
        elif kind in ("old", "new"):
            mine.places[kind == "new"][node.number] = event.get("v")
        elif kind == "resume":
            item = Item("resume", node, index, [], {}, event["v"])
            if event["up"] in calls:
                calls[event["up"]].pending.append(Resumed(mine, len(mine.items), index))
            mine.items.append(item)
        elif kind == "raised":
            mine.raised = event["e"]
        elif kind == "leave":
            mine.ended = True
        else:
            item = Item(kind, node, index, mine.pending, event.get("set", {}), event.get("v", event.get("e", "")))
            item.before, item.after = mine.places
            item.message = event.get("m", "")
            mine.places, mine.pending = ({}, {}), []
            mine.items.append(item)
            if kind == "return":
                mine.value = event["v"]
    return Run(main, nodes, truncated)


def _taken(pending: list[Part], node: Any) -> list[Part]:
    """Those at the end of what is pending that were evaluated for the node, taken out."""
    at = len(pending)
    if node.last > node.number:
        while at and _belongs(pending[at - 1], node):
            at -= 1
    taken = pending[at:]
    del pending[at:]
    return taken


def _belongs(part: Part, node: Any) -> bool:
    if isinstance(part, Eval | Turn):
        return bool(node.number <= part.node.number <= node.last)  # type: ignore[union-attr]
    return True


def evals(parts: Sequence[Part]) -> Iterator[Eval]:
    return (part for part in parts if isinstance(part, Eval))
