"""Watches one call, inside the sandboxed process: what every statement and expression of the program's functions gave.

The program runs with hooks woven in (`build.sandbox.instrument`), and each hook that is reached adds an event, a small dict of
JSON values. "t" says which, "n" is the number of the node in the program's tree, "fr" the number of the call (frame) that it
belongs to; values are as `build.sandbox.show` writes them.

    call       a function of the program begins: "f" its name, "args" its parameters, "up" the frame that was running
    value      an expression gave "v"; of what is called, "v" says what it is ("builtin len")
    truth      a condition gave "v" and counts as "b"; "set" as below
    iterable   what a loop goes through is "v"
    round      a loop begins a round: "set" its variables (of a comprehension: "vars", in the order they are named)
    exhausted  a loop ends without `break`
    old, new   the content "v" of the place that a statement stores into, before and after; none where there is none
    step       a simple statement is done: "set" holds each variable of the frame that looks otherwise than before it
    jump       break, continue, pass or raise is reached
    handler    an exception "e" is handled
    yield, resume   a generator hands out "v"; it goes on
    return     "v" is returned; also "set"
    raised     an exception "e" leaves the frame
    leave      the frame has ended

Past `max_events`, or where the values looked at become too many, the rest of the call runs unwatched.
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

from build.sandbox.codec import NotData, encode
from build.sandbox.instrument import HOOKS, PREFIX, instrument, numbered
from build.sandbox.show import Shower, Shown, callee

MAX_PARTS = 400_000  # of all values looked at in one trace
_FACTORIES = (int, float, str, list, set, dict)
_PLAIN = (int, float, str, bool, type(None), complex)  # no set: a type may forbid that it is hashed
_HIDDEN = frozenset(("function", "module", "type", "builtin_function_or_method", "method", "generator"))
_get_frame = sys._getframe
_truth = bool
_MISSING = object()


class Watched:
    """A program prepared for watching: its woven code, and what the hooks need to know about its nodes."""

    def __init__(self, source: str, filename: str) -> None:
        self.woven = True
        try:
            self.code = compile(instrument(source), filename, "exec", dont_inherit=True)
        except RecursionError:  # too deep to be woven: it runs unwatched
            self.code = compile(source, filename, "exec", dont_inherit=True)
            self.woven = False
            tree = ast.Module([], [])
        else:
            tree = numbered(source)
        nodes = {node.number: node for node in ast.walk(tree) if hasattr(node, "number")}
        self.names = {number: getattr(node, "name", "lambda") for number, node in nodes.items()}
        self.called = {node.func.number for node in nodes.values() if isinstance(node, ast.Call)}  # type: ignore[attr-defined]
        self.attribute = {number: node.attr for number, node in nodes.items() if isinstance(node, ast.Attribute)}
        self.sliced = {
            number
            for number, node in nodes.items()
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)
        }
        kept = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        kept |= {name for node in nodes.values() if isinstance(node, ast.Global) for name in node.names}
        self.module_names = {
            number: tuple(sorted({part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & kept))
            for number, node in nodes.items()
            if isinstance(node, ast.FunctionDef)
        }


def trace_call(
    watched: Watched,
    load: Callable[[CodeType, Mapping[str, Any]], Callable[..., Any]],
    kwargs: dict[str, Any],
    max_events: int,
) -> tuple[dict[str, Any], list[dict[str, Any]], bool]:
    """Call the function that `load` gives for the woven code and its hooks, with `kwargs`.

    Returns the result as the fields of a CallResult (status, value, detail), the events, and whether the watching was stopped
    before the end.
    """
    recorder = Recorder(watched, max_events)
    function = load(watched.code, recorder.hooks())
    encode_now = encode
    sys.setrecursionlimit(sys.getrecursionlimit() + 10)
    try:
        returned = function(**kwargs)
    except BaseException as error:
        result = {"status": "exception", "value": None, "detail": f"{type(error).__name__}: {str(error)[:300]}"}
    else:
        try:
            result = {"status": "ok", "value": encode_now(returned), "detail": ""}
        except NotData as error:
            result = {"status": "not_data", "value": None, "detail": str(error)}
    finished = not recorder.full
    recorder.full = True
    return result, recorder.events, not finished


class _Frame:
    """A call under way: its number and what its variables looked like when they were last looked at."""

    __slots__ = ("names", "number", "places", "seen")

    def __init__(self, number: int, names: tuple[str, ...]) -> None:
        self.number = number
        self.seen: dict[str, tuple[Any, Shown | None]] = {}
        self.places: list[tuple[int, Any, Any]] = []  # what the statement under way stores into
        self.names = names  # of module variables that the function uses


class Recorder:
    """The hooks and what they have recorded."""

    def __init__(self, watched: Watched, max_events: int) -> None:
        self.events: list[dict[str, Any]] = []
        self.full = not watched.woven
        self.max_events = max_events
        self.shower = Shower()
        self.stack: list[tuple[Any, _Frame]] = []  # Python's frame and ours, the running one last
        self.frames: dict[Any, _Frame] = {}
        self.count = 0
        self.names, self.called, self.attribute = watched.names, watched.called, watched.attribute
        self.sliced, self.module_names = watched.sliced, watched.module_names

    def hooks(self) -> dict[str, Any]:
        return {PREFIX + name: getattr(self, f"on_{name}") for name in HOOKS}

    def add(self, kind: str, number: int, **fields: Any) -> None:
        self.events.append({"t": kind, "n": number, "fr": self.stack[-1][1].number if self.stack else 0, **fields})
        if len(self.events) >= self.max_events or self.shower.parts > MAX_PARTS:
            self.full = True

    def at(self, frame: FrameType) -> _Frame | None:
        """Our frame of a Python frame, made the running one: after an exception or a generator's pause it may not be."""
        stack = self.stack
        if stack and stack[-1][0] is frame:
            return stack[-1][1]
        mine = self.frames.get(frame)
        if mine is None:
            return None
        if any(each is frame for each, _ in stack):
            while stack[-1][0] is not frame:
                stack.pop()
        else:
            stack.append((frame, mine))
        return mine

    def changes(self, mine: _Frame, frame: FrameType) -> dict[str, Shown]:
        """Each variable that looks otherwise than when this was last asked."""
        changed: dict[str, Shown] = {}
        values = frame.f_locals
        for name in mine.names:
            if name in frame.f_globals:
                values = (
                    {**values, name: frame.f_globals[name]}
                    if values is frame.f_locals
                    else values | {name: frame.f_globals[name]}
                )
        for name, value in values.items():
            known, kind = mine.seen.get(name), type(value)
            if known is not None and known[0] is value and kind in _PLAIN:
                continue
            if kind.__name__ in _HIDDEN:
                continue
            text = self.shower.show(value)
            if known is None or known[1] != text or text[-1] == "?":
                changed[name] = text
            mine.seen[name] = (value, text)
        if not mine.seen.keys() <= values.keys():
            for name in [name for name in mine.seen if name not in values]:
                del mine.seen[name]
        return changed

    # The hooks. Each returns what it was given.

    def on_enter(self, number: int) -> bool:
        if self.full:
            return True
        frame = _get_frame(1)
        self.count += 1
        mine = _Frame(self.count, self.module_names.get(number, ()))
        up = self.stack[-1][1].number if self.stack else 0
        code = frame.f_code
        own = code.co_varnames[
            : code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        ]
        shown = self.changes(mine, frame)
        args = {name: shown[name] for name in own if name in shown}
        rest = {name: value for name, value in shown.items() if name not in own}
        self.frames[frame] = mine
        self.stack.append((frame, mine))
        self.add("call", number, f=self.names[number], args=args, sees=rest, up=up)
        return True

    def on_leave(self, number: int) -> None:
        frame = _get_frame(1)
        mine = self.frames.get(frame)
        if mine is None:
            return
        if not self.full:
            self.at(frame)
            self.add("leave", number)
        del self.frames[frame]
        if self.stack and self.stack[-1][0] is frame:
            self.stack.pop()

    def on_failed(self, number: int) -> None:
        if not self.full and self.at(_get_frame(1)) is not None:
            error = sys.exc_info()[1]
            if not isinstance(error, GeneratorExit):
                self.add("raised", number, e=type(error).__name__)

    def on_value(self, number: int, value: Any) -> Any:
        if not self.full and self.stack:
            self.add("value", number, v=callee(value) if number in self.called else self.shower.show(value))
        return value

    def on_truth(self, number: int, value: Any) -> bool:
        truth = _truth(value)
        if not self.full and self.stack:
            frame = _get_frame(1)
            mine = self.stack[-1]
            changed = self.changes(mine[1], frame) if mine[0] is frame else {}
            shown = self.shower.show(value)
            self.add("truth", number, v=shown, b=truth, **({"set": changed} if changed else {}))
        return truth

    def on_iterable(self, number: int, value: Any) -> Any:
        if not self.full and self.stack:
            self.add("iterable", number, v=self.shower.show(value))
        return value

    def on_round(self, number: int, *values: Any) -> bool:
        if self.full:
            return True
        frame = _get_frame(1)
        if values:
            if self.stack:
                self.add("round", number, vars=[self.shower.show(value) for value in values])
        elif (mine := self.at(frame)) is not None:
            self.places_after(mine)
            self.add("round", number, set=self.changes(mine, frame))
        return True

    def on_exhausted(self, number: int) -> None:
        if not self.full and self.at(_get_frame(1)) is not None:
            self.add("exhausted", number)

    def on_step(self, number: int) -> None:
        frame = _get_frame(1)
        if not self.full and (mine := self.at(frame)) is not None:
            self.places_after(mine)
            self.add("step", number, set=self.changes(mine, frame))

    def on_jump(self, number: int) -> None:
        if not self.full and self.at(_get_frame(1)) is not None:
            self.add("jump", number)

    def on_handler(self, number: int) -> None:
        frame = _get_frame(1)
        if not self.full and (mine := self.at(frame)) is not None:
            mine.places.clear()
            error = sys.exc_info()[1]
            try:
                message = str(error)[:100]
            except Exception:
                message = ""
            self.add("handler", number, e=type(error).__name__, m=message, set=self.changes(mine, frame))

    def on_returned(self, number: int, value: Any) -> Any:
        frame = _get_frame(1)
        if not self.full and (mine := self.at(frame)) is not None:
            self.add("return", number, v=self.shower.show(value), set=self.changes(mine, frame))
            if frame.f_code.co_name == "<lambda>":
                self.add("leave", number)
                del self.frames[frame]
                self.stack.pop()
        return value

    def on_yielding(self, number: int, value: Any) -> Any:
        frame = _get_frame(1)
        if not self.full and (mine := self.at(frame)) is not None:
            self.add("yield", number, v=self.shower.show(value), set=self.changes(mine, frame))
            self.stack.pop()
        return value

    def on_resumed(self, number: int, value: Any) -> Any:
        frame = _get_frame(1)
        if not self.full and self.at(frame) is not None:
            up = self.stack[-2][1].number if len(self.stack) > 1 else 0
            self.add("resume", number, v=self.shower.show(value), up=up)
        return value

    def on_holder(self, number: int, value: Any) -> Any:
        if not self.full and self.stack:
            mine = self.stack[-1][1]
            if number in self.attribute:
                self.before(mine, number, value, self.attribute[number])
            elif number in self.sliced:
                self.before(mine, number, value, None)
            else:
                mine.places.append((number, value, _MISSING))
        return value

    def on_index(self, number: int, value: Any) -> Any:
        if not self.full and self.stack:
            mine = self.stack[-1][1]
            if mine.places and mine.places[-1][0] == number:
                holder = mine.places.pop()[1]
                self.before(mine, number, holder, value)
        return value

    def before(self, mine: _Frame, number: int, holder: Any, key: Any) -> None:
        mine.places.append((number, holder, key))
        self.add("old", number, **self.content(holder, key, number))

    def places_after(self, mine: _Frame) -> None:
        for number, holder, key in mine.places:
            if key is not _MISSING:
                self.add("new", number, **self.content(holder, key, number))
        mine.places.clear()

    def content(self, holder: Any, key: Any, number: int) -> dict[str, Any]:
        """What stands at a place, without running code of the program; nothing where that cannot be told."""
        kind = type(holder)
        try:
            if number in self.attribute:
                found = object.__getattribute__(holder, "__dict__").get(key, _MISSING)
            elif number in self.sliced:
                found = holder if kind in (list, bytearray) else _MISSING
            elif kind is list:
                found = list.__getitem__(holder, key)
            elif issubclass(kind, dict):
                found = dict.get(holder, key, _MISSING)
                if found is _MISSING and kind is defaultdict and holder.default_factory in _FACTORIES:
                    found = holder.default_factory()
                elif found is _MISSING and kind is Counter:
                    found = 0
            else:
                found = _MISSING
        except (AttributeError, IndexError, TypeError, KeyError):
            found = _MISSING
        return {} if found is _MISSING else {"v": self.shower.show(found)}
