"""Trace grounding: the run of a function, told for a teacher to retell, and a check of the values that the teacher states.

The check is a plain one. A statement such as "total = 7", "`total` becomes 7" or "total is now [1, 2]" is confirmed when the
variable had that value at some point of the run. What is said in other words is not counted, neither for nor against.
"""

import re
from json import JSONDecoder
from typing import Any

from build.core.values import values_match
from build.sandbox import Program, Sandbox, Trace
from build.sandbox.codec import decode
from build.teachers.trace.narrate import narrate

_TOLD_TOKENS = 400
_STATED = re.compile(
    r"`?\b([A-Za-z_]\w*)`?\s*(?:=|==|is(?: now)?|becomes|equals|to be)\s*`?(?=[-\d\[{\"]|true|false|null|None|True|False)"
)
_WORDS = {"True": True, "False": False, "None": None}


class Grounds:
    """The traces of the runs that a batch is about; each run is traced once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._traces: dict[tuple[str, str], Trace] = {}

    def told(self, code: str, input: str) -> str:
        """The run in words, with what it returns; a run that cannot be traced is told as its status."""
        trace = self._trace(code, input)
        if trace.result.status != "ok":
            return f"The run ends with: {trace.result.status}."
        return f"{narrate(code, trace, _TOLD_TOKENS, _TOLD_TOKENS).text} The output is {trace.result.value}."

    def check(self, response: str, code: str, input: str) -> tuple[int, int]:
        """How many values the response states of variables that the run knows, and how many of these the run had."""
        held: dict[str, list[Any]] = {}
        for event in self._trace(code, input).events:
            for name, text in {**event.get("args", {}), **event.get("set", {})}.items():
                try:
                    held.setdefault(name, []).append(decode(text if isinstance(text, str) else ""))
                except ValueError:
                    held.setdefault(name, [])  # shown shortened: nothing can be said about it
        stated = confirmed = 0
        for match in _STATED.finditer(response):
            values = held.get(match.group(1))
            if values:
                stated += 1
                confirmed += any(values_match(_value(response, match.end()), value) for value in values)
        return stated, confirmed

    def _trace(self, code: str, input: str) -> Trace:
        key = (code, input)
        if key not in self._traces:
            self._traces[key] = self._sandbox.trace(Program(code), input)
        return self._traces[key]


def _value(text: str, start: int) -> Any:
    """The JSON value or Python constant at a place of a text; a value that matches nothing where there is none."""
    for word, value in _WORDS.items():
        if text.startswith(word, start):
            return value
    try:
        return JSONDecoder().raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return float("nan")
