"""From evaluated expressions to claims: how a value comes about from values that are known, one operation at a time.

Operators are written as they are in the program with values in place of the variables, and worked out step by step; calls of
builtins and methods are worded as phrases where the trace says that it is this builtin or a method of this type.
"""

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from build.sandbox.show import Shown
from build.teachers.trace.claims import Claim, Computed, Loop
from build.teachers.trace.phrases import phrase
from build.teachers.trace.run import Call, Eval, Part, Resumed
from build.teachers.trace.terms import (
    COMPARING,
    LONG,
    OPERATORS,
    RELATIONS,
    Term,
    constant,
    evaluated,
    number,
    truth_of,
    within,
)


class Expressions(ABC):
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
        if name in self.scope:
            return f"{name} ({self.shown(value)})"
        if isinstance(value, str) and len(value) <= 4:
            self.told[name] = value
            return f"{name} ({value})"
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

    def stages(self, node: ast.expr, parts: Sequence[Part]) -> tuple[list[Claim], list[str], bool]:
        """An expression's claims that come first, its stages to its value, and whether the first stage is a phrase."""
        before: list[Claim] = []
        done = evaluated(node, parts)
        if isinstance(node, ast.Call) and done is not None:
            claims, said, worded = self.call(node, done)
            if said:
                value = self.shown(done.value)
                return claims, [said, value] if said != value else [value], worded
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
        op: ast.AST | None = getattr(node, "op", None)
        operator = OPERATORS.get(type(op)) if op is not None else None
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
                return Term(RELATIONS[type(node.ops[0])], self.shown(done.value), operands, COMPARING)
            before += self.condition(node, done, bool(truth_of(done.value)))
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
            claims, said, worded = self.call(node, done)
            before += claims
            if said and isinstance(done.value, str) and done.value.startswith("<"):
                return Term(said, said, done=True)
            if said:
                before.append(self.fact(node, done, [said, self.shown(done.value)], worded))
        elif isinstance(node, ast.List | ast.Tuple) and not own and 1 < len(node.elts) <= 8:
            if not any(isinstance(part, ast.Starred) for part in node.elts):
                operands = [self.term(part, done.parts, before) for part in node.elts]
                if any(operand.operands or not operand.done for operand in operands):
                    brackets = "[]" if isinstance(node, ast.List) else "()"
                    return Term("", self.shown(done.value), operands, brackets=brackets)
            else:
                before += self.parts_told(node, done)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp):
            before.append(self.comprehension(node, done))
        elif isinstance(node, ast.NamedExpr):
            claims, stages, worded = self.stages(node.value, done.parts)
            name = node.target.id
            before += claims
            before.append(
                Computed(
                    node=number(node),
                    line=node.lineno,
                    events=(done.event,),
                    target=name,
                    stages=tuple(stages),
                    worded=worded,
                )
            )
            self.told[name] = done.value
        else:
            before += self.parts_told(node, done)
        value = self.shown(done.value)
        return Term(value, value, done=True)

    def fact(self, node: ast.expr, done: Eval, stages: Sequence[str], worded: bool, target: str = "") -> Computed:
        return Computed(
            node=number(node),
            line=node.lineno,
            events=(done.event,),
            target=target,
            stages=tuple(stages),
            worded=worded,
        )

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

    def call(self, node: ast.Call, done: Eval) -> tuple[list[Claim], str, bool]:
        """The claims about a call, the call in words or as it is written, with the values of its arguments, and which of both.

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
            return claims, "", False
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
        said, worded = phrase(name, receiver, arguments, keywords, node)
        return claims, said, worded

    def given(self, node: ast.Call, done: Eval, call: Call, claims: list[Claim]) -> dict[str, str]:
        """How each parameter comes to its value, by its name: "n - 1 = 4"; "" for a variable of that name that was told."""
        names = [name for name in call.arguments if name not in ("self", "cls")]
        pairs = [(name, argument) for name, argument in zip(names, node.args) if not isinstance(argument, ast.Starred)]
        pairs = pairs if not any(isinstance(argument, ast.Starred) for argument in node.args) else []
        pairs += [
            (word.arg, word.value) for word in node.keywords if word.arg is not None and word.arg in call.arguments
        ]
        said: dict[str, str] = {}
        for name, argument in pairs:
            if isinstance(argument, ast.Name):
                value = call.arguments[name]
                if argument.id == name and self.told.get(name) == value and name not in self.scope:
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
            if not term.value or term.value.startswith("<") or term.value == term.symbol:
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
            inside = [part for part in done.parts if within(part, argument)]
            loop = self.comprehension(argument, Eval(argument, "", done.event, inside), last=True)
            given = [value for one in loop.rounds for name, value in one.changed if not name]  # type: ignore[union-attr]
            claims.append(loop)
            items[number(argument)] = f"[{', '.join(given)}]" if len(", ".join(given)) <= 80 else "these"
        return items

    @abstractmethod
    def condition(self, node: ast.expr, done: Eval, holds: bool) -> list[Claim]:
        """The claims that a condition held or did not."""

    @abstractmethod
    def chosen(self, node: ast.BoolOp, done: Eval) -> list[Claim]:
        """The claims of an `and` or `or` whose value is used."""

    @abstractmethod
    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, done: Eval, last: bool = False
    ) -> Loop:
        """The claim of a comprehension, item by item."""
