"""Checks folds: that the rounds told together were the run's rounds, in order, of one form, with the results stated."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from build.proof.atoms import columns
from build.proof.timeline import Point, Timeline
from build.proof.values import Unreadable, read, same

Outcome = tuple[
    str, tuple[int, int] | None
]  # what is wrong, "" for nothing; the events of the rounds, None where not found


class Rounds:
    """The rounds of every loop of a run, by loop and frame."""

    def __init__(self, line: Timeline) -> None:
        self.line = line
        self.loops: dict[tuple[int, int], list[Point]] = {}
        for point in line.points:
            if point.kind == "round" or (point.kind == "truth" and point.truth):
                self.loops.setdefault((point.node.number, point.frame), []).append(point)
        self.place = {point.event: number for number, point in enumerate(line.points)}

    def ahead(self, now: int, names: Sequence[str]) -> list[list[Point]]:
        """The loops that have these variables; those with rounds to come first, the next of them before the others."""
        found = [
            rounds
            for rounds in self.loops.values()
            if rounds[0].kind == "round" and all(name in rounds[0].variables for name in names)
        ]
        return sorted(found, key=lambda rounds: min((one.event for one in rounds if one.event >= now), default=1 << 60))

    def starts(self, rounds: list[Point], now: int, numbers: range) -> list[int]:
        """Rounds to begin with, those to come first."""
        return sorted(numbers, key=lambda number: (rounds[number].event < now, number))

    def listed(
        self, now: int, each: Mapping[str, list[str]], given: Mapping[str, list[str]], like: Mapping[str, str]
    ) -> Outcome:
        """Rounds that are listed by the values of their variables, with what each gave."""
        named = {name: values for name, values in each.items() if name}
        if not named:
            return "", None
        count = max(len(values) for values in named.values())
        if any(len(values) != count for values in named.values()):
            return "", None
        known = False
        closest = ""
        for rounds in self.ahead(now, list(named)):
            known = True
            for start in self.starts(rounds, now, range(len(rounds) - count + 1)):
                row = rounds[start : start + count]
                if all(
                    _is(values[number], one.variables[name])
                    for name, values in named.items()
                    for number, one in enumerate(row)
                ):
                    problem = self.wrong(rounds, start, count, given) or self.unlike(rounds, start, like)
                    if not problem:
                        return "", (row[0].event, self.end(rounds, start + count - 1))
                    closest = closest or problem
        return (closest or "no rounds like that", None) if known else ("", None)

    def from_to(
        self,
        now: int,
        first: Mapping[str, str],
        last: Mapping[str, str],
        count: int,
        end: str | None,
        like: Mapping[str, str],
    ) -> Outcome:
        """Rounds from one to another, how many, and the state after them."""
        if not first:
            return "", None
        known, closest = False, ""
        for rounds in self.ahead(now, list(first)):
            known = True
            for start in self.starts(rounds, now, range(len(rounds))):
                one = rounds[start]
                stop = start + count - 1
                if stop >= len(rounds):
                    continue
                if _all(first, one.variables) and _all(last, rounds[stop].variables):
                    problem = self.wrong(rounds, start, count, {}) or self.state(rounds, stop, end)
                    problem = problem or self.unlike(rounds, start, like)
                    if not problem:
                        return "", (one.event, self.end(rounds, stop))
                    closest = closest or problem
        return (closest or f"no {count} rounds from there to there", None) if known else ("", None)

    def counted(self, now: int, first: int, last: int, end: str | None) -> Outcome:
        """Rounds of a loop without variables, by their numbers in it."""
        count, closest = last - first + 1, ""
        for rounds in self.ahead(now, []):
            if isinstance(rounds[0].node, ast.comprehension):
                continue
            for start in self.starts(rounds, now, range(first - 1, len(rounds) - count + 1)):
                problem = self.wrong(rounds, start, count, {}) or self.state(rounds, start + count - 1, end)
                problem = problem or self.unlike(rounds, start, {})
                if not problem:
                    return "", (rounds[start].event, self.end(rounds, start + count - 1))
                closest = closest or problem
        return closest or f"no rounds {first} to {last}", None

    def more(self, now: int, count: int, given: Mapping[str, list[str]], end: str | None) -> Outcome:
        """Further rounds of the loop that is under way."""
        known, closest = False, ""
        found = sorted(
            self.loops.values(), key=lambda rounds: next((one.event for one in rounds if one.event > now), 1 << 60)
        )
        for rounds in found:
            start = next((number for number, one in enumerate(rounds) if one.event > now), None)
            if isinstance(rounds[0].node, ast.comprehension) and start is not None:
                begins = {start, start + 1} - {0}  # the item before them may be told without moving on
            else:
                begins = {number for number in range(len(rounds)) if number or number == start}
            for begin in sorted(begins, key=lambda number: (rounds[number].event < now, number)):
                if begin + count > len(rounds) or (
                    begin + count < len(rounds) and begin != start and rounds[begin].event < now
                ):
                    continue
                known = True
                problem = self.wrong(rounds, begin, count, given) or self.state(rounds, begin + count - 1, end)
                problem = problem or self.unlike(rounds, begin, {}) or self.short(rounds, begin + count)
                if not problem:
                    return "", (rounds[begin].event, self.end(rounds, begin + count - 1))
                closest = closest or problem
        return (closest or f"no {count} more rounds", None) if known or self.loops else ("", None)

    # What is wrong with rounds

    def wrong(self, rounds: list[Point], start: int, count: int, given: Mapping[str, list[str]]) -> str:
        """Rounds of another form than the first one, or another result than stated."""
        for name, values in given.items():
            if len(values) != count:
                return f"{len(values)} results for {count} rounds"
            for number, value in enumerate(values):
                if name and not self.holds(name, value, rounds, start + number):
                    return f"{name} is not {value} after that round"
                if not name and not self.gives(value, rounds, start + number):
                    return f"no round gives {value}"
        forms = {self.form(rounds, number) for number in range(start, start + count)}
        return "rounds of another form among them" if len(forms) > 1 else ""

    def short(self, rounds: list[Point], after: int) -> str:
        """Items of a comprehension that are left out at the end of a row."""
        alike = after < len(rounds) and self.form(rounds, after) == self.form(rounds, after - 1)
        return "more rounds are alike" if alike and isinstance(rounds[0].node, ast.comprehension) else ""

    def unlike(self, rounds: list[Point], start: int, like: Mapping[str, str]) -> str:
        """Rounds that do not have the form of the one that they are compared with, the one before where none is named."""
        form = self.form(rounds, start)
        if like:
            known = [number for number in range(start) if _all(like, rounds[number].variables)]
        else:
            known = [start - 1] if start else []
        if known and not any(self.form(rounds, number) == form for number in known):
            return "rounds of another form than the one before"
        return ""

    def state(self, rounds: list[Point], at: int, end: str | None) -> str:
        if end is None:
            return ""
        for name, values in columns(end).items():
            value = ", ".join(values)
            if name and not self.holds(name, value, rounds, at):
                return f"{name} is not {value} then"
        return ""

    def holds(self, name: str, value: str, rounds: list[Point], at: int) -> bool:
        points = [point for point in self.inside(rounds, at) if point.frame == rounds[at].frame]
        last = points[-1] if points else rounds[at]
        if name not in last.variables:
            return True
        return _is(value, last.variables[name])

    def gives(self, value: str, rounds: list[Point], at: int) -> bool:
        low, high = rounds[at].event, self.end(rounds, at)
        return any(low < event <= high + 1 and _is(value, shown) for event, _, shown, _ in self.line.results) or _is(
            value, list(rounds[at].variables.values())[-1] if rounds[at].variables else ""
        )

    def inside(self, rounds: list[Point], at: int) -> list[Point]:
        """The points of one round, of the calls inside it too."""
        first, last = rounds[at].event, self.end(rounds, at)
        start = self.place[first]
        found = []
        for point in self.line.points[start:]:
            if point.event > last:
                break
            found.append(point)
        return found

    def end(self, rounds: list[Point], at: int) -> int:
        """The last event of a round."""
        one = rounds[at]
        loop = _loop(one)
        limit = rounds[at + 1].event - 1 if at + 1 < len(rounds) else self.line.length
        last = one.event
        for point in self.line.points[self.place[one.event] + 1 :]:
            if point.event > limit:
                break
            if point.frame == one.frame and not loop[0] <= point.node.number <= loop[1]:
                limit = min(limit, point.event - 1)
                break
            if point.frame == one.frame and point.kind == "truth" and point.node is one.node:
                break
            last = point.event
        if isinstance(one.node, ast.comprehension):  # an item ends with the value that it gives
            results = [
                event
                for event, node, _, frame in self.line.results
                if frame == one.frame and loop[0] <= node.number <= loop[1] and one.event < event <= limit
            ]
            return max(last, results[-1] if results else last)
        return last

    def form(self, rounds: list[Point], at: int) -> tuple[object, ...]:
        """What ran in a round, with inner loops' rounds alike in a row counted once."""
        one = rounds[at]
        points = [point for point in self.inside(rounds, at) if point.frame == one.frame]
        if one.kind == "truth":  # the condition of the next round is no part of this one
            low, high = one.node.number, one.node.last
            points = [point for point in points if point is one or not low <= point.node.number <= high]
        steps = [(point.kind, point.node.number, point.truth) for point in points]
        inner = [point for point in points[1:] if point.kind == "round" or isinstance(_above(point), ast.While)]
        return tuple(sorted(set(steps), key=str)) if inner else tuple(steps)


def _loop(point: Point) -> tuple[int, int]:
    node = point.node
    if point.kind == "truth":
        return node.number - 1, node.number + 10**9 if not hasattr(node, "loop_last") else node.loop_last
    if isinstance(node, ast.comprehension):
        return vars(node)["whole"]
    return node.number, node.last


def _above(point: Point) -> Any:
    return getattr(point.node, "above", None)


def _is(text: str, shown: Any) -> bool:
    if not isinstance(shown, str):
        return True
    if text == shown:
        return True
    try:
        said, known = read(text), read(shown)
    except Unreadable:
        return False
    return same(said, known) or (isinstance(known, tuple) and isinstance(said, list) and list(known) == said)


def _all(wanted: Mapping[str, str], variables: Mapping[str, Any]) -> bool:
    return all(name in variables and _is(value, variables[name]) for name, value in wanted.items())
