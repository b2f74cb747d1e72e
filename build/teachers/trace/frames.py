"""A run as frames, as a debugger steps through it: calls, lines with the variables before them, returns, exceptions.

They come from the trace that the tellings come from: a line begins before the calls that it makes, and its variables are those
of the statement before it. Lines on which nothing is watched have no frame: `try:`, imports, definitions inside functions.

`trace_text` writes them in the format that the public guide of Code World Model describes (facebookresearch/cwm,
PROMPTING_GUIDE.md): the code with its entry marked, then frames of variables and source line. As in its debugger, ".." stands
for a variable that has not changed since the frame before it in the same call.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from build.sandbox import Trace
from build.sandbox.show import Shown
from build.teachers.trace.run import Call, Eval, Item, Part, Resumed, Run, read_run

ENTRY_MARK = "  # << START_OF_TRACE"
_MOST_FRAMES = 300  # of a trace that is written
_MOST_CHARS = 20_000
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b')
_WORDS = {"true": "True", "false": "False", "null": "None"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of a debugger. `node` is the statement or function on the line; `call` numbers the call that it belongs to.

    `variables` are those before the line is executed. `value` is what is returned, or the exception; `holds` whether the
    condition of a line holds, or whether a loop begins another round there.
    """

    kind: Literal["call", "line", "return", "exception"]
    call: int
    node: Any = field(compare=False)
    line: int
    variables: Mapping[str, Shown]
    value: Shown = ""
    holds: bool | None = None


def frames_of(code: str, trace: Trace) -> list[Frame]:
    """The frames of a run that was watched to its end; none of another, nor of one that is too deep."""
    if trace.truncated or trace.result.status != "ok":
        return []
    try:
        run = read_run(code, trace.events, trace.truncated)
        writer = _Writer(run)
        if run.main is not None:
            writer.walk(run.main, 0)
    except RecursionError:
        return []
    return writer.frames


def trace_text(code: str, frames: Sequence[Frame]) -> str:
    """A run as Code World Model reads and writes it; "" where there are no frames, or too many."""
    if not frames or len(frames) > _MOST_FRAMES or "<|" in code:
        return ""
    lines = code.split("\n")
    entry = frames[0].line - 1
    marked = "\n".join([*lines[:entry], lines[entry] + ENTRY_MARK, *lines[entry + 1 :]])
    told = [_frame_text(lines, frame, known) for frame, known in zip(frames, _known_before(frames))]
    text = f"<|begin_of_text|><|trace_context_start|>{marked}<|frame_sep|>{''.join(told)}<|end_of_text|>"
    return text if len(text) - len(code) <= _MOST_CHARS and not lines[entry].endswith("\\") else ""


def split_trace(text: str) -> tuple[str, str]:
    """A written trace as prompt (the code and the frame of the first call) and completion (the other frames)."""
    end = text.index("<|frame_sep|>", text.index("<|call_sep|>")) + len("<|frame_sep|>")
    return text[:end], text[end:]


def _known_before(frames: Sequence[Frame]) -> Iterator[Mapping[str, Shown]]:
    """For each frame, the variables that the one before it shows; none where another call lies between them."""
    before: Frame | None = None
    for frame in frames:
        same = before is not None and before.call == frame.call and before.kind != "return" and frame.kind == "line"
        yield before.variables if same and before is not None else {}
        before = frame


def _frame_text(lines: list[str], frame: Frame, known: Mapping[str, Shown]) -> str:
    source = f"<|action_sep|>{lines[frame.line - 1]}\n"
    if frame.kind in ("return", "exception"):
        value = in_python(frame.value) if frame.kind == "return" else frame.value
        return f"<|{frame.kind}_sep|>{source}<|arg_sep|>{json.dumps(value)}<|frame_sep|>"
    shown = {name: ".." if known.get(name) == value else in_python(value) for name, value in frame.variables.items()}
    return f"<|{frame.kind}_sep|>{json.dumps(shown)}{source}<|frame_sep|>"


def in_python(shown: Shown) -> str:
    """A value of a trace with Python's words and quotes: `[True, 'a']`; what is too long as `<a list of 500 items>`."""
    if not isinstance(shown, str):
        return f"<{shown[0]}>"
    return _TOKEN.sub(lambda found: _WORDS.get(found[0]) or repr(json.loads(found[0], strict=False)), shown)


@dataclass(slots=True)
class _State:
    """Of a call: its variables, the statement under way, the last statement that has a frame, and its line."""

    variables: dict[str, Shown]
    current: ast.AST | None = None
    last: tuple[Any, int] = (None, 0)
    handlers: list[ast.ExceptHandler] = field(default_factory=list)  # entered, with a name for the exception
    ended: bool = False


class _Writer:
    """Walks the tree of a run in the order of execution."""

    def __init__(self, run: Run) -> None:
        self.frames: list[Frame] = []
        self.statements = _statements(run.nodes)
        self.owners = {
            vars(node.test)["number"]: node
            for node in run.nodes.values()
            if isinstance(node, ast.If | ast.While | ast.Assert)
        }
        self.module = _module_names(run.nodes)
        self.states: dict[int, _State] = {}

    def walk(self, call: Call, start: int) -> None:
        """A call from its item `start` to its end, or until it hands out a value."""
        own = {name: value for name, value in call.sees.items() if name not in self.module}
        state = self.states.setdefault(call.frame, _State({**own, **call.arguments}))
        self._add("call", call, call.node, state.last[1] or call.node.lineno)  # a generator goes on where it was
        for item in call.items[start:]:
            if item.kind == "resume":
                continue
            if item.kind == "handler":
                self._interrupted(call, state, item)
            else:
                self._statement(call, state, item)
            if item.kind == "yield":
                self._add("return", call, *state.last, value=item.value)
                return
        if call.raised:
            self._parts(call, state, call.pending, None)
            self._add("exception", call, *state.last, value=call.raised)
        elif not state.ended:
            self._add("return", call, *state.last, value="null")

    def _statement(self, call: Call, state: _State, item: Item) -> None:
        node = self._statement_of(item)
        self._parts(call, state, item.parts, node, begin=True)
        if item.kind in ("test", "round", "exhausted"):
            held = item.truth if item.kind == "test" else item.kind == "round"
            places = range(len(self.frames) - 1, -1, -1)
            at = next((i for i in places if (self.frames[i].call, self.frames[i].node) == (call.frame, node)), None)
            if at is not None:
                self.frames[at] = replace(self.frames[at], holds=held)
        self._change(state, item, node)
        goes_on = isinstance(node, ast.Raise) or item.kind == "yield"
        goes_on |= item.kind == "test" and isinstance(node, ast.Assert)
        if not goes_on:
            state.current = None
        if item.kind == "return":
            self._add("return", call, *state.last, value=item.value)
            state.ended = True

    def _interrupted(self, call: Call, state: _State, item: Item) -> None:
        """A handler: first the line that raised, then the exception, then the line of the `except`."""
        self._parts(call, state, item.parts, None)
        message = f": {item.message}" if item.message else ""
        self._add("exception", call, *state.last, value=f"{item.value}{message}")
        self._line(call, state, item.node)
        self._change(state, item, item.node)
        state.current = None
        if isinstance(item.node, ast.ExceptHandler) and item.node.name:
            state.handlers.append(item.node)

    def _parts(
        self, call: Call, state: _State, parts: Sequence[Part], node: ast.AST | None, begin: bool = False
    ) -> None:
        """The lines on which some expressions were evaluated, with the calls that they made; `node` is the line at the end."""
        for part in parts:
            if isinstance(part, Eval):
                there = self.statements.get(vars(part.node)["number"])
                if there is not None and not isinstance(call.node, ast.Lambda):
                    self._line(call, state, there)
                self._parts(call, state, part.parts, node)
            elif isinstance(part, Call | Resumed):
                if node is not None:
                    self._line(call, state, node)
                self.walk(*((part, 0) if isinstance(part, Call) else (part.call, part.start)))
        if begin and node is not None:
            self._line(call, state, node)

    def _line(self, call: Call, state: _State, node: Any) -> None:
        if state.current is node:
            return
        state.current = node
        for handler in state.handlers[::-1]:
            if not vars(handler)["number"] <= vars(node)["number"] <= vars(handler)["last"]:
                state.variables.pop(str(handler.name), None)  # Python deletes the name at the end of the handler
                state.handlers.remove(handler)
        if _lineno(node) == state.last[1] and not isinstance(node, ast.For | ast.While):
            return  # beside another statement
        state.last = (node, _lineno(node))
        self._add("line", call, *state.last)

    def _change(self, state: _State, item: Item, node: Any) -> None:
        state.variables |= {name: value for name, value in item.changed.items() if name not in self.module}
        if isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    state.variables.pop(target.id, None)

    def _statement_of(self, item: Item) -> Any:
        number = vars(item.node)["number"]
        if item.kind == "test":
            return self.owners[number]
        if isinstance(item.node, ast.stmt | ast.match_case):
            return item.node
        return item.node.body if isinstance(item.node, ast.Lambda) else self.statements.get(number, item.node)

    def _add(
        self, kind: Literal["call", "line", "return", "exception"], call: Call, node: Any, line: int, value: Shown = ""
    ) -> None:
        variables = dict(self.states[call.frame].variables)
        self.frames.append(Frame(kind, call.frame, node, line or call.node.lineno, variables, value))


def _lineno(node: Any) -> int:
    return int(node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno)


def _statements(nodes: Mapping[int, Any]) -> dict[int, Any]:
    """The innermost statement around each node, by the node's number; later statements lie inside earlier ones."""
    found: dict[int, Any] = {}
    for number in sorted(nodes):
        node = nodes[number]
        if isinstance(node, ast.stmt):
            found |= dict.fromkeys(range(number, vars(node)["last"] + 1), node)
    return found


def _module_names(nodes: Mapping[int, Any]) -> set[str]:
    """The names that the module's own statements bind."""
    root = nodes[min(nodes)]
    return {
        target.id
        for statement in root.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for target in ast.walk(statement)
        if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)
    }
