"""A trace told in words: how the embedded teacher explains one run of a function, shortly and with this run's own values.

The events of `build.sandbox.tracer` are folded into calls and steps, laid over the program's syntax tree, and told block by
block: assignments by the value they give, conditions by how they turned out, loops by their first rounds and the last one,
calls of the program's own functions by what they give. The most detailed telling that stays under the soft limit is taken;
a loop of a thousand rounds costs no more words than one of ten.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from build.core.tokens import count_tokens
from build.sandbox import Trace
from build.teachers.trace.phrases import say, say_condition, say_standing

SOFT_TOKENS = 130  # a telling under this is taken as soon as there is one
HARD_TOKENS = 240  # the tersest telling is cut only above this

_ADD = {"append": "add {} at the end of {}", "add": "add {} to {}", "appendleft": "put {} in front of {}"}
_AUGMENT: dict[type[ast.operator], str] = {
    ast.Add: "adding {} brings {} to {}",
    ast.Sub: "taking away {} leaves {} at {}",
    ast.Mult: "multiplying by {} brings {} to {}",
    ast.FloorDiv: "dividing by {} and rounding down leaves {} at {}",
    ast.Div: "dividing by {} leaves {} at {}",
    ast.Mod: "the remainder by {} leaves {} at {}",
    ast.BitXor: "xor with {} turns {} into {}",
    ast.BitAnd: "bitwise-and with {} turns {} into {}",
    ast.BitOr: "bitwise-or with {} turns {} into {}",
    ast.RShift: "shifting right by {} turns {} into {}",
    ast.LShift: "shifting left by {} turns {} into {}",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is told: rounds at the start of a loop, depth of calls that are entered, and whether operands are named."""

    rounds: int
    depth: int
    full: bool


_LADDER = (
    Detail(4, 2, True),
    Detail(3, 1, True),
    Detail(2, 1, True),
    Detail(2, 1, False),
    Detail(1, 1, False),
    Detail(1, 0, False),
    Detail(0, 0, False),
)


@dataclass(slots=True)
class Step:
    line: int
    changed: dict[str, str]
    calls: list["Call"] = field(default_factory=list)
    everything: dict[str, str] = field(default_factory=dict)  # all values, where steps before were left out


@dataclass(slots=True)
class Call:
    name: str
    arguments: dict[str, str]
    steps: list[Step] = field(default_factory=list)
    value: str = ""
    raised: str = ""
    pending: list["Call"] = field(default_factory=list)


def one_statement_a_line(code: str) -> str:
    """The same program as its syntax tree is written out: what is told goes by lines, so a line must hold one statement."""
    try:
        return ast.unparse(ast.parse(code))
    except RecursionError:
        return code


def narrate(code: str, trace: Trace, soft_tokens: int = SOFT_TOKENS, hard_tokens: int = HARD_TOKENS) -> str:
    """The run of `main_solution` in a trace, as a paragraph in words; empty where there is nothing to tell.

    `code` is the traced program, one statement a line (`one_statement_a_line`).
    """
    main = _fold(trace.events)
    if main is None:
        return ""
    functions = {node.name: node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)}
    told = _heart(main, functions)
    sentences: list[str] = []
    for detail in _LADDER:
        sentences = list(_grouped(_Teller(functions, detail, trace.truncated).tell(told)))
        if count_tokens(" ".join(sentences)) <= soft_tokens:
            return " ".join(sentences)
    return _shorten(sentences, hard_tokens)


def _shorten(sentences: Sequence[str], tokens: int) -> str:
    """The first sentences that fit, and the word that the rest goes on alike."""
    if count_tokens(" ".join(sentences)) <= tokens:
        return " ".join(sentences)
    kept: list[str] = []
    for sentence in sentences:
        if count_tokens(" ".join([*kept, sentence])) > tokens - 8:
            break
        kept.append(sentence)
    return " ".join([*kept, "The rest goes on in the same way."]) if kept else ""


def _fold(events: Sequence[dict[str, Any]]) -> Call | None:
    """The call tree of a flat trace; calls whose end was left out of the trace stay open."""
    root: Call | None = None
    stack: list[Call] = []
    for event in events:
        depth = event["d"]
        del stack[depth if event["t"] != "call" else depth - 1 :]
        if event["t"] == "call":
            call = Call(event["f"], event["args"])
            if stack:
                stack[-1].pending.append(call)
            root = root or call
            stack.append(call)
        elif len(stack) == depth:
            if event["t"] == "line":
                step = Step(event["n"], event["set"], stack[-1].pending, event.get("all", {}))
                stack[-1].steps.append(step)
                stack[-1].pending = []
            else:
                stack[-1].value = event.get("value", "")
                stack[-1].raised = event.get("raised", "")
    return root


def _heart(main: Call, functions: dict[str, ast.FunctionDef]) -> Call:
    """The call worth telling: what `main_solution` hands its arguments to, when it does little else itself."""
    inner = [call for step in main.steps for call in step.calls]
    node = functions.get(main.name)
    if node is None or len(inner) != 1 or inner[0].name not in functions:
        return main
    plain = all(isinstance(part, ast.Assign | ast.Return | ast.Expr) for part in node.body)
    return _heart(inner[0], functions) if plain and len(node.body) <= 5 else main


class _Teller:
    """Tells one call at one level of detail. A clause is a text without its full stop; a block is a list of clauses."""

    def __init__(self, functions: dict[str, ast.FunctionDef], detail: Detail, truncated: bool, level: int = 0) -> None:
        self.functions = functions
        self.detail = detail
        self.truncated = truncated
        self.level = level
        self.value = ""
        self.rounds_deep = 0  # loops of this call that we are in
        self.values: dict[str, str] = {}
        self.steps: list[Step] = []
        self.at = 0

    def tell(self, call: Call) -> list[str]:
        self.value = call.value
        self.values = dict(call.arguments)
        self.steps = call.steps
        self.at = 0
        node = self.functions.get(call.name)
        return self._block(node.body) if node else []

    def _inside(self, node: ast.AST) -> bool:
        """Whether the next step lies in the lines of a node."""
        if self.at >= len(self.steps):
            return False
        first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])  # type: ignore[attr-defined]
        return first <= self.steps[self.at].line <= node.end_lineno  # type: ignore[attr-defined]

    def _inside_any(self, nodes: Sequence[ast.AST]) -> bool:
        return any(self._inside(node) for node in nodes)

    def _take(self, first: int, last: int) -> Step:
        """The next step, with those that follow on the lines of the same statement; the values are brought up to date."""
        step = self.steps[self.at]
        taken = Step(step.line, {}, [])
        while self.at < len(self.steps) and first <= self.steps[self.at].line <= last:
            step = self.steps[self.at]
            self.at += 1
            self.values |= step.everything
            taken.changed |= step.changed
            taken.calls += step.calls
            if first == last:
                break
        self.values |= taken.changed
        return taken

    def _block(self, body: Sequence[ast.stmt]) -> list[str]:
        told: list[str] = []
        for number, statement in enumerate(body):
            if not self._inside(statement):
                if self._inside_any(body[number + 1 :]):
                    continue
                break
            told += self._statement(statement)
        return told

    def _statement(self, node: ast.stmt) -> list[str]:
        if isinstance(node, ast.If):
            return self._if(node)
        if isinstance(node, ast.For):
            return self._for(node)
        if isinstance(node, ast.While):
            return self._while(node)
        if isinstance(node, ast.Try | ast.With | ast.Match):
            return self._other_block(node)
        before = dict(self.values)
        step = self._take(node.lineno, node.end_lineno or node.lineno)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            return []
        told = self._calls(step)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            return told + self._assign(node, step, before)
        if isinstance(node, ast.AugAssign):
            return told + self._augment(node, step, before)
        if isinstance(node, ast.Expr):
            return told + self._expression(node, step, before)
        if isinstance(node, ast.Return) and node.value is not None:
            return told + self._return(node.value, before)
        if isinstance(node, ast.Break):
            return [*told, "the loop can stop here"]
        return told + _becomes(step)

    def _return(self, node: ast.expr, before: dict[str, str]) -> list[str]:
        if self.rounds_deep and self.value and isinstance(node, ast.Constant | ast.Name):
            return [f"it ends here with {self.value}"]
        if not self.detail.full or isinstance(node, ast.Constant | ast.Name):
            return []
        if isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp) and self.value in ("true", "false"):
            clause = say_condition(node, before, self.value == "true")
            return [clause] if clause else []
        said = say(node, before)
        return [f"what comes back is {said}"] if said else []

    def _assign(self, node: ast.Assign | ast.AnnAssign, step: Step, before: dict[str, str]) -> list[str]:
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign) and len(node.targets) == 1
            else getattr(node, "target", None)
        )
        if self.detail.full and isinstance(target, ast.Name) and target.id in step.changed and node.value is not None:
            value = step.changed[target.id]
            said = say(node.value, before)
            if (
                said
                and not isinstance(node.value, ast.Constant | ast.List | ast.Dict | ast.Tuple | ast.Name)
                and said != value
            ):
                return [f"{target.id} is {said}, which is {value}"]
            return [f"{target.id} starts as {value}" if target.id not in before else f"{target.id} becomes {value}"]
        return _becomes(step)

    def _augment(self, node: ast.AugAssign, step: Step, before: dict[str, str]) -> list[str]:
        pattern = _AUGMENT.get(type(node.op))
        said = say(node.value, before)
        if (
            self.detail.full
            and pattern
            and said
            and isinstance(node.target, ast.Name)
            and node.target.id in step.changed
        ):
            return [pattern.format(said, node.target.id, step.changed[node.target.id])]
        return _becomes(step)

    def _expression(self, node: ast.Expr, step: Step, before: dict[str, str]) -> list[str]:
        call = node.value
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
        ):
            base, pattern = call.func.value.id, _ADD.get(call.func.attr)
            said = say(call.args[0], before) if len(call.args) == 1 else None
            if self.detail.full and pattern and said and base in step.changed:
                return [f"{pattern.format(said, base)}, now {step.changed[base]}"]
        return [f"{name} is now {value}" for name, value in step.changed.items()]

    def _if(self, node: ast.If) -> list[str]:
        before = dict(self.values)
        step = self._take(node.lineno, node.test.end_lineno or node.lineno)
        told = [*self._calls(step), *_becomes(step)]
        holds = self._inside_any(node.body)
        clause = say_condition(node.test, before, holds)
        if holds:
            inside = self._block(node.body)
            return [*told, *_since(clause, inside)]
        inside = self._block(node.orelse) if self._inside_any(node.orelse) else []
        if not inside and not self.detail.full:
            return told
        return [*told, *_since(clause, inside)]

    def _for(self, node: ast.For) -> list[str]:
        said = say(node.iter, self.values) if self.detail.full or self.level == 0 else None
        rounds: list[tuple[str, list[str]]] = []
        told: list[str] = []
        start = dict(self.values)
        while self._inside(node):
            step = self._take(node.lineno, node.iter.end_lineno or node.lineno)
            told += self._calls(step) if not rounds else []
            if not self._inside_any(node.body):
                if self._at_header(node):  # the middle was left out of the trace here
                    continue
                break
            names = [part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)]
            shown = [f"{name} = {self.values[name]}" for name in names if name != "_" and name in self.values]
            rounds.append((f"with {' and '.join(shown)}" if shown else "", self._round(node.body)))
            if not self._next_round(node):
                break
        head = f"go through {said}" if said else "go through the items"
        told += self._rounds(node, head, rounds, start)
        return told + (self._block(node.orelse) if self._inside_any(node.orelse) else [])

    def _while(self, node: ast.While) -> list[str]:
        endless = isinstance(node.test, ast.Constant)
        said = None if endless else say_standing(node.test, self.values)
        rounds: list[tuple[str, list[str]]] = []
        told: list[str] = []
        start = dict(self.values)
        header: list[str] = []
        while self._inside(node):
            if self._at_header(node):
                step = self._take(node.lineno, node.test.end_lineno or node.lineno)
                header = _becomes(step)
                told += self._calls(step) if not rounds else []
            if not self._inside_any(node.body):
                if self._at_header(node):  # the middle was left out of the trace here
                    continue
                break
            rounds.append(("", [*header, *self._round(node.body)]))
            if not (self._next_round(node) or (endless and self._inside_any(node.body[:1]))):
                break
        head = f"as long as {said}, repeat" if said else "repeat"
        told += self._rounds(node, head, rounds, start)
        return told + (self._block(node.orelse) if self._inside_any(node.orelse) else [])

    def _round(self, body: Sequence[ast.stmt]) -> list[str]:
        before = dict(self.values)
        self.level += 1
        self.rounds_deep += 1
        told = self._block(body)
        self.level -= 1
        self.rounds_deep -= 1
        if told:
            return told
        changed = [f"{name} becomes {value}" for name, value in self.values.items() if before.get(name) != value]
        return changed[:3] or ["nothing changes"]

    def _next_round(self, node: ast.For | ast.While) -> bool:
        """Whether the loop goes on. Where the trace left its middle out, the rest of a round may stand first."""
        while self.truncated and self._inside(node) and not self._at_header(node):
            self._take(self.steps[self.at].line, self.steps[self.at].line)
        return self._at_header(node)

    def _at_header(self, node: ast.For | ast.While) -> bool:
        last = node.iter.end_lineno if isinstance(node, ast.For) else node.test.end_lineno
        return self.at < len(self.steps) and node.lineno <= self.steps[self.at].line <= (last or node.lineno)

    def _rounds(
        self, node: ast.For | ast.While, head: str, rounds: list[tuple[str, list[str]]], start: dict[str, str]
    ) -> list[str]:
        """A loop's clauses: what it does, its first rounds, how many were left out, and the last one."""
        if not rounds:
            return []
        shown = max(self.detail.rounds - self.level, 0 if not self.detail.rounds else 1)
        if self.truncated and any(
            isinstance(part, ast.For | ast.While) for child in node.body for part in ast.walk(child)
        ):
            shown = 0  # where the gap lies inside an inner loop, its rounds cannot be told apart
        changed = [
            f"{name} = {value}" for name, value in self.values.items() if start.get(name) != value and name != "_"
        ][:4]
        if shown == 0 or all(clauses == ["nothing changes"] for _, clauses in rounds):
            after = f", which leaves {' and '.join(changed)}" if changed else ", which changes nothing"
            times = "many times" if self.truncated else _times(len(rounds))
            return [f"{head}, {times}{after}"]
        told = [f"{head}:"]
        for number, (label, clauses) in enumerate(rounds):
            if shown <= number < len(rounds) - 1:
                if number == shown:
                    left_out = len(rounds) - 1 - shown
                    told.append(_likewise(None if self.truncated else left_out))
                continue
            last = "last, " if number == len(rounds) - 1 and number >= shown else ""
            label = label or (_ordinal(number) if number < shown else "in the final round")
            told.append(f"{last}{label}, {_joined(clauses)}")
        return told

    def _other_block(self, node: ast.Try | ast.With | ast.Match) -> list[str]:
        """try, with, match: the lines of the statement itself are passed over, the blocks inside are told."""
        blocks: list[Sequence[ast.stmt]] = []
        if isinstance(node, ast.Match):
            blocks = [case.body for case in node.cases]
        elif isinstance(node, ast.With):
            blocks = [node.body]
        else:
            blocks = [node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody]
        told: list[str] = []
        while self._inside(node):
            inner = next((block for block in blocks if self._inside_any(block)), None)
            if inner is None:
                self._take(self.steps[self.at].line, self.steps[self.at].line)
                continue
            here = self.at
            told += self._block(inner)
            if self.at == here:
                break
        return told

    def _calls(self, step: Step) -> list[str]:
        """What the program's own functions gave in a step; the first is entered where the detail allows it."""
        told: list[str] = []
        for number, call in enumerate(step.calls[:2]):
            if call.name.startswith("__") or not (call.value or call.raised):
                continue
            given = " and ".join(
                f"{name} = {value}"
                for name, value in call.arguments.items()
                if name != "self" and value != "a function"
            )
            inner: list[str] = []
            if number == 0 and self.level == 0 and self.detail.depth > 0:
                below = Detail(min(self.detail.rounds, 2), self.detail.depth - 1, self.detail.full)
                inner = _Teller(self.functions, below, self.truncated, self.level + 1).tell(call)
            name = call.name.strip("_")
            start = f"{name} with {given}" if given else name
            if call.raised:
                told.append(f"{start} fails with {call.raised}")
            elif call.value == "null":  # works in place: what it changed is told by the caller
                told.append(f"{start}: {_joined(inner)}" if inner else f"{start} does its part")
            else:
                told.append(
                    f"{start}: {_joined(inner)}; it gives {call.value}" if inner else f"{start} gives {call.value}"
                )
        rest = len(step.calls) - 2
        return [*told, f"likewise for {rest} more"] if rest > 0 and told else told


def _becomes(step: Step) -> list[str]:
    return [f"{name} becomes {value}" for name, value in step.changed.items()]


def _since(clause: str | None, inside: list[str]) -> list[str]:
    if not inside:
        return [clause] if clause else []
    return [f"{clause}, so {inside[0]}" if clause else inside[0], *inside[1:]]


def _joined(clauses: Sequence[str]) -> str:
    return ", ".join(clause.rstrip(":") for clause in clauses)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _likewise(count: int | None) -> str:
    """`count`: rounds that are not told, None where the trace does not hold all of them."""
    if count is None:
        return "it goes on like this for many rounds"
    return "it goes on like this for one more round" if count == 1 else f"it goes on like this for {count} rounds"


def _ordinal(number: int) -> str:
    return ["first", "second", "third", "fourth", "fifth"][number]


def _grouped(clauses: Sequence[str]) -> Iterator[str]:
    """Clauses as sentences: a loop's head keeps its colon, short neighbours share a sentence."""
    group: list[str] = []
    for clause in clauses:
        if (
            clause.endswith(":")
            or len(group) == 2
            or len(clause) > 60
            or re.match(r"(with|last|first|second|third|fourth)\b", clause)
        ):
            if group:
                yield _sentence(", then ".join(group))
            group = []
        if clause.endswith(":"):
            yield _sentence(clause)[:-1]
        elif len(clause) > 60:
            yield _sentence(clause)
        else:
            group.append(clause)
    if group:
        yield _sentence(", then ".join(group))


def _sentence(text: str) -> str:
    first = re.match(r"([a-z]+)\b(?! (?:becomes|starts|is|brings)\b)", text)  # then it is a variable of that name
    if (first and first.group() in _STARTERS) or text.startswith("it is not so that "):
        text = text[:1].upper() + text[1:]
    return text + "."


# Words that a clause of ours may start with; anything else at the start is a name and keeps its case.
_STARTERS = {
    *("add", "adding", "as", "dividing", "first", "fourth", "go", "in", "it", "last", "likewise"),
    *("bitwise", "multiplying", "put", "repeat", "shifting", "xor", "second", "taking", "the", "third", "what", "with"),
}
