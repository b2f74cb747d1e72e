"""Terms: expressions that are worked out step by step, and what the text of a value tells."""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from build.sandbox.show import Shown
from build.teachers.trace.run import Eval, Part, Turn

LONG = 24  # characters from which a value is referred to by its name where it has one
OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Or: ("or", 1),
    ast.And: ("and", 2),
    ast.Not: ("not", 3),
    ast.BitOr: ("|", 5),
    ast.BitXor: ("^", 6),
    ast.BitAnd: ("&", 7),
    ast.LShift: ("<<", 8),
    ast.RShift: (">>", 8),
    ast.Add: ("+", 9),
    ast.Sub: ("-", 9),
    ast.Mult: ("*", 10),
    ast.Div: ("/", 10),
    ast.FloorDiv: ("//", 10),
    ast.Mod: ("%", 10),
    ast.MatMult: ("@", 10),
    ast.USub: ("-", 11),
    ast.UAdd: ("+", 11),
    ast.Invert: ("~", 11),
    ast.Pow: ("**", 12),
}
RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
COMPARING = 4
_BARE = {1, 2, 4, 5, 6, 7, 8}  # operators whose place in the order of operations is not common knowledge
ATOM = 20
ORDER = {"<", "<=", ">", ">="}


@dataclass(slots=True)
class Term:
    """A part of an expression that is worked out: a leaf with what it is called and its value, or an operator over terms."""

    symbol: str  # of a leaf: what it is called
    value: str
    operands: list["Term"] = field(default_factory=list)
    precedence: int = ATOM
    done: bool = False  # a leaf that is written as its value
    brackets: str = ""  # of a list or tuple that is put together

    def text(self) -> str:
        if not self.operands:
            return self.value if self.done else self.symbol
        if self.brackets:
            return self.brackets[0] + ", ".join(operand.text() for operand in self.operands) + self.brackets[1]
        texts = []
        for number, operand in enumerate(self.operands):
            text = operand.text()
            weak = operand.precedence < self.precedence + (number > 0 and self.precedence != 12)
            weak |= operand.precedence in _BARE or (self.precedence in _BARE and operand.precedence != self.precedence)
            negative = text.startswith("-") and (number > 0 or self.precedence > 10)
            wrapped = (bool(operand.operands) and weak) or (negative and not operand.operands)
            texts.append(f"({text})" if wrapped else text)
        if len(texts) == 1:
            gap = " " if self.symbol == "not" else ""
            return f"{self.symbol}{gap}{texts[0]}"
        return f" {self.symbol} ".join(texts)

    def step(self) -> bool:
        """Name what is only named by its value, else work out each operator whose operands are values; whether that did it."""
        named = [leaf for leaf in self.leaves() if not leaf.done]
        if named:
            for leaf in named:
                leaf.done = True
            return True
        ready = [term for term in self.operators() if not any(operand.operands for operand in term.operands)]
        for term in ready:
            term.operands, term.done, term.precedence = [], True, ATOM
        return bool(ready)

    def leaves(self) -> list["Term"]:
        return [leaf for operand in self.operands for leaf in operand.leaves()] if self.operands else [self]

    def operators(self) -> list["Term"]:
        return [self, *(inner for operand in self.operands for inner in operand.operators())] if self.operands else []

    def stages(self) -> list[str]:
        """The expression as it is, then step by step, to its value."""
        found = [self.text()]
        while self.step():
            if self.text() != found[-1]:
                found.append(self.text())
        return found


def evaluated(node: ast.AST, parts: Sequence[Part]) -> Eval | None:
    """The (last) evaluation of a node among parts."""
    return next((part for part in reversed(parts) if isinstance(part, Eval) and part.node is node), None)


def number(node: ast.AST) -> int:
    return int(node.number)  # type: ignore[attr-defined]


def constant(value: object) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def truth_of(value: Shown) -> bool | None:
    """Whether a value counts as true; None where its text does not tell."""
    if not isinstance(value, str):
        return True if re.match(r"a (list|text|dictionary|tuple|set|frozenset|deque) of [1-9]", value[0]) else None
    if value in ("false", "null", "0", "0.0", "-0.0", '""', "[]", "{}", "()", "set()", "deque([])", "range(0, 0)"):
        return False
    if re.match(r'-?\d|\[|\{|"|true|deque\(\[', value) or (value.startswith("(") and value != "()"):
        return True
    return None


def within(part: Part, node: ast.AST) -> bool:
    if isinstance(part, Eval | Turn):
        return number(node) < number(part.node) <= node.last  # type: ignore[attr-defined]
    return True


def numbers(span: range) -> str:
    """The numbers of a range: "0, 1, 2", or its ends."""
    if not span:
        return "no numbers"
    if len(span) <= 6:
        return ", ".join(map(str, span))
    step = "" if span.step == 1 else f" in steps of {span.step}"
    return f"the numbers from {span[0]} to {span[-1]}{step}"


def failing(node: ast.Compare, values: Sequence[Eval | None]) -> int | None:
    """Which comparison of a chain that does not hold failed, where the operands are numbers."""
    known: list[Any] = []
    for operand, value in zip((node.left, *node.comparators), values):
        if value is None and not isinstance(operand, ast.Constant):
            break
        text = constant(operand.value) if isinstance(operand, ast.Constant) else value.value if value else ""
        try:
            known.append(json.loads(text if isinstance(text, str) else ""))
        except ValueError:
            return None
    checks = {
        ast.Lt: "__lt__",
        ast.LtE: "__le__",
        ast.Gt: "__gt__",
        ast.GtE: "__ge__",
        ast.Eq: "__eq__",
        ast.NotEq: "__ne__",
    }
    for at, operator in enumerate(node.ops):
        name = checks.get(type(operator))
        if name is None or at + 1 >= len(known):
            return None
        if getattr(known[at], name)(known[at + 1]) is not True:
            return at
    return None


def data(value: Shown) -> bool:
    """Whether a value has a content that can be told."""
    return not (isinstance(value, str) and value.startswith("<"))
