"""Reads the values and expressions that a text states, with variables as a trace has them at some point.

What is read is a small part of Python's expressions, evaluated here without running anything: numbers, texts, containers,
names, items and attributes, arithmetic, comparisons. Whatever else a text holds is `Unreadable`.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeGuard

_MAX_CHARS = 1500
_MAX_DIGITS = 2000

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.Pow: operator.pow,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: lambda left, right: left is right if left is None or right is None else left == right,
    ast.IsNot: lambda left, right: left is not right if left is None or right is None else left != right,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_NUMBERS: dict[str, Callable[..., Any]] = {"Decimal": Decimal, "Fraction": Fraction}
_TYPES = {"int", "float", "str", "list", "dict", "set", "tuple", "bool", "complex", "object"}
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_WORDS |= {"inf": float("inf"), "nan": float("nan")}


class Unreadable(Exception):
    """The text is no expression that can be evaluated here."""


class Thing:
    """An object of the program's own class, or a queue, by its name and content."""

    def __init__(self, name: str, items: tuple[Any, ...], fields: dict[str, Any]) -> None:
        self.name, self.items, self.fields = name, items, fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and (self.name, self.items, self.fields) == (
            other.name,
            other.items,
            other.fields,
        )

    def __repr__(self) -> str:
        return f"{self.name}({self.items}, {self.fields})"

    def __hash__(self) -> int:
        return hash((self.name, len(self.items)))

    def __len__(self) -> int:
        return len(self.items[0]) if self.items else len(self.fields)

    def __contains__(self, item: object) -> bool:
        return bool(self.items) and item in self.items[0]


def read(text: str, variables: Mapping[str, Any] | None = None) -> Any:
    """The value of a text. `variables`: texts of values, or [in short, digest], by name. Raises `Unreadable`."""
    return _eval(parsed(text.strip()), variables or {})


@lru_cache(maxsize=20_000)
def parsed(text: str) -> ast.expr:
    if not text or len(text) > _MAX_CHARS or text.startswith("<"):
        raise Unreadable(text[:40])
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(text[:40]) from error


@lru_cache(maxsize=20_000)
def _constant_text(text: str) -> Any:
    return _eval(parsed(text), {})


def names_of(text: str) -> set[str]:
    """The names in an expression; none where it is not readable."""
    try:
        return {node.id for node in ast.walk(parsed(text.strip())) if isinstance(node, ast.Name)} - set(_WORDS)
    except Unreadable:
        return set()


def operations_of(text: str) -> list[tuple[str, str, str]]:
    """The operators in an expression whose operands are written as values, with these."""
    found = []
    try:
        tree = parsed(text.strip())
    except Unreadable:
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            try:
                found.append((type(node.op).__name__, repr(_eval(node.left, {})), repr(_eval(node.right, {}))))
            except Unreadable:
                continue
    return found


def calls_of(text: str) -> list[tuple[str, ...]]:
    """The calls in an expression whose arguments are written as values, with these."""
    found: list[tuple[str, ...]] = []
    if re.search(r"[\w\])\"] \(", text):  # a value that is stated with an operand: "keys ({})"
        return found
    try:
        tree = parsed(text.strip())
    except Unreadable:
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not node.keywords and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            try:
                given = [part.id if type_like(part) else repr(_eval(part, {})) for part in node.args]
            except Unreadable:
                continue
            if name not in ("deque", "range", "set") and not name.lstrip("_")[:1].isupper():  # no way to write a value
                found.append((name, *given))
    return found


def type_like(node: ast.expr) -> TypeGuard[ast.Name]:
    """Whether an argument is a name for a type, and so stands for itself: "isinstance(3, int)"."""
    return isinstance(node, ast.Name) and (node.id in _TYPES or node.id[:1].isupper())


def comparisons_of(text: str) -> list[tuple[str, str, str]]:
    """The comparisons of two values in an expression, likewise."""
    found: list[tuple[str, str, str]] = []
    try:
        tree = parsed(text.strip())
    except Unreadable:
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            try:
                sides = repr(_eval(node.left, {})), repr(_eval(node.comparators[0], {}))
                found.append((type(node.ops[0]).__name__, *sides))
            except Unreadable:
                continue
    return found


def _eval(node: ast.expr, variables: Mapping[str, Any]) -> Any:
    try:
        return _evaluated(node, variables)
    except Unreadable:
        raise
    except Exception as error:  # whatever an operation on these values raises
        raise Unreadable(type(error).__name__) from error


def _evaluated(node: ast.expr, variables: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return _name(node.id, variables)
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](_eval(node.operand, variables))
    if isinstance(node, ast.BinOp):
        return _binary(node, variables)
    if isinstance(node, ast.BoolOp):
        values = [_eval(part, variables) for part in node.values]
        deciding = isinstance(node.op, ast.Or)
        return next((value for value in values if bool(value) == deciding), values[-1])
    if isinstance(node, ast.Compare):
        left = _eval(node.left, variables)
        for op, comparator in zip(node.ops, node.comparators):
            right = _eval(comparator, variables)
            if not COMPARISONS[type(op)](left, right):
                return False
            left = right
        return True
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        items = [_eval(part, variables) for part in node.elts]
        if isinstance(node, ast.Set):
            return frozenset(_hashable(item) for item in items)
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict):
        return {
            _hashable(_eval(key, variables)): _eval(value, variables)
            for key, value in zip(node.keys, node.values)
            if key is not None
        }
    if isinstance(node, ast.Subscript):
        return _item(node, variables)
    if isinstance(node, ast.Attribute):
        holder = _eval(node.value, variables)
        if isinstance(holder, Thing) and node.attr in holder.fields:
            return holder.fields[node.attr]
        raise Unreadable(node.attr)
    if isinstance(node, ast.Call):
        return _thing(node, variables)
    raise Unreadable(type(node).__name__)


def _name(name: str, variables: Mapping[str, Any]) -> Any:
    if name in variables:
        shown = variables[name]
        if not isinstance(shown, str):
            raise Unreadable("a value that is not shown whole")
        return _constant_text(shown)
    if name in _WORDS:
        return _WORDS[name]
    raise Unreadable(name)


def _binary(node: ast.BinOp, variables: Mapping[str, Any]) -> Any:
    left, right = _eval(node.left, variables), _eval(node.right, variables)
    if isinstance(node.op, ast.Pow | ast.LShift) and not (
        isinstance(left, int | float) and isinstance(right, int | float) and abs(right) < 500 and abs(left) < 10**50
    ):
        raise Unreadable("too large")
    if isinstance(node.op, ast.Mult) and any(
        isinstance(side, int) and abs(side) > 10**_MAX_DIGITS for side in (left, right)
    ):
        raise Unreadable("too large")
    return _BINARY[type(node.op)](left, right)


def _item(node: ast.Subscript, variables: Mapping[str, Any]) -> Any:
    holder = _eval(node.value, variables)
    if isinstance(holder, Thing) and holder.items:
        holder = holder.items[0]
    if isinstance(node.slice, ast.Slice):
        ends = [
            None if part is None else _eval(part, variables)
            for part in (node.slice.lower, node.slice.upper, node.slice.step)
        ]
        return holder[slice(*ends)]
    return holder[_hashable(_eval(node.slice, variables))]


def _thing(node: ast.Call, variables: Mapping[str, Any]) -> Any:
    if not isinstance(node.func, ast.Name) or node.func.id in variables:
        raise Unreadable("a call")
    name = node.func.id
    if name == "set" and not node.args:
        return frozenset()
    if name in _NUMBERS:
        return _NUMBERS[name](*(_eval(part, variables) for part in node.args))
    if name not in ("deque", "range") and (not name.lstrip("_")[:1].isupper() or not node.keywords):
        raise Unreadable("a call")  # of a class: what its object holds is not what it was made of
    items = tuple(_eval(part, variables) for part in node.args)
    if name == "range":
        return list(range(*items))
    return Thing(name, items, {word.arg: _eval(word.value, variables) for word in node.keywords if word.arg})


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    return value


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal, down to the kinds of their numbers where these are truth values."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, float) and isinstance(right, float) and left != left and right != right:
        return True
    return bool(left == right)
