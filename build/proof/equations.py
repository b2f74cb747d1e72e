"""Equations, comparisons and states that a text states, held against the moments of a run."""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from math import gcd
from typing import Any

from build.proof.atoms import RELATIONS, STATES, cut, operand, parts
from build.proof.facts import OPPOSITE, places, turned_out
from build.proof.moments import MISSING, Moments, Refuted, related, walk
from build.proof.timeline import Point
from build.proof.values import Unreadable, names_of, read, same


class Equations(Moments):
    """What a text says about values: equations, comparisons, states, phrases."""

    def group(self, text: str) -> bool | None:
        """Statements joined by "and" about one moment; None where they are none."""
        pieces: list[str] = []
        for piece in parts(text, " and "):
            begun = pieces and self.test(pieces[-1]) is None and not re.search(r" = | is ", pieces[-1])
            if begun or (pieces and self.test(piece) is None and not re.search(r" = |^\w+ is ", piece)):
                pieces[-1] += f" and {piece}"  # "the smallest of 2 and 5"
            else:
                pieces.append(piece)
        tests = [self.test(piece) for piece in pieces]
        if any(tests):
            tests = [test or self.truth(piece) for test, piece in zip(tests, pieces)]
        if all(test is not None for test in tests):
            return self.condition([test for test in tests if test is not None], text)
        if len(pieces) > 1:
            known = [self.equation(piece) if " = " in piece else self.stated(piece) for piece in pieces]
            return any(known) if known and all(one is not None for one in known) else self.stated(text)
        equation = self.equation(text)
        return equation if equation is not None else self.stated(text)

    def test(self, text: str) -> tuple[str, str, str] | None:
        """A comparison or state as operand, relation, operand; None where the text is none."""
        for words, state, positive in STATES:
            if text.endswith(f" {words}"):
                return text.removesuffix(f" {words}"), state if positive else f"not {state}", ""
        for words, relation in RELATIONS:
            found = cut(text, f" {words} ")
            if found is not None:
                several = parts(found[1], " or ") if relation.endswith(("starts", "ends")) else []
                return found[0], relation, f"({', '.join(several)})" if len(several) > 1 else found[1]
        match = re.fullmatch(r"(.+ = (.+)), not (.+)", text)
        if match:
            return match.group(1), "!=", match.group(3)
        match = re.fullmatch(r"(.+?) counts as (true|false)", text)
        return (match.group(1), f"counts {match.group(2)}", "") if match else None

    def truth(self, text: str) -> tuple[str, str, str] | None:
        """ "isinstance(10, int) = true" among conditions."""
        match = re.fullmatch(r".+ = (true|false)", text)
        if match is not None:
            return text, "true" if match.group(1) == "true" else "not true", ""
        sides = parts(text, " = ")
        return (text, "=", sides[-1]) if len(sides) > 1 else None

    def condition(self, tests: Sequence[tuple[str, str, str]], text: str) -> bool:
        """Comparisons that were decided at one moment of the run."""
        readable = False
        for left, relation, right in tests:
            self.chain(left)
            self.chain(right)
            for side in (left, right) if self.strict else ():
                expression, stated = operand(side)
                if stated and " " in expression and " = " not in side:
                    self.phrase(expression, stated)
            values = [self.literal(operand(side)) for side in (left, right) if side]
            if None not in values and not relation.startswith("counts"):
                readable = True
                known = [value[0] for value in values if value is not None]
                if not related(relation, known):
                    raise Refuted(f"{text} is not so")
                if self.unlike(relation, known):
                    raise Refuted(f"{text}: nothing of the kind is compared")

        def fits(point: Point) -> bool:
            return all(self.fits(test, point) for test in tests)

        if self.strict:
            self.decided(tests[0], text, alone=len(tests) == 1)
        tested = [point for point in self.window() if point.kind == "truth"]
        tested.sort(key=lambda point: (point.event not in self.line.due, point.event))
        names = {name for left, _, right in tests for side in (left, right) for name in names_of(operand(side)[0])}
        for point in tested:
            if (
                point.event not in self.covered
                and self.in_round(point)
                and fits(point)
                and self.about(point, tests, names)
            ):
                return self.reached(point)
        near = [point for point in self.window() if self.in_round(point)]
        if any(map(fits, near)) if self.strict else self.find(fits) is not None:
            return True
        if names and any(names & point.variables.keys() for point in self.line.points):
            if all(self.never(side) for left, _, right in tests for side in (left, right) if side):
                return readable
            raise Refuted(f"{text}: at no moment")
        return readable

    def decided(self, test: tuple[str, str, str], text: str, alone: bool) -> None:
        """Refutes what the next condition of the program with just these operands contradicts; `alone`: nothing else is said
        of it, else the test is the first of several.
        """
        left, relation, right = test
        sides = [operand(side)[0] for side in (left, right) if side]
        for point in self.window():
            if point.kind != "truth" or point.event in self.covered or point.event not in self.line.due:
                continue
            node, held = _plain(point.node, bool(point.truth))
            if isinstance(node, ast.BoolOp):  # its first part is always looked at
                part = _plain(node.values[0], True)[0]
                if _of(part, sides, point) and not self.fits(test, point):
                    raise Refuted(f"{text}: the condition turned out otherwise")
                if self.fits(test, point) and self.about(point, [test], names_of(sides[0])):
                    return
            elif alone and _of(node, sides, point):
                sign = turned_out(node, held)
                if sign and relation not in (sign, OPPOSITE[sign]):
                    continue
                if not self.fits(test, point) or (sign and relation != sign):
                    raise Refuted(f"{text}: the condition turned out otherwise")
                return

    def about(self, point: Point, tests: Sequence[tuple[str, str, str]], names: set[str]) -> bool:
        """Whether a condition of the program has something to do with what is said of it."""
        source = {part.id for part in walk(point.node) if type(part).__name__ == "Name"}
        if names:
            return names <= source
        values = {operand(side)[1] or side for left, _, right in tests for side in (left, right) if side}
        known = [self.literal(("", value)) for value in values]
        low = point.node.number
        window = [
            value
            for event, node, value, _ in self.line.results
            if low <= node.number <= point.node.last and event <= point.event
        ]
        return any(one is not None and self.equal(one[0], shown) for one in known for shown in window[-12:])

    def fits(self, test: tuple[str, str, str], point: Point) -> bool:
        """Whether a comparison holds at a moment, with the variables as they are then or were just before."""
        return self.fit(test, point.variables) or (point.kind == "truth" and self.fit(test, point.before))

    def fit(self, test: tuple[str, str, str], variables: Mapping[str, Any]) -> bool:
        """Whether a comparison holds with these variables; what cannot be evaluated does not speak against it."""
        left, relation, right = test
        values: list[Any] = []
        for side in (left, right):
            if not side:
                continue
            expression, stated = operand(side)
            try:
                value = read(expression, variables)
            except Unreadable:
                value = MISSING
                missing = bool(stated) and bool(names_of(expression)) and names_of(expression) <= variables.keys()
                if missing and self.literal(("", stated)) is not None:
                    return False  # an item that is not there
            if stated:
                try:
                    said = read(stated, variables)
                except Unreadable:  # an object with parts that cannot be written out
                    values.append(MISSING)
                    continue
                if value is not MISSING and not same(value, said):
                    return False
                value = said
            values.append(value)
        if relation.startswith("counts") or any(value is MISSING for value in values):
            return True
        return not self.unlike(relation, values) and related(relation, values)

    def unlike(self, relation: str, values: Sequence[Any]) -> bool:
        """Whether nothing in the run turned out like that between two values."""
        compared = self.strict and len(values) == 2 and relation in OPPOSITE
        return compared and self.line.facts.deny("comparisons", relation, *map(repr, values))

    def equation(self, text: str) -> bool | None:
        """Sides that are equal, the first one often a variable or a place; None where the text is no equation."""
        sides = [side.strip() for side in parts(text, " = ")]
        if len(sides) < 2:
            return None
        target = sides[0]
        stored = re.fullmatch(r"[A-Za-z_]\w*(\[.*\]|\.\w+)*", target) is not None
        self.chain(" = ".join(sides[stored:]))

        def equal(point: Point) -> bool:
            values: list[Any] = []
            for number, whole in enumerate(sides):
                side = operand(whole)[1] or whole
                try:
                    values.append(read(side, point.variables))
                except Unreadable:
                    if number == 0 and stored:
                        return False
                    continue
                if number and not same(values[0], values[-1]):
                    try:
                        values[-1] = read(side, point.before)
                    except Unreadable:
                        return False
            return len(values) > 1 and all(same(values[0], value) for value in values[1:])

        if stored and not any(self.readable(side) for side in sides[1:]):
            return None
        if stored:
            root = re.match(r"\w+", target).group()  # type: ignore[union-attr]
            place = next(places(target), None) if "[" in target else None
            for point in self.window():
                if (
                    point.kind == "call"
                    or (point.event, target) in self.assigned
                    or not equal(point)
                    or not self.in_round(point)
                ):
                    continue
                if self.strict and point.targets is not None and place is not None and place not in point.targets:
                    continue
                if root in point.changed or (point.kind == "step" and self.assigns(point, root)):
                    self.assigned.add((point.event, target))
                    return self.reached(point)
            near = self.window() if self.strict else self.line.points
            if any(equal(point) for point in near):
                return True
            if any(root in point.variables for point in self.line.points):
                if self.unseen(target):
                    return self.appears(sides[-1])
                raise Refuted(f"{text}: {root} is never that")
            return self.appears(sides[-1])
        values = [self.literal(("", side)) for side in sides]
        known = [value for value in values if value is not None]
        if len(known) == len(sides):
            self.cover_result(known[-1][0], text)
            return True
        if values[-1] is not None:
            self.cover_result(values[-1][0], text)
        if self.strict:
            self.equal_sides(text)
        if self.find(equal) is not None:
            return True
        return self.appears(sides[-1])

    def readable(self, side: str) -> bool:
        return self.literal(("", operand(side)[1] or side)) is not None or not self.never(side)

    def unseen(self, target: str) -> bool:
        """Whether a place cannot be evaluated at any moment (an object that is shown shortened, a property)."""
        return self.never(target)

    def stated(self, text: str) -> bool | None:
        """ "arr[3] is 9", "the length of arr is 3", "n is the length of arr, 3"."""
        match = re.fullmatch(r"(.+?) is (.+)", text)
        if match is None:
            return None
        subject, value = match.groups()
        if re.fullmatch(r"[A-Za-z_]\w*(\[.*\]|\.\w+)*", subject):
            phrase = parts(value, ", ")
            if len(phrase) > 1:
                value = phrase[-1]
                self.phrase(", ".join(phrase[:-1]), value)
            if self.literal(("", value)) is None:
                return None
            return self.equation(f"{subject} = {value}")
        if cut(text, " is ") is None:
            return None
        subject, _, value = text.rpartition(" is ")
        if self.literal(("", value)) is None:
            return None
        self.phrase(subject, value)
        return self.appears(value)

    def phrase(self, text: str, value: str) -> None:
        """Phrases that are understood here are worked out."""
        said = self.literal(("", value))
        if said is None:
            return
        text = text[:1].lower() + text[1:]
        for pattern, work in _PHRASES:
            match = re.fullmatch(pattern, text)
            if match is None:
                continue
            seen = False
            for point in self.line.points:
                for variables in (point.variables, point.before):
                    try:
                        given = [self.as_stated(part, variables) for part in match.groups()]
                        found = work(*given)
                    except (
                        Unreadable,
                        TypeError,
                        ValueError,
                        IndexError,
                        AttributeError,
                        ZeroDivisionError,
                        OverflowError,
                    ):
                        continue
                    seen = True
                    denied = self.strict and self.line.facts.deny("arguments", *sorted(map(repr, given)))
                    if same(found, said[0]) and not denied:
                        return
            if seen:
                raise Refuted(f"{text} is not {value}")

    def as_stated(self, part: str, variables: Mapping[str, Any]) -> Any:
        """What an operand is said to be. Raises `Unreadable` where it is none, or not what it is said to be."""
        expression, stated = operand(part)
        value = read(stated or expression, variables)
        if stated and self.strict:
            try:
                known = read(expression, variables)
            except Unreadable as problem:
                if str(problem) == "IndexError":
                    raise
                return value
            if not same(known, value):
                raise Unreadable(expression)
        return value

    def equal_sides(self, text: str) -> None:
        """Sides of an equation are equal at some moment, where they can be evaluated."""
        sides = parts(text, " = ")
        seen = False
        for point in self.line.points:
            values = []
            for side in sides:
                try:
                    values.append(read(side, point.variables))
                except Unreadable:
                    continue
            if len(values) == len(sides):
                seen = True
                if all(same(values[0], value) for value in values[1:]):
                    return
        if seen:
            raise Refuted(f"{text} is not so")


def _plain(node: ast.expr, held: bool) -> tuple[ast.expr, bool]:
    """A condition without what negates it, and whether it held."""
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node, held = node.operand, not held
    return node, held


def _of(node: ast.expr, sides: Sequence[str], point: Point) -> bool:
    """Whether a condition is about just these operands."""
    looked = [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node]
    return len(looked) == len(sides) and all(_written(one, side, point.places) for one, side in zip(looked, sides))


def _written(node: ast.expr, side: str, looked_at: frozenset[tuple[str, ...]]) -> bool:
    """Whether a text writes an operand of the program like that, with the values of its indices."""
    if isinstance(node, ast.Subscript):
        place = next(places(side), None)
        depth, root = 1, node
        while isinstance(root, ast.Subscript):
            depth, root = depth + 1, root.value  # type: ignore[assignment]
        return place in looked_at and place is not None and len(place) == depth and place[0] == ast.unparse(root)
    if isinstance(node, ast.Constant | ast.UnaryOp):
        try:
            return same(read(side), read(ast.unparse(node)))
        except Unreadable:
            return False
    return ast.unparse(node) == side


_PHRASES: tuple[tuple[str, Callable[..., Any]], ...] = (
    (r"the length of (.+)", len),
    (r"the sum of (.+)", sum),
    (r"the distinct items of (.+)", frozenset),
    (r"(.+) as a tuple", tuple),
    (r"the entry of (.+) for (.+), null for none", lambda entries, key: entries.get(key)),
    (r"the entry of (.+) for (.+), (.+) for none", lambda entries, key, other: entries.get(key, other)),
    (r"(.+) split at (?!blanks)(.+)", lambda text, mark: text.split(mark)),
    (r"(.+) joined with (.+)", lambda pieces, mark: mark.join(pieces)),
    (r"the greatest common divisor of (.+) and (.+)", gcd),
    (r"the absolute value of (.+)", abs),
    (r"the largest of (.+)", max),
    (r"the smallest of (.+)", min),
    (r"the largest of (.+), (.+) and (.+)", max),
    (r"the largest of (.+) and (.+)", max),
    (r"the smallest of (.+), (.+) and (.+)", min),
    (r"the smallest of (.+) and (.+)", min),
    (r"(.+) in sorted order", lambda values: sorted(values)),
    (r"(.+) in descending order", lambda values: sorted(values, reverse=True)),
    (
        r"(.+) as text",
        lambda value: str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None,
    ),
    (r"(.+) as a whole number", int),
    (r"(.+) in lower case", lambda text: text.lower()),
    (r"(.+) in upper case", lambda text: text.upper()),
    (r"(.+) in binary", bin),
    (r"the character code of (.+)", ord),
    (r"the character with code (.+)", chr),
    (r"how often (.+) occurs in (.+)", lambda item, values: values.count(item)),
    (r"the position of (.+) in (.+), (.+) for none", lambda item, text, none: text.find(item) if none == -1 else None),
    (r"the position of (.+) in ([^,]+)", lambda item, values: values.index(item)),
    (r"(.+) to the power (.+), modulo (.+)", pow),
    (r"(.+) to the power (.+)", pow),
    (r"(.+) in reverse as a list", lambda values: list(values)[::-1]),
    (r"(.+) rounded to (.+) decimals", round),
    (r"(.+) without outer blanks", lambda text: text.strip()),
)
