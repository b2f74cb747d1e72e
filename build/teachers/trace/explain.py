"""From evaluated expressions to claims: how a value comes about from values that are known, one operation at a time.

Operators are written as they are in the program with values in place of the variables, and worked out step by step; calls of
builtins and methods are worded as phrases where the trace says that it is this builtin or a method of this type.
"""

import ast
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from build.sandbox.show import Shown
from build.teachers.trace.claims import Claim, Computed, Condition, Loop, Round
from build.teachers.trace.phrases import PREDICATES, phrase
from build.teachers.trace.run import Call, Eval, Part, Resumed, Turn

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
_COMPARING = 4
_BARE = {1, 2, 4, 5, 6, 7, 8}  # operators whose place in the order of operations is not common knowledge
_ATOM = 20
_ORDER = {"<", "<=", ">", ">="}


@dataclass(slots=True)
class Term:
    """A part of an expression that is worked out: a leaf with what it is called and its value, or an operator over terms."""

    symbol: str  # of a leaf: what it is called
    value: str
    operands: list["Term"] = field(default_factory=list)
    precedence: int = _ATOM
    done: bool = False  # a leaf that is written as its value

    def text(self) -> str:
        if not self.operands:
            return self.value if self.done else self.symbol
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
            term.operands, term.done, term.precedence = [], True, _ATOM
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


class Explainer:
    """Explains the expressions of one call. `told`: what each variable was last told to be.

    `tell_call` gives the claims about a call of one of the program's own functions and how its result is referred to, "" for
    none. `gaps` collects what could not be told.
    """

    def __init__(
        self,
        told: dict[str, Shown],
        tell_call: Callable[[Call, dict[str, str]], list[Claim]],
        tell_resumed: Callable[[Resumed], list[Claim]],
        gaps: list[str],
        states: bool,
    ) -> None:
        self.told = told
        self.tell_call = tell_call
        self.tell_resumed = tell_resumed
        self.gaps = gaps
        self.states = states
        self.scope: dict[str, Shown] = {}  # variables of comprehensions under way

    # Values and names

    def shown(self, value: Shown | None) -> str:
        """A value as it is written out; one that is too long costs completeness."""
        if isinstance(value, str):
            return value
        self.gaps.append("a value that is too long")
        return value[0] if value else "nothing"

    def named(self, name: str, value: Shown) -> str:
        """A variable with its value, or only its name where that is long and was told."""
        if isinstance(value, str) and value.startswith("<"):
            return name
        if name in self.scope or (isinstance(value, str) and len(value) <= 4):
            return f"{name} ({self.shown(value)})"
        data = isinstance(value, str) and value.startswith(("[", "{", "(", '"', "deque", "set", "range"))
        if isinstance(value, str) and not data and len(value) <= LONG:
            return f"{name} ({value})"
        if self.told.get(name) == value:
            return name
        self.told[name] = value
        return f"{name} ({self.shown(value)})"

    def short(self, name: str, value: Shown) -> str:
        """A variable's value where that is short, else its name."""
        if isinstance(value, str) and value.startswith("<"):
            return name
        data = isinstance(value, str) and value.startswith(("[", "{", "(", '"', "deque", "set", "range"))
        if isinstance(value, str) and (len(value) <= (6 if data else LONG) or name in self.scope):
            return value
        if self.told.get(name) == value:
            return name
        self.told[name] = value
        return f"{name} ({self.shown(value)})"

    # Expressions

    def stages(self, node: ast.expr, parts: Sequence[Part]) -> tuple[list[Claim], list[str], bool]:
        """An expression's claims that come first, its stages to its value, and whether the first stage is a phrase."""
        before: list[Claim] = []
        done = evaluated(node, parts)
        if isinstance(node, ast.Call) and done is not None:
            claims, said = self.call(node, done)
            if said:
                value = self.shown(done.value)
                return claims, [said, value] if said != value else [value], not said.endswith(")")
            return claims, [self.shown(done.value)], False
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp) and done is not None:
            return [self.comprehension(node, done, last=True)], [self.shown(done.value)], False
        term = self.term(node, parts, before)
        return before, term.stages(), False

    def term(self, node: ast.expr, parts: Sequence[Part], before: list[Claim]) -> Term:
        if isinstance(node, ast.Constant):
            text = constant(node.value)
            return Term(text, text, done=True)
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            text = ast.unparse(node)
            return Term(text, text, done=True)
        done = evaluated(node, parts)
        if done is None:
            if isinstance(node, ast.Lambda | ast.GeneratorExp):
                return Term("a function" if isinstance(node, ast.Lambda) else "these", "", done=False)
            self.gaps.append(f"no value of {type(node).__name__}")
            return Term("something", "something", done=True)
        return self.evaluated_term(node, done, before)

    def evaluated_term(self, node: ast.expr, done: Eval, before: list[Claim]) -> Term:
        operator = OPERATORS.get(type(getattr(node, "op", None)))
        own = [part for part in done.parts if isinstance(part, Call)]
        if isinstance(node, ast.Name):
            text = self.short(node.id, done.value)
            return Term(text, text, done=True)
        if isinstance(node, ast.BinOp | ast.UnaryOp) and operator and not own:
            nodes = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.operand]
            operands = [self.term(part, done.parts, before) for part in nodes]
            return Term(operator[0], self.shown(done.value), operands, operator[1])
        if isinstance(node, ast.Compare) and not own:
            if len(node.ops) == 1:
                operands = [self.term(part, done.parts, before) for part in (node.left, *node.comparators)]
                return Term(RELATIONS[type(node.ops[0])], self.shown(done.value), operands, _COMPARING)
            before += self.condition(node, done, truth_of(done.value))
        elif isinstance(node, ast.BoolOp) and not own:
            before += self.chosen(node, done)
        elif isinstance(node, ast.IfExp):
            tested = next((part for part in done.parts if isinstance(part, Eval) and part.node is node.test), None)
            if tested is not None and tested.truth is not None:
                before += self.condition(node.test, tested, tested.truth)
                chosen = node.body if tested.truth else node.orelse
                return self.term(chosen, done.parts, before)
        elif isinstance(node, ast.Subscript) and not own:
            place = self.place(node, done.parts, before)
            return Term(place, self.shown(done.value))
        elif isinstance(node, ast.Attribute) and not own:
            holder = self.holder(node.value, done.parts, before)
            return Term(f"{holder}.{node.attr}", self.shown(done.value))
        elif isinstance(node, ast.Call):
            claims, said = self.call(node, done)
            before += claims
            if said and isinstance(done.value, str) and done.value.startswith("<"):
                return Term(said, said, done=True)
            if said:
                before.append(self.fact(node, done, [said, self.shown(done.value)], not said.endswith(")")))
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp):
            before.append(self.comprehension(node, done))
        elif isinstance(node, ast.NamedExpr):
            claims, stages, worded = self.stages(node.value, done.parts)
            name = node.target.id
            before += claims
            before.append(
                Computed(
                    node=number(node), line=node.lineno, events=(done.event,),
                    target=name, stages=tuple(stages), worded=worded,
                )
            )  # fmt: skip
            self.told[name] = done.value
        else:
            before += self.parts_told(node, done)
        value = self.shown(done.value)
        return Term(value, value, done=True)

    def fact(self, node: ast.expr, done: Eval, stages: Sequence[str], worded: bool, target: str = "") -> Computed:
        return Computed(
            node=number(node), line=node.lineno, events=(done.event,),
            target=target, stages=tuple(stages), worded=worded,
        )  # fmt: skip

    def parts_told(self, node: ast.AST, done: Eval) -> list[Claim]:
        """Claims about what a display, a formatted text or the like is put together from."""
        claims: list[Claim] = []
        for part in done.parts:
            if isinstance(part, Call):
                claims += self.tell_call(part, {})
            elif isinstance(part, Resumed):
                claims += self.tell_resumed(part)
            elif isinstance(part, Eval):
                claims += self.told_alone(part)
        return claims

    def told_alone(self, done: Eval) -> list[Claim]:
        """Claims that tell an operand's value, where a reader would not see it from what is told."""
        if isinstance(done.node, ast.Name | ast.Constant | ast.Lambda):
            if isinstance(done.node, ast.Name) and self.told.get(done.node.id) != done.value:
                self.told[done.node.id] = done.value
            return []
        claims, stages, worded = self.stages(done.node, [done])
        if len(stages) > 1:
            claims.append(self.fact(done.node, done, stages, worded))
        return claims

    def place(self, node: ast.Subscript, parts: Sequence[Part], before: list[Claim]) -> str:
        """An item or a slice: "arr[3]"."""
        return f"{self.holder(node.value, parts, before)}[{self.index(node.slice, parts, before)}]"

    def holder(self, node: ast.expr, parts: Sequence[Part], before: list[Claim]) -> str:
        """The container or object that something belongs to, by its name where it has one."""
        done = evaluated(node, parts)
        if isinstance(node, ast.Name) and done is not None:
            if self.states or node.id in self.scope:
                self.refresh(node.id, done.value, before, done)
            return node.id
        if isinstance(node, ast.Subscript) and done is not None:
            return self.place(node, done.parts, before)
        if isinstance(node, ast.Attribute) and done is not None:
            return f"{self.holder(node.value, done.parts, before)}.{node.attr}"
        if done is None and isinstance(node, ast.Name):
            return node.id
        term = self.term(node, parts, before)
        text = term.stages()[-1]
        return f"({text})" if " " in text and not text.startswith(("[", "(", "{", '"')) else text

    def refresh(self, name: str, value: Shown, before: list[Claim], done: Eval) -> None:
        """A claim of what a variable is, where that was not told."""
        if name not in self.scope and self.told.get(name) != value and not str(value).startswith("<"):
            self.told[name] = value
            before.append(self.fact(done.node, done, [self.shown(value)], False, name))

    def index(self, node: ast.expr, parts: Sequence[Part], before: list[Claim]) -> str:
        if isinstance(node, ast.Slice):
            ends = [self.index(part, parts, before) if part is not None else "" for part in (node.lower, node.upper)]
            step = f":{self.index(node.step, parts, before)}" if node.step is not None else ""
            return f"{ends[0]}:{ends[1]}{step}"
        term = self.term(node, parts, before)
        if isinstance(node, ast.BinOp) and not any(operand.operands for operand in term.operands):
            near = all(operand.done for operand in term.operands) and isinstance(node.right, ast.Constant)
            if near and isinstance(node.op, ast.Add | ast.Sub):
                return term.value
        stages = term.stages()
        done = evaluated(node, parts)
        if len(stages) > 1 and done is not None:
            before.append(self.fact(node, done, stages, False))
        return stages[-1]

    # Calls

    def call(self, node: ast.Call, done: Eval) -> tuple[list[Claim], str]:
        """The claims about a call, and the call in words or as it is written, with the values of its arguments.

        No words where what is called is the program's own: then the claims tell its result.
        """
        claims: list[Claim] = []
        target = evaluated(node.func, done.parts)
        name = target.value if target is not None and isinstance(target.value, str) else ""
        own = [part for part in done.parts if isinstance(part, Call)]
        direct = name.startswith(("function ", "class ", "object "))
        if direct and own and own[-1].ended:
            if isinstance(node.func, ast.Attribute):
                self.holder(node.func.value, target.parts if target else (), claims)
            given = self.given(node, done, own[-1], claims)
            for call in own:
                claims += self.tell_call(call, given if call is own[-1] else {})
            return claims, ""
        items = self.lazily(node, done, claims)
        lazy = [argument for argument in node.args if isinstance(argument, ast.GeneratorExp)]
        for part in done.parts:
            if isinstance(part, Call) and not lazy:
                claims += self.tell_call(part, {})
            elif isinstance(part, Resumed):
                claims += self.tell_resumed(part)
        arguments = [self.argument(argument, done.parts, claims, items) for argument in node.args]
        receiver = ""
        if isinstance(node.func, ast.Attribute) and target is not None:
            receiver = self.receiver(node.func.value, target.parts, claims)
        keywords = {
            keyword.arg or "**": self.argument(keyword.value, done.parts, claims, items) for keyword in node.keywords
        }
        said = phrase(name, receiver, arguments, keywords, node)
        return claims, said

    def given(self, node: ast.Call, done: Eval, call: Call, claims: list[Claim]) -> dict[str, str]:
        """How each parameter comes to its value, by its name: "n - 1 = 4"; "" for a variable of that name that was told."""
        names = [name for name in call.arguments if name not in ("self", "cls")]
        pairs = [(name, argument) for name, argument in zip(names, node.args) if not isinstance(argument, ast.Starred)]
        pairs = pairs if not any(isinstance(argument, ast.Starred) for argument in node.args) else []
        pairs += [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg in call.arguments]
        said: dict[str, str] = {}
        for name, argument in pairs:
            if isinstance(argument, ast.Name):
                value = call.arguments[name]
                if argument.id == name and self.told.get(name) == value and len(value) > 6 and name not in self.scope:
                    said[name] = ""
                continue
            if isinstance(argument, ast.Constant | ast.Lambda):
                continue
            before, stages, worded = self.stages(argument, done.parts)
            claims += before
            if len(stages) > 1 and stages[-1] == call.arguments[name]:
                said[name] = f"{stages[0]}, {stages[-1]}" if worded else " = ".join(stages)
        return said

    def receiver(self, node: ast.expr, parts: Sequence[Part], claims: list[Claim]) -> str:
        """What a method belongs to: a container by its name, a short text by itself."""
        done = evaluated(node, parts)
        if isinstance(node, ast.Name) and done is not None:
            if str(done.value).startswith(("[", "{", "set(", "deque(")) and node.id not in self.scope:
                return self.named(node.id, done.value) if len(done.value) > 4 else self.by_name(node.id, done.value)
            return self.short(node.id, done.value)
        if done is None and isinstance(node, ast.Name):
            return node.id
        return self.reference(node, parts, claims)

    def by_name(self, name: str, value: Shown) -> str:
        if self.told.get(name) == value:
            return name
        self.told[name] = value
        return f"{name} ({self.shown(value)})"

    def argument(self, node: ast.expr, parts: Sequence[Part], claims: list[Claim], items: dict[int, str]) -> str:
        if number(node) in items:
            return items[number(node)]
        if isinstance(node, ast.Starred):
            return "*" + self.argument(node.value, parts, claims, items)
        return self.reference(node, parts, claims)

    def reference(self, node: ast.expr, parts: Sequence[Part], claims: list[Claim]) -> str:
        """An operand as it stands in a phrase: its value, or its name where the value is long."""
        term = self.term(node, parts, claims)
        if not term.operands and not term.done:  # an item or an attribute
            if not term.value:
                return term.symbol
            done = evaluated(node, parts)
            if done is not None and len(term.value) > LONG:
                return f"{term.symbol} ({term.value})"
            return f"{term.symbol} ({term.value})"
        stages = term.stages()
        done = evaluated(node, parts)
        if len(stages) > 1 and done is not None:
            claims.append(self.fact(node, done, stages, False))
        return stages[-1]

    def lazily(self, node: ast.Call, done: Eval, claims: list[Claim]) -> dict[int, str]:
        """Generator expressions among the arguments: their items are told, and are the argument."""
        items: dict[int, str] = {}
        for argument in node.args:
            if not isinstance(argument, ast.GeneratorExp):
                continue
            inside = [part for part in done.parts if _within(part, argument)]
            loop = self.comprehension(argument, Eval(argument, "", done.event, inside), last=True)
            given = [value for one in loop.rounds for name, value in one.changed if not name]  # type: ignore[union-attr]
            claims.append(loop)
            items[number(argument)] = ", ".join(given) if len(", ".join(given)) <= 80 else "these"
        return items

    # Comprehensions

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
        names = tuple(name.id for name in ast.walk(first.target) if isinstance(name, ast.Name))
        value = "" if last or isinstance(node, ast.GeneratorExp) else self.shown(done.value)
        return Loop(
            node=number(node), line=node.lineno, events=(done.event,), over=over, names=names,
            rounds=tuple(rounds), ended="exhausted", last=tuple(before), comprehension=True, gives=value,
        )  # fmt: skip

    def item(
        self, node: ast.expr, turn: Turn, parts: list[Part], names: list[str], nested: bool
    ) -> Round:
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
            if value is None and turn.node.ifs and claims and isinstance(claims[-1], Condition) and not claims[-1].holds:
                continue
            before, stages, worded = self.stages(result, parts)
            claims += before
            given = stages[-1]
            if len(stages) > 1:
                at = value.event if value is not None else turn.event
                claims.append(
                    Computed(
                        node=number(result), line=node.lineno, events=(at,), target="", stages=tuple(stages), worded=worded
                    )
                )
        shown = tuple((name, self.shown(value)) for name, value in zip(names, turn.values) if name != "_")
        return Round(
            node=number(turn.node), line=node.lineno, events=(turn.event,), variables=shown, body=tuple(claims),
            changed=(("", given),) if given else (),
        )  # fmt: skip

    def over(self, node: ast.expr, parts: Sequence[Part], claims: list[Claim]) -> str:
        """What a loop goes through, in words."""
        done = evaluated(node, parts)
        if isinstance(node, ast.Call) and done is not None:
            said = self.call(node, done)
            claims += said[0]
            counted = re.fullmatch(r"range\((-?\d+), (-?\d+)(?:, (-?\d+))?\)", str(done.value))
            if counted is not None:
                return _numbers(range(*(int(part) for part in counted.groups() if part)))
            return said[1] or self.shown(done.value)
        if isinstance(node, ast.Name) and done is not None:
            return self.named(node.id, done.value)
        return self.reference(node, parts, claims)

    # Conditions

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
            subject = self.receiver(node.func.value, target.parts, claims) if isinstance(node.func, ast.Attribute) else ""
            given = self.argument(node.args[0], parts, claims, {}) if node.args else ""
            if not node.keywords:
                claims.append(self._condition_claim(node, done, subject, name, given, holds))
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
            claims.append(self._truth(node, done, "it", value, holds)) if not str(value) in ("true", "false") else None
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
            failed = _failing(node, values)
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
            before, stages, worded = self.stages(node, parts)
            claims += before
            return f"{stages[0]} ({stages[1]})" if len(stages) == 2 else stages[0]
        term = self.term(node, parts, claims)
        if not term.operands and not term.done:
            return f"{term.symbol} ({term.value})"
        return " = ".join(term.stages())

    def _condition_claim(self, node: ast.expr, done: Eval, left: str, relation: str, right: str, holds: bool) -> Condition:
        return Condition(
            node=number(node), line=node.lineno, events=(done.event,),
            left=left, relation=relation, right=right, holds=holds,
        )  # fmt: skip

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


def _within(part: Part, node: ast.AST) -> bool:
    if isinstance(part, Eval | Turn):
        return number(node) < number(part.node) <= node.last  # type: ignore[attr-defined]
    return True


def _numbers(numbers: range) -> str:
    """The numbers of a range: "0, 1, 2", or its ends."""
    if not numbers:
        return "no numbers"
    if len(numbers) <= 6:
        return ", ".join(map(str, numbers))
    step = "" if numbers.step == 1 else f" in steps of {numbers.step}"
    return f"the numbers from {numbers[0]} to {numbers[-1]}{step}"


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


def _failing(node: ast.Compare, values: Sequence[Eval | None]) -> int | None:
    """Which comparison of a chain that does not hold failed, where the operands are numbers."""
    numbers: list[float] = []
    for operand, value in zip((node.left, *node.comparators), values):
        text = constant(operand.value) if isinstance(operand, ast.Constant) else str(value.value if value else "")
        if not re.fullmatch(r"-?\d{1,300}(\.\d+)?(e[+-]?\d+)?", text):
            return None if len(numbers) < 2 else len(numbers) - 2
        numbers.append(float(text))
    checks = {ast.Lt: "__lt__", ast.LtE: "__le__", ast.Gt: "__gt__", ast.GtE: "__ge__", ast.Eq: "__eq__", ast.NotEq: "__ne__"}
    for at, operator in enumerate(node.ops):
        name = checks.get(type(operator))
        if name is None:
            return None
        if not getattr(numbers[at], name)(numbers[at + 1]):
            return at
    return None
