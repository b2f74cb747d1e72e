"""Calls, changes, loops and folds that a text tells, held against the moments of a run."""

import ast
import json
import re
from typing import Any

from build.proof.atoms import columns, labels, operand, parts
from build.proof.equations import Equations
from build.proof.moments import Refuted
from build.proof.timeline import Point, Span
from build.proof.values import Unreadable, read, same

_NEAR = 40  # events before the last statement in which a type may have been looked at
_METHODS = {  # by verb: the method, and which parts of the phrase are its arguments
    "append": ("append", (0,)), "add": ("add", (0,)), "remove": ("remove", (0,)), "discard": ("discard", (0,)),
    "put": ("appendleft", (0,)), "extend": ("extend", (1,)), "update": ("update", (1,)), "insert": ("insert", (2, 0)),
}  # fmt: skip


class Actions(Equations):
    """What a text says that happened."""

    def called(self, name: str, given: str, outcome: str | None) -> bool:
        """A call with some of its arguments, and what it gives where that is stated."""
        wanted: dict[str, str] = {}
        for part in parts(given, ", "):
            sides = parts(part, " = ")
            if len(sides) > 1 and re.fullmatch(r"\w+", sides[0].strip()):
                wanted[sides[0].strip()] = sides[-1]
                self.chain(" = ".join(sides[1:]))
        name = "lambda" if name.endswith("he function") else name
        spans = [span for span in self.line.calls.values() if span.name == name]
        if not spans:
            return False
        again = outcome is not None and outcome.endswith(" again")
        value = None
        if outcome is not None:
            text = outcome.removesuffix(" again")
            text = text.removeprefix(" = ").removeprefix(" is ")
            value = parts(text, " = ", ", ")[-1]
            self.chain(text)
        known = any(not isinstance(span.arguments.get(name, ""), str) for span in spans for name in wanted)

        def fits(span: Span) -> bool:
            if not self.holds(wanted, span.arguments):
                return False
            if value is None:
                return True
            said = self.literal(("", value))
            return said is None or span.value is None or self.equal(said[0], span.value)

        found = [span for span in spans if fits(span)]
        if not found:
            if known or not wanted:
                return False
            raise Refuted(f"no call of {name} like that")
        now = self.line.points[self.at].event
        span = next((one for one in found if one.first >= now), found[-1])
        if value is not None:
            self.covered |= {
                event for event in self.line.due if span.first <= event <= span.last and (again or self.ends(event))
            }
        self.reach_event(span.last if again else span.first)
        return True

    def ends(self, event: int) -> bool:
        return self.line.due.get(event) == "result"

    def returned(self, name: str, text: str) -> bool | None:
        value = self.last_value(text)
        self.chain(parts(text, ", ")[0] if " = " in text else text)
        said = self.literal(("", value))
        if self.strict and " = " not in text and len(phrase := parts(text, ", ")) > 1:
            self.phrase(", ".join(phrase[:-1]), value)
        own = name not in {span.name for span in self.line.calls.values()}
        found = [
            point
            for point in self.line.points
            if point.kind == "return" and (own or self.line.calls[point.frame].name == name)
        ]
        if found and said is None and re.fullmatch(r"[A-Za-z_]\w*", value):
            named = (point for point in found if self.holds({value: str(point.value)}, point.variables))
            point = next((one for one in named if one.event not in self.covered), None)
            return self.reached(point) if point else False
        if not found or said is None:
            return False
        if " = " in text:
            self.equal_sides(text)
        fits = [point for point in found if self.equal(said[0], point.value)]
        if not fits:
            if any(not isinstance(point.value, str) for point in found):
                return False
            raise Refuted(f"{name} never returns {value}")
        now = self.line.points[self.at].event
        point = next((one for one in fits if one.event >= now and one.event not in self.covered), None)
        return self.reached(point or fits[-1])

    def fails(self, name: str) -> bool:
        if any(span.raised == name for span in self.line.calls.values()):
            return True
        return self.event_of("handler", json.dumps(name))

    def event_of(self, kind: str, value: str) -> bool:
        said = self.literal(("", value))
        found = [point for point in self.line.points if point.kind == kind]
        fits = [
            point
            for point in found
            if said is not None and (self.equal(said[0], point.value) or point.value == said[0])
        ]
        if fits:
            now = self.line.points[self.at].event
            self.reach_event(next((point.event for point in fits if point.event >= now), fits[-1].event))
            return True
        if found and said is not None:
            raise Refuted(f"{kind}: never {value}")
        return False

    def effect(self, verb: str, text: str, state: str | None) -> bool | None:
        """A method that changes what it belongs to."""
        pattern = {
            "append": r"(.+) to (.+)", "add": r"(.+) to (.+)", "remove": r"(.+) from (.+)", "discard": r"(.+) from (.+)",
            "extend": r"(.+) by (.+)", "update": r"(.+) with (.+)", "put": r"(.+) in front of (.+)",
            "insert": r"(.+) into (.+) at position (.+)", "take": r"(.+) out of (.+)",
        }.get(verb, r"(.+)")  # fmt: skip
        match = re.fullmatch(pattern, text)
        if match is None:
            return None
        place = match.groups()[0 if verb in ("extend", "update") else 1 if verb == "insert" else -1]
        item = match.group(1) if verb in ("append", "add") else None
        root = re.match(r"\w+", place)
        if root is None:
            return None
        self.given(verb, match.groups(), text)

        def fits(point: Point) -> bool:
            if root.group() not in point.changed:
                return False
            try:
                content = read(place, point.variables)
            except Unreadable:
                return True
            if state is not None and not self.states(state, content, point):
                return False
            if item is None:
                return True
            expression, stated = operand(item)
            try:
                said = read(stated or expression, point.before)
            except Unreadable:
                return True
            items = getattr(content, "items", None)
            inside = items[0] if items and isinstance(items, tuple) else content
            if verb == "append":
                return isinstance(inside, list) and bool(inside) and same(inside[-1], said)
            return isinstance(inside, frozenset) and said in inside

        point = self.find(fits, fresh=True) or self.find(fits)
        if point is None:
            if verb in ("add", "discard", "update", "remove", "sort", "extend") and state is None:
                return True  # it need not change anything
            if any(root.group() in one.variables for one in self.line.points):
                raise Refuted(f"{verb} {text}: at no moment")
            return False
        return self.reached(point)

    def given(self, verb: str, said: tuple[str, ...], text: str) -> None:
        """Refutes a method that is never called with what the text says."""
        if not self.strict or verb not in _METHODS:
            return
        method, order = _METHODS[verb]
        try:
            values = [repr(read(operand(said[at])[1] or said[at])) for at in order]
        except Unreadable:
            return
        if self.line.facts.made(method, *values):
            raise Refuted(f"{verb} {text}: {method} is never called with that")

    def states(self, text: str, content: Any, point: Point) -> bool:
        try:
            return same(read(text, point.variables), content)
        except Unreadable:
            return True

    def swapped(self, text: str) -> bool:
        match = re.fullmatch(r"(.+?) \((.*)\) and (.+?) \((.*)\)(?:: (\w+) is now (.+))?", text)
        if match is None:
            return False
        first, one, second, other, name, state = match.groups()

        def fits(point: Point) -> bool:
            try:
                if name and not same(read(name, point.variables), read(state)):
                    return False
                return (
                    same(read(first, point.variables), read(other)) and same(read(second, point.variables), read(one))
                    and same(read(first, point.before), read(one)) and same(read(second, point.before), read(other))
                )  # fmt: skip
            except Unreadable:
                return False

        point = self.find(fits, fresh=True) or self.find(fits)
        if point is None:
            if self.never(first) or self.never(second):
                return False
            raise Refuted(f"swap {text}: at no moment")
        if point.changed:
            self.assigned |= {(point.event, first), (point.event, second)}
            self.reached(point)
        return True

    def changed(self, target: str, state: str) -> bool | None:
        root = re.match(r"\w+", target)
        if root is None:
            return None
        said = self.literal(("", state))

        def fits(point: Point) -> bool:
            try:
                return said is not None and same(read(target, point.variables), said[0])
            except Unreadable:
                return False

        here = self.line.points[self.at]
        point = here if root.group() in here.changed and fits(here) else None
        point = point or self.find(lambda point: root.group() in point.changed and fits(point), fresh=True)
        point = point or self.find(fits)
        if point is None:
            if said is None or self.never(target):
                return False
            raise Refuted(f"{target} is never {state}")
        self.covered.add(point.event)
        return True

    def loop_head(self, over: str, names: str) -> bool:
        if over == "no numbers":
            return True
        expression, stated = operand(over)
        first = re.match(r"(?:the numbers from )?(-?\d+)(, -?\d+)*( to -?\d+)?", over)
        name = names.split(" and ")[0].strip() if names else ""
        ahead = [point for point in self.line.points[self.at :] if point.kind == "round"]
        if first is not None and name and ahead:
            known = [point for point in ahead if name in point.changed or name in point.variables]
            if (
                known
                and not self.holds({name: first.group(1)}, known[0].variables)
                and not any(self.holds({name: first.group(1)}, point.variables) for point in known)
            ):
                raise Refuted(f"no round with {name} = {first.group(1)}")
            return bool(known)
        if stated and self.never(expression) is False:
            if self.find(lambda point: self.holds({expression: stated}, point.variables)) is None and re.fullmatch(
                r"\w+", expression
            ):
                raise Refuted(f"{expression} is never {stated}")
            return True
        return False

    def typed(self, subject: str, kinds: list[str], holds: bool) -> bool:
        """What type something is of: a call of `isinstance` with it and with these types."""
        said = self.literal(operand(subject))
        for event, node, value, _ in self.line.results:
            call = isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and len(node.args) == 2
            if not call or event < self.event() - _NEAR or value not in ("true", "false"):
                continue
            given = node.args[1]
            named = [ast.unparse(part) for part in (given.elts if isinstance(given, ast.Tuple) else [given])]
            looked = [shown for at, each, shown, _ in self.line.results if each is node.args[0] and at < event]
            if named == kinds and (not looked or said is None or self.equal(said[0], looked[-1])):
                if (value == "true") != holds:
                    raise Refuted(f"{subject} is {'not ' if holds else ''}of type {' or '.join(kinds)}")
                self.cover_result(holds, "isinstance(")
                return True
        raise Refuted(f"{subject}: whether it is of type {' or '.join(kinds)} is not looked at here")

    def repeated(self, count: int) -> bool:
        """A loop whose rounds are only counted, from here on."""
        now = self.event()
        loops = [rounds for rounds in self.rounds.loops.values() if isinstance(rounds[0].node, ast.For)]
        if not any(
            len([one for one in rounds if one.event >= now]) >= count and len(rounds) == count for rounds in loops
        ):
            raise Refuted(f"no loop goes round {count} times from here on")
        return True

    def fold(self, text: str) -> bool | None:
        """Rounds that are told by their variables and results; None where the text tells none."""
        match = re.fullmatch(
            r"(?:[Ll]ikewise,?|[Ll]ike (?P<like>.+?):) "
            r"(?:from (?P<first>.+?) to (?P<last>.+?) \((?P<count>\d+) rounds\)|(?P<more>\d+) more rounds?|(?P<each>.+?))"
            r"(?: gives? (?P<given>.+)|: (?P<list>.+)|, after which (?P<end>.+))?",
            text,
        )
        if match is None:
            return None
        found = match.groupdict()
        if found["like"] and found["each"] is None and found["first"] is None:
            return None
        problem = ""
        numbered = [re.fullmatch(r"round (\d+)", found[key] or "") for key in ("first", "last", "each")]
        if numbered[0] and numbered[1]:
            start, stop = int(numbered[0].group(1)), int(numbered[1].group(1))
            if stop - start + 1 != int(found["count"]):
                raise Refuted(f"from round {start} to round {stop} are not {found['count']} rounds")
            problem, span = self.rounds.counted(self.event(), start, stop, found["end"])
        elif found["first"] is not None:
            problem, span = self.rounds.from_to(
                self.event(),
                labels(found["first"]) or {},
                labels(found["last"]) or {},
                int(found["count"]),
                found["end"],
                labels(found["like"] or "") or {},
            )
        elif found["more"] is not None:
            problem, span = self.rounds.more(
                self.event(), int(found["more"]), columns(found["list"]) if found["list"] else {}, found["end"]
            )
        else:
            each = columns(found["each"])
            one = labels(found["each"])
            if one is not None and not any(len(values) > 1 for values in each.values() if set(each) == set(one)):
                each = {name: [value] for name, value in one.items()}
            given = columns(found["given"]) if found["given"] else {}
            problem, span = self.rounds.listed(self.event(), each, given, labels(found["like"] or "") or {})
        if problem:
            raise Refuted(problem)
        if span is None:
            return False
        self.covered |= {event for event in self.line.due if span[0] <= event <= span[1]}
        self.reach_event(span[1])
        return True
