"""Watching one call line by line, inside the sandboxed process.

The trace is a flat list of events, each a small dict of JSON values:

    {"t": "call", "d": depth, "f": function name, "args": {name: text}}
    {"t": "line", "d": depth, "n": line number, "set": {name: text}}     what the line changed, seen after it ran
    {"t": "return", "d": depth, "f": function name, "value": text}       or "raised": type, when an exception leaves it

Values are shown as short texts (JSON where it fits). Only functions of the program itself are watched; comprehensions,
lambdas and generators run unwatched. Past `max_events` only the end of the outer frames is kept, so that a long loop has its
first steps and its last ones; these lines bring all values along ("all").
"""

import sys
from collections import deque
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from build.sandbox.codec import NotData, encode

SHOWN_CHARS = 60
_TAIL_EVENTS = 60
_GIVE_UP_EVENTS = 40_000  # then the rest of the call runs at full speed
_GENERATOR_FLAGS = 0x20 | 0x80 | 0x200


def trace_call(
    make_function: Callable[[], Callable[..., Any]], kwargs: dict[str, Any], filename: str, max_events: int
) -> tuple[dict[str, Any], list[dict[str, Any]], bool]:
    """Call `make_function()(**kwargs)` under the tracer; `filename` is the one that the program was compiled with.

    Returns the result as the fields of a CallResult (status, value, detail), the events, and whether some were left out.
    """
    function = make_function()
    watcher = _Watcher(filename, max_events)
    encode_now = encode
    sys.settrace(watcher.on_call)
    try:
        returned = function(**kwargs)
    except BaseException as error:
        sys.settrace(None)
        result = {"status": "exception", "value": None, "detail": f"{type(error).__name__}: {str(error)[:300]}"}
    else:
        sys.settrace(None)
        try:
            result = {"status": "ok", "value": encode_now(returned), "detail": ""}
        except NotData as error:
            result = {"status": "not_data", "value": None, "detail": str(error)}
    return result, [*watcher.events, *watcher.tail], watcher.seen > len(watcher.events) + len(watcher.tail)


class _Watcher:
    def __init__(self, filename: str, max_events: int) -> None:
        self.filename = filename
        self.max_events = max_events
        self.events: list[dict[str, Any]] = []
        self.tail: deque[dict[str, Any]] = deque(maxlen=_TAIL_EVENTS)
        self.seen = 0
        self.depth = 0
        self.tail_depth = 1

    def on_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        code: CodeType = frame.f_code
        if code.co_filename != self.filename or code.co_name.startswith("<") or code.co_flags & _GENERATOR_FLAGS:
            return None
        full = len(self.events) >= self.max_events
        if full and self.depth >= self.tail_depth:
            return None
        if not full:
            self.tail_depth = min(self.depth + 1, 2)  # the outer two frames: main_solution and what it calls
        self.depth += 1
        shown = {name: show(value) for name, value in frame.f_locals.items()}
        own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]  # f_locals also has what a closure sees
        arguments = {name: text for name, text in shown.items() if name in own}
        self._add({"t": "call", "d": self.depth, "f": code.co_name, "args": arguments})
        return _Frame(self, frame, self.depth, shown).on_event

    def _add(self, event: dict[str, Any]) -> None:
        self.seen += 1
        if len(self.events) < self.max_events:
            self.events.append(event)
        elif event["d"] <= self.tail_depth:
            self.tail.append(event)
        if self.seen > _GIVE_UP_EVENTS:
            sys.settrace(None)


class _Frame:
    """One watched frame; remembers what its variables looked like."""

    def __init__(self, watcher: _Watcher, frame: FrameType, depth: int, shown: dict[str, str]) -> None:
        self.watcher = watcher
        self.depth = depth
        self.shown = dict(shown)
        self.line = 0
        self.raised = ""

    def on_event(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event in ("line", "return"):
            self._close_line(frame)
            self.line = frame.f_lineno
        if event == "line":
            self.raised = ""  # handled here, since this frame goes on
        elif event == "exception":
            self.raised = arg[0].__name__
        elif event == "return":
            self.watcher.depth = self.depth - 1
            ending = {"raised": self.raised} if self.raised and arg is None else {"value": show(arg)}
            self.watcher._add({"t": "return", "d": self.depth, "f": frame.f_code.co_name, **ending})
        if self.watcher.seen > _GIVE_UP_EVENTS:
            return None
        return self.on_event

    def _close_line(self, frame: FrameType) -> None:
        if not self.line:
            return
        changed = {}
        for name, value in frame.f_locals.items():
            text = show(value)
            if self.shown.get(name) != text:
                self.shown[name] = changed[name] = text
        event: dict[str, Any] = {"t": "line", "d": self.depth, "n": self.line, "set": changed}
        if len(self.watcher.events) >= self.watcher.max_events:  # what changed in the lines left out is in no event
            event["all"] = dict(self.shown)
        self.watcher._add(event)


def show(value: Any) -> str:
    """A value as a short text: JSON where it is data and fits, else its size or the name of its type."""
    kind = type(value)
    if kind in (list, tuple, set, frozenset, dict, str, deque) and len(value) > SHOWN_CHARS:
        return f"a {_kind_word(kind)} of {len(value)} {'characters' if kind is str else 'items'}"
    try:
        text = encode(value)
    except (NotData, RecursionError):
        if kind is float:
            return {"inf": "infinity", "-inf": "minus infinity"}.get(str(value), "not a number")
        return f"a {_kind_word(kind)}"
    if kind in (set, frozenset):
        text = f"{{{text[1:-1]}}}" if value else "an empty set"
    if len(text) <= SHOWN_CHARS:
        return text
    if kind is str or not hasattr(value, "__len__"):
        return f"a {_kind_word(kind)} of {len(text)} characters"
    return f"a {_kind_word(kind)} of {len(value)} items"


def _kind_word(kind: type) -> str:
    words = {"str": "text", "dict": "dictionary", "int": "number", "function": "function", "deque": "queue"}
    return words.get(kind.__name__, kind.__name__)
