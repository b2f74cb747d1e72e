"""Finding moments of a run: where a statement is true, how far the text has come, and what it has covered."""

import ast
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from build.proof.atoms import operand, parts
from build.proof.rounds import Rounds
from build.proof.timeline import Point, Timeline
from build.proof.values import Unreadable, calls_of, comparisons_of, operations_of, read, same

MISSING = object()
_BACK = 30  # moments before the last one that was told at which a place may have been looked at
_AHEAD = 4  # steps that a telling may be behind in what it covers


class Refuted(Exception):
    """A statement that the trace contradicts."""


class Moments:
    """The timeline of a run, and how far in it the sentences have come."""

    def __init__(self, line: Timeline, result: str | None, strict: bool) -> None:
        self.line = line
        self.result = result
        self.label: tuple[Mapping[str, str], int] | None = None  # variables of a round, and its frame
        self.strict = strict  # the text tells the run and nothing else, so each operation in it is one of the run
        self.at = 0  # the point where the last statement was found
        self.covered: set[int] = set()
        self.assigned: set[tuple[int, str]] = set()  # what was told to be stored, by event and place
        self.rounds = Rounds(line)

    def event(self) -> int:
        return self.line.points[self.at].event

    def find(self, fits: Callable[[Point], bool], fresh: bool = False, ahead: bool = False) -> Point | None:
        """The next moment that fits, else an earlier one; `fresh`: one that no statement covered yet."""
        points = self.line.points
        for number in range(self.at, len(points)):
            if (not fresh or points[number].event not in self.covered) and fits(points[number]):
                self.at = number
                return points[number]
        for number in range(self.at - 1, -1, -1):
            if (not fresh or points[number].event not in self.covered) and fits(points[number]):
                if ahead:
                    self.at = number
                return points[number]
        return None

    def window(self) -> Sequence[Point]:
        """The moments that the next statement can be about: in a text that tells the run in order, those up to the next few
        steps that nothing has covered yet.
        """
        points = self.line.points
        if not self.strict:
            return points[self.at :]
        left = 0
        for number in range(self.at, len(points)):
            left += points[number].event in self.line.due and points[number].event not in self.covered
            if left > _AHEAD:
                return points[self.at : number]
        return points[self.at :]

    def near(self, place: tuple[str, ...]) -> bool:
        """Whether a place was looked at about now, as far as the trace shows that."""
        if "places" in self.line.facts.partly:
            return True
        window = [*self.line.points[max(self.at - _BACK, 0) : self.at], *self.window()]
        return any(place in point.places for point in window)

    def in_round(self, point: Point) -> bool:
        """Whether a moment can belong to the round whose variables were named in this sentence."""
        if not self.strict or self.label is None or point.frame != self.label[1]:
            return True
        return self.holds(self.label[0], point.variables)

    def reached(self, point: Point) -> bool:
        self.covered.add(point.event)
        self.reach_event(point.event)
        return True

    def reach_event(self, event: int) -> None:
        for number, point in enumerate(self.line.points):
            if point.event >= event:
                self.at = number
                return

    def cover_result(self, value: Any, said: str) -> None:
        """A value that was worked out can be the next condition itself: "4 % 2 = 0" for `n % 2 == 0`. `said`: how it was."""
        for point in self.line.points[self.at :]:
            if point.event in self.line.due and point.event not in self.covered:
                if point.kind == "truth" and any(
                    self.decides(part, value, point, said) for part in _conditions(point.node)
                ):
                    self.reached(point)
                return

    def decides(self, node: ast.AST, value: Any, point: Point, said: str) -> bool:
        """Whether a condition is that something has a value: an expression that is one, or is compared with it."""
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            other = node.comparators[-1]
            return isinstance(other, ast.Constant | ast.UnaryOp) and self.equal(value, ast.unparse(other))
        if not isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call):
            return False
        if isinstance(value, bool) and isinstance(node, ast.Call):  # many things are true
            name = ast.unparse(node.func).rpartition(".")[2]
            if f"{name}(" not in said:
                return False
        last = [shown for event, each, shown, _ in self.line.results if each is node and event <= point.event]
        return bool(last) and self.equal(value, last[-1])

    def appears(self, value: str) -> bool:
        """Whether a value was the result of some expression; refutes where it never was."""
        said = self.literal(("", value))
        if said is None:
            return False
        whole = True
        for _, _, shown, _ in self.line.results:
            if isinstance(shown, str):
                if self.equal(said[0], shown):
                    return True
            else:
                whole = False
        if not whole:
            return False
        raise Refuted(f"nothing gives {value}")

    def holds(self, wanted: Mapping[str, str], variables: Mapping[str, Any]) -> bool:
        for name, text in wanted.items():
            said = self.literal(("", text))
            if name not in variables or (said is not None and not self.equal(said[0], variables[name])):
                return False
        return True

    def equal(self, said: Any, shown: Any) -> bool:
        if not isinstance(shown, str):
            return False
        try:
            return alike(said, read(shown))
        except Unreadable:
            return False

    def literal(self, side: tuple[str, str]) -> tuple[Any] | None:
        """The value that is written for an operand, in a tuple; None where it is none without variables."""
        text = side[1] or side[0]
        try:
            return (read(text),)
        except Unreadable:
            return None

    def last_value(self, text: str) -> str:
        return parts(text, " = ", ", ")[-1]

    def never(self, side: str) -> bool:
        """Whether an operand cannot be evaluated at any moment, so that nothing can be said."""
        expression, _ = operand(side)
        for point in self.line.points:
            try:
                read(expression, point.variables)
                return False
            except Unreadable:
                continue
        return True

    def chain(self, text: str) -> None:
        """An equation of literals, such as "4 % 2 = 0", holds by itself."""
        sides = parts(text, " = ")
        values = []
        for side in sides:
            try:
                values.append(read(side))
            except Unreadable as problem:
                if str(problem) == "IndexError":
                    raise Refuted(f"{side}: no such item") from problem
        if any(not same(values[0], value) for value in values[1:]):
            raise Refuted(f"{text} is not so")
        if self.strict:
            for side in sides:
                for operation in operations_of(side):
                    if self.line.facts.deny("operations", *operation):
                        raise Refuted(f"{side}: no such operation")
                for name, *given in calls_of(side):
                    if self.line.facts.made(name, *given):
                        raise Refuted(f"{side}: {name} is never called with that")
                for comparison in comparisons_of(side):
                    if self.line.facts.unlike(*comparison):
                        raise Refuted(f"{side}: nothing of the kind is compared")

    def assigns(self, point: Point, name: str) -> bool:
        return any(type(part).__name__ == "Name" and part.id == name for part in walk(point.node))


def _conditions(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a condition that decide: those of `and` and `or`, what is negated."""
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            yield from _conditions(part)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from _conditions(node.operand)
    else:
        yield node


def alike(said: Any, known: Any) -> bool:
    """Equal, where a JSON list may stand for a tuple or a set."""
    if same(said, known):
        return True
    if isinstance(said, list) and isinstance(known, tuple | frozenset):
        known = list(known) if isinstance(known, tuple) else sorted(known, key=repr)
        said = sorted(said, key=repr) if isinstance(known, frozenset) else said
        return len(said) == len(known) and all(alike(one, other) for one, other in zip(said, known))
    if isinstance(said, list) and isinstance(known, list):
        return len(said) == len(known) and all(alike(one, other) for one, other in zip(said, known))
    if isinstance(said, dict) and isinstance(known, dict):
        return {str(key) for key in said} == {str(key) for key in known} and all(
            alike(value, {str(key): item for key, item in known.items()}[str(name)]) for name, value in said.items()
        )
    return False


def related(relation: str, values: Sequence[Any]) -> bool:
    """Whether a relation holds between values; what cannot be compared does not speak against it."""
    try:
        if len(values) == 2:
            left, right = values
            return bool(
                {
                    "==": lambda: same(left, right) or left == right, "=": lambda: left == right,
                    "!=": lambda: left != right, "<": lambda: left < right, ">": lambda: left > right,
                    "<=": lambda: not left > right, ">=": lambda: not left < right,  # as sets are compared
                    "in": lambda: _inside(left, right), "not in": lambda: not _inside(left, right),
                    "starts": lambda: left.startswith(right), "not starts": lambda: not left.startswith(right),
                    "ends": lambda: left.endswith(right), "not ends": lambda: not left.endswith(right),
                }[relation]()
            )  # fmt: skip
        (value,) = values
        plain = relation.removeprefix("not ")
        holds = {"empty": lambda: len(value) == 0, "zero": lambda: value == 0, "null": lambda: value is None,
                 "true": lambda: value is True, "digits": lambda: value.isdigit(), "letters": lambda: value.isalpha(),
                 "letters and digits": lambda: value.isalnum(), "blanks": lambda: value.isspace(),
                 "upper case": lambda: value.isupper(), "lower case": lambda: value.islower()}[plain]()  # fmt: skip
        return bool(holds) != relation.startswith("not ")
    except (TypeError, KeyError, ValueError, AttributeError):
        return True


def _inside(left: Any, right: Any) -> bool:
    if isinstance(right, dict | frozenset) and isinstance(left, list):
        return tuple(left) in right
    return left in right


def json_at(text: str, start: int) -> Any:
    """The JSON value or Python constant at a place of a text."""
    for word, value in (("True", True), ("False", False), ("None", None)):
        if text.startswith(word, start):
            return value
    try:
        return json.JSONDecoder().raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return MISSING


def walk(node: Any) -> list[Any]:
    return list(ast.walk(node))
