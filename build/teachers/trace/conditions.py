"""Conditions and comprehensions as claims: how a condition turned out and by which part, and the items of a comprehension."""

import ast
import re
from collections.abc import Sequence

from build.sandbox.show import Shown
from build.teachers.trace.claims import Claim, Computed, Condition, Loop, Round
from build.teachers.trace.explain import Expressions
from build.teachers.trace.phrases import PREDICATES, types_in
from build.teachers.trace.run import Call, Eval, Part, Turn
from build.teachers.trace.terms import RELATIONS, evaluated, failing, number, numbers, truth_of


class Explainer(Expressions):
    """Explains the expressions of one call, conditions and comprehensions included."""

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, done: Eval, last: bool = False
    ) -> Loop:
        """A comprehension as a loop: an item a round, with its conditions and the value that it gives."""
        first = node.generators[0]
        inside = [part for part in done.parts if not (isinstance(part, Eval) and part.node is first.iter)]
        before: list[Claim] = []
        over = self.over(first.iter, done.parts, before)
        turns: list[tuple[Turn, list[Part]]] = []
        for part in inside:
            if isinstance(part, Turn):
                turns.append((part, []))
            elif turns:
                turns[-1][1].append(part)
        outer = dict(self.scope)
        rounds: list[Round] = []
        nested = len(node.generators) > 1
        for turn, parts in turns:
            names = [name.id for name in ast.walk(turn.node.target) if isinstance(name, ast.Name)]
            self.scope |= dict(zip(names, turn.values))
            rounds.append(self.item(node, turn, parts, names, nested))
        self.scope = outer
        targets = tuple(name.id for name in ast.walk(first.target) if isinstance(name, ast.Name))
        value = "" if last or isinstance(node, ast.GeneratorExp) else self.shown(done.value)
        return Loop(
            node=number(node),
            line=node.lineno,
            events=(done.event,),
            over=over,
            names=targets,
            rounds=tuple(rounds),
            ended="exhausted",
            last=tuple(before),
            comprehension=True,
            gives=value,
        )

    def item(self, node: ast.expr, turn: Turn, parts: list[Part], names: list[str], nested: bool) -> Round:
        claims: list[Claim] = [claim for part in parts if isinstance(part, Call) for claim in self.tell_call(part, {})]
        given = ""
        for test in turn.node.ifs:
            tested = evaluated(test, parts)
            if tested is not None and tested.truth is not None:
                claims += self.condition(test, tested, tested.truth)
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]  # type: ignore[attr-defined]
        for result in results:
            value = evaluated(result, parts)
            if value is None and not isinstance(result, ast.Constant):
                continue
            if nested and not any(isinstance(part, Eval) and part.node is result for part in parts):
                continue
            if (
                value is None
                and turn.node.ifs
                and claims
                and isinstance(claims[-1], Condition)
                and not claims[-1].holds
            ):
                continue
            before, stages, worded = self.stages(result, parts)
            claims += before
            given = stages[-1]
            if len(stages) > 1:
                at = value.event if value is not None else turn.event
                claims.append(
                    Computed(
                        node=number(result),
                        line=node.lineno,
                        events=(at,),
                        target="",
                        stages=tuple(stages),
                        worded=worded,
                    )
                )
        shown = tuple((name, self.shown(value)) for name, value in zip(names, turn.values) if name != "_")
        return Round(
            node=number(turn.node),
            line=node.lineno,
            events=(turn.event,),
            variables=shown,
            body=tuple(claims),
            changed=(("", given),) if given else (),
        )

    def over(self, node: ast.expr, parts: Sequence[Part], claims: list[Claim]) -> str:
        """What a loop goes through, in words."""
        done = evaluated(node, parts)
        if isinstance(node, ast.Call) and done is not None:
            said = self.call(node, done)
            claims += said[0]
            counted = re.fullmatch(r"range\((-?\d+), (-?\d+)(?:, (-?\d+))?\)", str(done.value))
            if counted is not None:
                return numbers(range(*(int(part) for part in counted.groups() if part)))
            return said[1] or self.shown(done.value)
        if isinstance(node, ast.Name) and done is not None:
            return self.named(node.id, done.value)
        return self.reference(node, parts, claims)

    def condition(self, node: ast.expr, done: Eval, holds: bool) -> list[Claim]:
        """Claims that tell a condition as it turned out, with what is needed before; `done` may be its parts' holder."""
        return self._condition(node, done.parts, holds, done)

    def _condition(self, node: ast.expr, parts: Sequence[Part], holds: bool, done: Eval) -> list[Claim]:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inside = evaluated(node.operand, parts)
            if inside is not None:
                return self._condition(node.operand, inside.parts, not holds, inside)
        if isinstance(node, ast.BoolOp):
            return self._parts_of(node, parts, holds, done)
        claims: list[Claim] = []
        own = any(isinstance(part, Call) for part in parts)
        if isinstance(node, ast.Compare) and not own:
            claims += self._comparison(node, parts, holds, done)
            return claims
        target = evaluated(node.func, parts) if isinstance(node, ast.Call) else None
        name = str(target.value).partition(" ")[2] if target is not None else ""
        if isinstance(node, ast.Call) and target is not None and name in PREDICATES and len(node.args) <= 1 and not own:
            subject = (
                self.receiver(node.func.value, target.parts, claims) if isinstance(node.func, ast.Attribute) else ""
            )
            given = self.argument(node.args[0], parts, claims, {}) if node.args else ""
            if not node.keywords:
                claims.append(self._condition_claim(node, done, subject, name, given, holds))
                return claims
        if isinstance(node, ast.Call) and name == "isinstance" and (kinds := types_in(node)):
            subject = self.argument(node.args[0], parts, claims, {})
            claims.append(self._condition_claim(node, done, subject, "type", kinds, holds))
            return claims
        value = done.value
        if isinstance(node, ast.Name):
            subject = self.named(node.id, value)
            claims.append(self._truth(node, done, subject, value, holds))
            return claims
        here = Eval(node, value, done.event, list(parts))
        before, stages, worded = self.stages(node, [here])
        claims += before
        if isinstance(node, ast.Constant):
            return claims
        if isinstance(node, ast.Call) and len(stages) == 1:
            claims.append(self._truth(node, done, "it", value, holds)) if str(value) not in ("true", "false") else None
            return claims
        if len(stages) > 1 and worded:
            subject = f"{stages[0]} ({stages[-1]})" if stages[-1] not in ("true", "false") else stages[0]
        elif len(stages) == 2 and isinstance(node, ast.Subscript | ast.Attribute):
            subject = f"{stages[0]} ({stages[1]})"
        else:
            subject = " = ".join(stages) if len(stages) > 1 else stages[0]
        claims.append(self._truth(node, done, subject, value, holds))
        return claims

    def _parts_of(self, node: ast.BoolOp, parts: Sequence[Part], holds: bool, done: Eval) -> list[Claim]:
        """The parts that decide: all of an `and` that holds, the last one evaluated of one that does not."""
        deciding = isinstance(node.op, ast.Or)
        seen = [(part, evaluated(part, parts)) for part in node.values]
        known = [(part, each) for part, each in seen if each is not None]
        if holds == deciding and known:
            known = known[-1:]
        claims: list[Claim] = []
        for part, each in known:
            truth = each.truth if each.truth is not None else truth_of(each.value)
            if each is known[-1][1]:
                truth = holds
            claims += self._condition(part, each.parts, bool(truth) if truth is not None else not deciding, each)
        return claims

    def chosen(self, node: ast.BoolOp, done: Eval) -> list[Claim]:
        """Claims about an `and` or `or` that is used for its value: the operands that were looked at."""
        claims: list[Claim] = []
        seen = [each for each in (evaluated(part, done.parts) for part in node.values) if each is not None]
        for each in seen:
            last = each is seen[-1]
            truth = truth_of(each.value)
            if truth is None:
                truth = isinstance(node.op, ast.And) != last
            if last and str(each.value) not in ("true", "false"):
                claims += self.told_alone(each)
            else:
                claims += self._condition(each.node, each.parts, truth, each)
        return claims

    def _comparison(self, node: ast.Compare, parts: Sequence[Part], holds: bool, done: Eval) -> list[Claim]:
        claims: list[Claim] = []
        operands = [node.left, *node.comparators]
        chained = len(node.ops) > 1
        texts: list[str] = []
        for operand in operands:
            if chained and not isinstance(operand, ast.Constant) and evaluated(operand, parts) is None:
                break  # not reached: an earlier comparison failed
            texts.append(self.compared(operand, parts, claims))
        pairs = list(zip(node.ops, texts, texts[1:], strict=False))
        for at, (operator, left, right) in enumerate(pairs):
            relation = RELATIONS[type(operator)]
            value = holds if at == len(pairs) - 1 else True
            claims.append(self._condition_claim(node, done, left, relation, right, value))
        if chained and not holds and len(pairs) > 1:
            claims = [claim for claim in claims if not isinstance(claim, Condition)] + claims[-1:]
            # Where all operands are known it may be an earlier comparison that failed.
            values = [evaluated(operand, parts) for operand in operands]
            failed = failing(node, values)
            if failed is not None:
                claims[-1] = self._condition_claim(
                    node, done, texts[failed], RELATIONS[type(node.ops[failed])], texts[failed + 1], False
                )
            else:
                self.gaps.append("which comparison failed")
        return claims

    def compared(self, node: ast.expr, parts: Sequence[Part], claims: list[Claim]) -> str:
        """An operand of a comparison: "x (5)", "arr[3] (9)", "4 % 2 = 0", "the length of arr (5)"."""
        done = evaluated(node, parts)
        if isinstance(node, ast.Name) and done is not None:
            return self.named(node.id, done.value)
        if isinstance(node, ast.Call) and done is not None:
            before, stages, _ = self.stages(node, parts)
            claims += before
            return f"{stages[0]} ({stages[1]})" if len(stages) == 2 and not stages[1].startswith("<") else stages[0]
        term = self.term(node, parts, claims)
        if not term.operands and not term.done:
            return f"{term.symbol} ({term.value})"
        return " = ".join(term.stages())

    def _condition_claim(
        self, node: ast.expr, done: Eval, left: str, relation: str, right: str, holds: bool
    ) -> Condition:
        return Condition(
            node=number(node),
            line=node.lineno,
            events=(done.event,),
            left=left,
            relation=relation,
            right=right,
            holds=holds,
        )

    def _truth(self, node: ast.expr, done: Eval, subject: str, value: Shown, holds: bool) -> Condition:
        text = value if isinstance(value, str) else value[0]
        if text in ("true", "false"):
            relation = "true"
        elif text == "null":
            relation, holds = "null", not holds
        elif text.startswith(("[", "{", "(", '"', "set(", "deque(", "range(", "a list", "a text", "a dict", "a set")):
            relation, holds = "empty", not holds
        elif re.match(r"-?\d", text):
            relation, holds = "zero", not holds
        else:
            relation = "counted"
        return self._condition_claim(node, done, subject, relation, "", holds)
