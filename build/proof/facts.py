"""What was evaluated in a run, as facts that a text which tells this run may state, and no others.

Operations with their operands, comparisons as they turned out, arguments of calls and the places that were read or written. A
statement can hold by itself ("7 is greater than 2") and still be none about this run.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from build.proof.values import Unreadable, parsed, read, type_like

Kind = str  # "operations", "comparisons", "arguments", "places", and "calls NAME" for each name
_SIGNS = {
    "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "In": "in", "NotIn": "not in",
    "Is": "==", "IsNot": "!=",
}  # fmt: skip
OPPOSITE = {"==": "!=", "<": ">=", ">": "<=", "in": "not in"}
OPPOSITE |= {other: one for one, other in OPPOSITE.items()}
_WORDED = {  # calls that are worded as phrases which the check works out
    "len", "sum", "abs", "max", "min", "sorted", "str", "int", "lower", "upper", "bin", "ord", "chr", "count", "set",
    "tuple", "get", "split", "join", "gcd", "index", "find", "round", "pow", "strip", "reversed",
}  # fmt: skip
_PLACE = re.compile(r"[A-Za-z_][\w.]*\[")


@dataclass(slots=True)
class Facts:
    """Facts by kind; `partly` names the kinds of which some have operands that the trace does not show whole."""

    known: dict[Kind, set[tuple[str, ...]]] = field(default_factory=dict)
    partly: set[Kind] = field(default_factory=set)
    fresh: set[tuple[str, ...]] = field(default_factory=set)  # places since the last moment of the timeline

    def deny(self, kind: Kind, *fact: str) -> bool:
        """Whether a fact is certainly none of this run."""
        return kind not in self.partly and fact not in self.known.get(kind, ())

    def unlike(self, op: str, left: str, right: str) -> bool:
        """Whether two values were certainly not compared like that, with whatever outcome."""
        sign = _SIGNS[op]
        return self.deny("comparisons", sign, left, right) and self.deny("comparisons", OPPOSITE[sign], left, right)

    def made(self, name: str, *given: str) -> bool:
        """Whether something of this name was called, and certainly never with these arguments."""
        return f"calls {name}" in self.known and self.deny(f"calls {name}", *given)

    def add(self, kind: Kind, *fact: str) -> None:
        self.known.setdefault(kind, set()).add(fact)

    def record(self, node: Any, outcome: Any, operands: "Operands") -> None:
        """What an evaluated node, or a statement that was executed, adds. `outcome`: of a comparison, whether it held."""
        if isinstance(node, ast.BinOp):
            self._all("operations", type(node.op).__name__, operands.of(node.left), operands.of(node.right))
        elif isinstance(node, ast.Compare):
            sides = [operands.of(side) for side in (node.left, *node.comparators)]
            for op, left, right in zip(node.ops, sides, sides[1:]):
                sign = _SIGNS[type(op).__name__]
                if outcome is not True:
                    self._all("comparisons", OPPOSITE[sign], left, right)
                if outcome is not False or len(node.ops) > 1:
                    self._all("comparisons", sign, left, right)
        elif isinstance(node, ast.Call):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
            if not node.keywords:
                self._all(f"calls {called}", *(part.id if type_like(part) else operands.of(part) for part in node.args))
            owner = (
                [function.value] if isinstance(function, ast.Attribute) and not operands.module(function.value) else []
            )
            if called in _WORDED:
                given = [operands.of(part) for part in [*owner, *node.args]]
                self._all("arguments", *(sorted(map(str, given)) if None not in given else [None]))
        elif isinstance(node, ast.Subscript):
            self._place(node, operands)
        elif isinstance(node, ast.stmt):
            if isinstance(node, ast.AugAssign):
                self._all("operations", type(node.op).__name__, operands.of(node.target), operands.of(node.value))
            for part in ast.walk(node):
                if isinstance(part, ast.Subscript) and not isinstance(part.ctx, ast.Load):
                    self._place(part, operands)

    def _all(self, kind: Kind, *fact: str | None) -> None:
        if None in fact:
            self.partly.add(kind)
        else:
            self.add(kind, *(part for part in fact if part is not None))

    def _place(self, node: ast.Subscript, operands: "Operands") -> None:
        path = place_of(node, operands)
        if path is None:
            self.partly.add("places")
        else:
            for end in range(2, len(path) + 1):
                self.add("places", *path[:end])
                self.fresh.add(path[:end])


@dataclass(slots=True)
class Operands:
    """What the operands in a frame were when they were evaluated last."""

    frame: int
    last: Mapping[tuple[int, int], Any]
    variables: Mapping[str, Any]

    def of(self, node: Any) -> str | None:
        """The value in one form for each; None where it is not shown whole."""
        if isinstance(node, ast.Constant):
            return repr(node.value)
        shown = self.last.get((self.frame, node.number))
        if shown is None and isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            shown = ast.unparse(node)
        if shown is None and isinstance(node, ast.Name):
            shown = self.variables.get(node.id)
        return _form(shown) if isinstance(shown, str) else None

    def module(self, node: ast.expr) -> bool:
        """Whether a name is none of the variables."""
        if not isinstance(node, ast.Name) or self.last.get((self.frame, node.number)) is not None:  # type: ignore[attr-defined]
            return False
        return node.id not in self.variables


@lru_cache(maxsize=20_000)
def _form(shown: str) -> str | None:
    try:
        return repr(read(shown))
    except Unreadable:
        return None


def turned_out(node: ast.expr, held: bool) -> str:
    """The relation that says how a comparison turned out; "" where the condition is no single one."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return ""
    sign = _SIGNS[type(node.ops[0]).__name__]
    return sign if held else OPPOSITE[sign]


class _Written:
    """Operands as a text writes them."""

    def of(self, node: ast.expr) -> str | None:
        return _form(ast.unparse(node))


def place_of(node: ast.expr, operands: "Operands | _Written") -> tuple[str, ...] | None:
    """A place as its variable and indices: ("grid", "0", "1"); None where they are not known."""
    if isinstance(node, ast.Name | ast.Attribute):
        return (ast.unparse(node),)
    if not isinstance(node, ast.Subscript):
        return ("",)
    holder = place_of(node.value, operands)
    if holder is None:
        return None
    if isinstance(node.slice, ast.Slice):
        ends = [
            "" if part is None else operands.of(part) for part in (node.slice.lower, node.slice.upper, node.slice.step)
        ]
        return None if None in ends else (*holder, ":".join(str(end) for end in ends))
    index = operands.of(node.slice)
    return None if index is None else (*holder, index)


def places(text: str) -> Iterator[tuple[str, ...]]:
    """The places that a text names, outside quotes."""
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', lambda match: '"' + "_" * (len(match.group()) - 2) + '"', text)
    for match in _PLACE.finditer(plain):
        depth, end = 0, match.end() - 1
        while end < len(plain) and (depth or plain[end] == "["):
            depth += {"[": 1, "]": -1}.get(plain[end], 0)
            end += 1
        try:
            path = place_of(parsed(text[match.start() : end]), _Written())
        except Unreadable:
            continue
        if path is not None and len(path) > 1:
            yield path
