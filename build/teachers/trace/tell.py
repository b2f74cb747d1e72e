"""From the tree of a run to claims: every statement that changed or decided something, in the order in which it ran.

`Detail` says how much is told; at full detail nothing is left out. What could not be told is noted in `gaps`.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from build.sandbox.show import Shown
from build.teachers.trace.claims import (
    Branch,
    Called,
    Changed,
    Claim,
    Computed,
    Handled,
    Jumped,
    Loop,
    Matched,
    Raised,
    Returned,
    Round,
    Shapes,
    Yielded,
    inner,
)
from build.teachers.trace.conditions import Explainer
from build.teachers.trace.run import Call, Eval, Item, Resumed, Run
from build.teachers.trace.statements import Statements
from build.teachers.trace.terms import data, evaluated, number

_MAX_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Detail:
    """`states`: the state of a container after each change; `depth`: how deep calls are entered."""

    states: bool = True
    depth: int = _MAX_DEPTH


class Teller:
    """Makes the claims of a run. One object serves one telling."""

    def __init__(self, run: Run, detail: Detail, shapes: Shapes) -> None:
        self.run = run
        self.shapes = shapes
        self.detail = detail
        self.gaps: list[str] = []
        self.depth = 0
        self.left: dict[str, Shown] = {}  # what the last call that ended told of its variables
        self.known: dict[tuple[object, ...], tuple[int, object]] = {}  # calls told: their steps by name and arguments

    def tell(self, call: Call, given: dict[str, str] | None = None) -> Called:
        """A call with everything that happened in it."""
        self.depth += 1
        told: dict[str, Shown] = dict(call.arguments)
        frame = _CallTeller(self, call, told)
        if self.depth > self.detail.depth:
            self.gaps.append("a call that is not entered")
            body: list[Claim] = []
        else:
            body = frame.body()
        ending = frame.ending()
        self.depth -= 1
        self.left = told
        if not call.ended and not call.generates:
            self.gaps.append("a call whose end is not known")
        arguments = tuple((name, frame.explainer.shown(value)) for name, value in call.arguments.items() if data(value))
        line = getattr(call.node, "lineno", 0)
        return Called(
            node=number(call.node),
            line=line,
            events=(call.event,),
            name=call.name,
            arguments=arguments,
            given=tuple((given or {}).items()),
            body=tuple(body),
            ending=ending,
        )

    def told_call(self, call: Call, given: dict[str, str] | None = None) -> list[Claim]:
        """The claims about a call inside another; what was told of the same arguments with the same steps is not repeated."""
        claim = self.tell(call, given)
        key = (claim.node, claim.arguments)
        steps = (self.shapes.of(claim), _result(claim))
        if self.known.get(key) == steps and len(list(claim.body)) > 0:
            return [
                Called(
                    node=claim.node,
                    line=claim.line,
                    events=claim.events,
                    name=claim.name,
                    arguments=claim.arguments,
                    given=claim.given,
                    body=(),
                    ending=claim.ending,
                    repeats=True,
                )
            ]
        self.known[key] = steps
        return [claim]


def _result(claim: Called) -> object:
    ending = claim.ending
    return ending.stages[-1] if isinstance(ending, Returned) else ending.name if isinstance(ending, Raised) else None


class _CallTeller(Statements):
    """The statements of one call, from its items; `at` is the next item."""

    def __init__(self, teller: Teller, call: Call, told: dict[str, Shown]) -> None:
        self.teller = teller
        self.call = call
        self.values: dict[str, Shown] = {**call.sees, **call.arguments}
        self.at = 0
        self.stop = len(call.items)
        self.explainer = Explainer(told, teller.told_call, self.resumed, teller.gaps, teller.detail.states)
        self.told = told
        self.gaps = teller.gaps
        self.states = teller.detail.states
        self.left = lambda: teller.left
        self.returned: tuple[list[str], bool] | None = None

    def body(self) -> list[Claim]:
        node = self.call.node
        if isinstance(node, ast.Lambda):
            last = self.call.items[-1] if self.call.items else None
            if last is None:
                return []
            before, stages, worded = self.explainer.stages(node.body, last.parts)
            self.returned = (stages, worded)
            return before
        claims = self.block(node.body)
        if self.call.generates:
            self.teller.gaps += []
        return claims

    def ending(self) -> Claim | None:
        call = self.call
        event = call.items[-1].event if call.items else call.event
        line = getattr(call.items[-1].node, "lineno", 0) if call.items else 0
        if call.raised:
            return Raised(node=number(call.node), line=line, events=(event,), name=call.raised, what=call.name)
        last = call.items[-1] if call.items else None
        if last is None or last.kind != "return":
            return None
        node = last.node
        if self.returned is None:
            return None
        stages, worded = self.returned
        return Returned(
            node=number(node), line=line, events=(last.event,), name=call.name, stages=tuple(stages), worded=worded
        )

    def returning(self, item: Item) -> list[Claim]:
        """What is told before a return; how the value comes about is kept for `ending`."""
        node = item.node
        if not isinstance(node, ast.Return) or node.value is None:
            return []
        before, stages, worded = self.explainer.stages(node.value, item.parts)
        self.returned = (stages, worded)
        return before

    def next(self) -> Item | None:
        return self.call.items[self.at] if self.at < self.stop else None

    def inside(self, node: ast.AST) -> bool:
        item = self.next()
        return item is not None and number(node) <= number(item.node) <= node.last  # type: ignore[attr-defined]

    def inside_any(self, nodes: Sequence[ast.AST]) -> bool:
        return any(self.inside(node) for node in nodes)

    def take(self) -> Item:
        item = self.call.items[self.at]
        self.at += 1
        self.values |= item.changed
        return item

    def block(self, body: Sequence[ast.stmt]) -> list[Claim]:
        claims: list[Claim] = []
        for position, statement in enumerate(body):
            if not self.inside(statement):
                if self.inside_any(body[position + 1 :]):
                    continue
                break
            claims += self.statement(statement)
        return claims

    def statement(self, node: ast.stmt) -> list[Claim]:
        if isinstance(node, ast.If):
            return self.branch(node)
        if isinstance(node, ast.For):
            return self.for_loop(node)
        if isinstance(node, ast.While):
            return self.while_loop(node)
        if isinstance(node, ast.Try):
            return self.attempt(node)
        if isinstance(node, ast.With | ast.Match):
            return self.opened(node)
        claims: list[Claim] = []
        while self.inside(node):
            item = self.take()
            if item.kind == "yield":
                claims += self.yielded(item)
            elif item.kind == "resume":
                continue
            elif item.kind == "return":
                claims += self.returning(item)
            elif item.kind == "jump":
                claims += self.jump(item)
            elif item.kind == "step":
                claims += self.step(node, item)
            elif item.kind == "test":
                claims += self.tested(item)
        return claims

    def tested(self, item: Item) -> list[Claim]:
        """A condition that is tested, with what testing it changed."""
        here = Eval(item.node, item.value, item.event, item.parts, item.truth)  # type: ignore[arg-type]
        claims = self.explainer.condition(item.node, here, bool(item.truth))  # type: ignore[arg-type]
        return [*claims, *self.changes(item, set())]

    def jump(self, item: Item) -> list[Claim]:
        node = item.node
        if isinstance(node, ast.Break | ast.Continue):
            kind = "break" if isinstance(node, ast.Break) else "continue"
            return [Jumped(node=number(node), line=node.lineno, events=(item.event,), kind=kind)]
        if isinstance(node, ast.Raise):
            claims: list[Claim] = []
            name = ""
            if node.exc is not None:
                done = evaluated(node.exc, item.parts)
                if done is not None:
                    claims += self.explainer.parts_told(node.exc, done)
                name = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            return [*claims, Raised(node=number(node), line=node.lineno, events=(item.event,), name=name, what="")]
        return []

    def yielded(self, item: Item) -> list[Claim]:
        node = item.node
        assert isinstance(node, ast.Yield)
        before: list[Claim] = []
        stages, worded = ["null"], False
        if node.value is not None:
            before, stages, worded = self.explainer.stages(node.value, item.parts)
        return [
            *before,
            Yielded(node=number(node), line=node.lineno, events=(item.event,), stages=tuple(stages), worded=worded),
        ]

    def resumed(self, part: Resumed) -> list[Claim]:
        """A generator that goes on; its steps are told where it was first asked."""
        return []

    def branch(self, node: ast.If) -> list[Claim]:
        item = self.take_test(node.test)
        if item is None:
            return []
        claims = self.tested(item)
        inside = (
            self.block(node.body if item.truth else node.orelse)
            if self.inside_any(node.body if item.truth else node.orelse)
            else []
        )
        return [
            Branch(
                node=number(node), line=node.lineno, events=(item.event,), conditions=tuple(claims), body=tuple(inside)
            )
        ]

    def take_test(self, test: ast.expr) -> Item | None:
        while self.inside(test):
            item = self.take()
            if item.kind == "test" and item.node is test:
                return item
        item_now = self.next()
        if item_now is not None:
            self.at += 1  # the test failed with an exception: its handler is next
        return None

    def for_loop(self, node: ast.For) -> list[Claim]:
        before: list[Claim] = []
        first = self.next()
        assert first is not None
        over = (
            self.explainer.over(node.iter, first.parts, before)
            if evaluated(node.iter, first.parts) or isinstance(node.iter, ast.Constant)
            else ""
        )
        names = tuple(part.id for part in ast.walk(node.target) if isinstance(part, ast.Name) and part.id != "_")
        rounds: list[Round] = []
        ended = "left"
        after: list[Claim] = []
        while self.inside(node):
            item = self.take()
            if item.kind == "exhausted":
                ended = "exhausted"
                break
            if item.kind != "round" or item.node is not node:
                if item.node in node.orelse:
                    self.at -= 1
                break
            start = [part for part in item.parts if isinstance(part, Call | Resumed)]
            lead: list[Claim] = []
            for part in start:
                if isinstance(part, Call) and part.generates and not rounds:
                    before += self.teller.told_call(part)  # the whole generator, before what goes through it
                else:
                    lead += self.teller.told_call(part) if isinstance(part, Call) else self.resumed(part)
            for name in names:
                if name in self.values:
                    self.told[name] = self.values[name]
            kept = dict(self.told)
            body = self.block(node.body)
            shown = tuple(
                (name, self.explainer.shown(item.changed.get(name, kept.get(name, ""))))
                for name in names
                if name in item.changed or name in kept
            )
            shown = shown or (("", str(len(rounds) + 1)),)
            rounds.append(self.round(node, item, shown, [*lead, *body], set(names)))
            if not self.at_round(node) and not self.at_exhausted(node):
                break
        loop = Loop(
            node=number(node),
            line=node.lineno,
            events=(first.event,),
            over=over,
            names=names,
            rounds=tuple(rounds),
            ended=ended,
        )
        if ended == "exhausted" and self.inside_any(node.orelse):
            after = self.block(node.orelse)
        return [*before, loop, *after]

    def at_round(self, node: ast.For) -> bool:
        item = self.next()
        return item is not None and item.kind == "round" and item.node is node

    def at_exhausted(self, node: ast.For) -> bool:
        item = self.next()
        return item is not None and item.kind == "exhausted" and item.node is node

    def round(
        self, node: ast.stmt, item: Item, variables: tuple[tuple[str, str], ...], body: list[Claim], own: set[str]
    ) -> Round:
        changed: dict[str, str] = {}
        for name in _targets(body):
            base = name.partition("[")[0].partition(".")[0]
            if base in own or base not in self.values:
                continue
            value = self.values[base]
            if isinstance(value, str):
                changed[base] = value
            else:
                changed[base] = value[0]
        return Round(
            node=number(node),
            line=node.lineno,
            events=(item.event,),
            variables=variables,
            body=tuple(body),
            changed=tuple(changed.items()),
        )

    def while_loop(self, node: ast.While) -> list[Claim]:
        rounds: list[Round] = []
        ended, last = "left", []
        event = -1
        endless = isinstance(node.test, ast.Constant)
        while self.inside(node.test):
            item = self.take_test(node.test)
            if item is None:
                break
            event = item.event if event < 0 else event
            claims = [] if endless else self.tested(item)
            if not item.truth:
                ended, last = "false", claims
                break
            body = self.block(node.body)
            test = Branch(
                node=number(node.test),
                line=node.lineno,
                events=(item.event,),
                conditions=tuple(claims),
                body=tuple(body),
            )
            rounds.append(self.round(node, item, (), [test] if claims else body, set()))
        loop = Loop(
            node=number(node),
            line=node.lineno,
            events=(max(event, 0),),
            over="",
            names=(),
            rounds=tuple(rounds),
            ended=ended,
            last=tuple(last),
        )
        after = self.block(node.orelse) if ended == "false" and self.inside_any(node.orelse) else []
        return [loop, *after]

    def attempt(self, node: ast.Try) -> list[Claim]:
        claims: list[Claim] = []
        while self.inside(node):
            if self.inside_any(node.body):
                claims += self.block(node.body)
            elif self.inside_any(node.orelse):
                claims += self.block(node.orelse)
            elif self.inside_any(node.finalbody):
                claims += self.block(node.finalbody)
            else:
                handler = next((one for one in node.handlers if self.inside(one)), None)
                if handler is None:
                    self.take()
                    continue
                claims += self.handled(handler)
        return claims

    def handled(self, node: ast.ExceptHandler) -> list[Claim]:
        claims: list[Claim] = []
        item = self.next()
        if item is not None and item.kind == "handler":
            self.take()
            for part in item.parts:
                if isinstance(part, Call):
                    claims += self.teller.told_call(part)
                elif isinstance(part, Eval):
                    claims += self.explainer.told_alone(part)
            caught = str(item.value)
            claims.append(Handled(node=number(node), line=node.lineno, events=(item.event,), name=caught))
        return [*claims, *self.block(node.body)]

    def opened(self, node: ast.With | ast.Match) -> list[Claim]:
        claims: list[Claim] = []
        while self.inside(node):
            item = self.next()
            assert item is not None
            if item.kind == "step" and (item.node is node or isinstance(item.node, ast.match_case)):
                self.take()
                claims += self.entered(node, item)
                continue
            blocks = [case.body for case in node.cases] if isinstance(node, ast.Match) else [node.body]
            inner = next((block for block in blocks if self.inside_any(block)), None)
            if inner is None:
                self.take()
                continue
            here = self.at
            claims += self.block(inner)
            if self.at == here:
                break
        return claims

    def entered(self, node: ast.With | ast.Match, item: Item) -> list[Claim]:
        claims: list[Claim] = []
        for part in item.parts:
            if isinstance(part, Call):
                claims += self.teller.told_call(part)
            elif isinstance(part, Eval):
                claims += self.explainer.told_alone(part)
        if isinstance(item.node, ast.match_case) and isinstance(node, ast.Match):
            subject = evaluated(node.subject, item.parts)
            shown = self.explainer.shown(subject.value) if subject is not None else ast.unparse(node.subject)
            pattern = ast.unparse(item.node.pattern)
            if item.node.guard is not None:
                self.teller.gaps.append("a guard of a case")
            claims.append(
                Matched(
                    node=number(item.node),
                    line=item.node.pattern.lineno,
                    events=(item.event,),
                    subject=shown,
                    pattern=pattern,
                )
            )
        return [*claims, *self.changes(item, set())]


def _targets(claims: Sequence[Claim]) -> list[str]:
    """The variables that claims tell something new about, in order, those of inner loops included, not those of calls."""
    found: dict[str, None] = {}
    for claim in claims:
        if isinstance(claim, Computed | Changed) and claim.target:
            found[claim.target] = None
        elif not isinstance(claim, Called):
            found |= dict.fromkeys(_targets(inner(claim)))
    return list(found)
