"""Runs a function on many inputs, inside the child, and tells what became of each: its source goes there as text.

It stands alone: beside the standard library it uses nothing, and what the slice that it watches hides or rebinds does not
reach it. `build.unifiers.static.trials` says what its findings mean.
"""

import contextlib
import json
import random
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

STEPS = 3_000  # traced lines of one run
ALL_STEPS = 40_000  # and of all runs of a trial
SEEDS = 7
CHARACTERS = 1500  # of an input or output
SHORT = 400  # steps of a run that makes a good seed


class TrialStop(BaseException):
    """A run has executed as many lines as it may."""


class Sink:
    """A standard output that counts what is written and keeps nothing."""

    written = 0

    def write(self, text: str) -> int:
        self.written += len(text)
        return len(text)

    def flush(self) -> None:
        pass


class Watch:
    """The lines and steps from line to line that one run of the program takes. `body`: first and last line of the function."""

    def __init__(self, body: tuple[int, int]) -> None:
        self.first, self.final = body
        self.lines: set[int] = set()
        self.arcs: set[tuple[str, int | None, int]] = set()
        self.last: dict[FrameType, int] = {}
        self.steps = 0

    def on_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        return self.on_line if code.co_filename == "<program>" and code.co_name != "trial_run_" else None

    def on_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.steps += 1
            if self.steps > STEPS:
                raise TrialStop()
            line = frame.f_lineno
            self.arcs.add((frame.f_code.co_name, self.last.get(frame), line))
            self.last[frame] = line
            if self.first <= line <= self.final:
                self.lines.add(line)
        return self.on_line


class Run:
    """A run that gave a value: its input and output as JSON, the type of its value and those that JSON does not carry in it,
    and what it reached.
    """

    def __init__(self, given: str, output: str, kind: str, odd: set[str], watch: Watch) -> None:
        self.given = given
        self.output = output
        self.kind = kind
        self.odd = odd
        self.arcs = watch.arcs
        self.steps = watch.steps


def plain(value: Any, odd: set[str]) -> Any:
    """The value as JSON data; what JSON does not carry becomes "?", its type is added to `odd`. Raises TypeError."""
    kind = type(value).__name__
    if value is None or kind in ("bool", "str"):
        return value
    if kind == "int":
        if value.bit_length() > 2000:
            raise TypeError("huge")
        return value
    if kind == "float":
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError("not finite")
        return value
    if kind in ("list", "tuple", "deque", "range"):
        return [plain(item, odd) for item in value]
    if kind in ("set", "frozenset"):
        items = [plain(item, odd) for item in value]
        return sorted(items, key=lambda item: (str(type(item)), str(item) if isinstance(item, (list, dict)) else item))
    if kind in ("dict", "OrderedDict", "defaultdict", "Counter"):
        return {str(key): plain(item, odd) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [plain(item, odd) for item in value]
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        return plain(value.item(), odd)
    odd.add(kind)
    return "?"


def repeats(value: Any) -> bool:
    """Whether a list has an object that can change twice: one that a generator has yielded again and again."""
    items = [id(item) for item in value if isinstance(item, (list, dict, set))] if isinstance(value, list) else []
    return len(set(items)) < len(items)


def draws_of(examples: list[Any], draw: Callable[[], Any] | None, draws: int, errors: dict[str, int]) -> Iterable[str]:
    """The examples and then the drawn inputs as JSON, each once; a draw that fails is counted."""
    seen = set()
    for number in range(draws + len(examples)):
        random.seed(number * 7919 + 1)
        try:
            assert draw is not None or number < len(examples)
            given = examples[number] if number < len(examples) else draw()  # type: ignore[misc]
            text = json.dumps(given, sort_keys=True)
        except Exception:
            errors["generator"] = errors.get("generator", 0) + 1
            continue
        if text not in seen and len(text) <= CHARACTERS:
            seen.add(text)
            yield text


def run(
    slice_names: Mapping[str, Any],
    entry: str,
    generator: str,
    examples: list[Any],
    draws: int,
    function: tuple[int, int],
) -> dict[str, Any]:
    """The fields of a `Trial`: what becomes of the examples and of so many draws. `slice_names`: the names of the slice,
    executed; `function`: its first and last line there.
    """
    names = dict(slice_names)
    exec(compile(entry, "<entry>", "exec"), names)
    main = names["main_solution"]
    drawing = dict(names)
    if generator:
        exec(compile(generator, "<generator>", "exec"), drawing)
    runs: list[Run] = []
    errors: dict[str, int] = {}
    covered: set[int] = set()
    steps = printed = none = long = 0
    shared = False
    for text in draws_of(examples, drawing.get("input_generator"), draws, errors):
        if steps > ALL_STEPS:
            break
        arguments = json.loads(text)
        watch, sink, error, value = Watch(function), Sink(), "", None
        with contextlib.redirect_stdout(sink):
            sys.settrace(watch.on_call)
            try:
                value = main(**arguments)
            except TrialStop:
                error = "long"
            except BaseException as raised:
                error = type(raised).__name__
            finally:
                sys.settrace(None)
        steps += watch.steps
        printed += sink.written > 0
        if error == "long":
            long += 1
            continue
        if error:
            errors[error] = errors.get(error, 0) + 1
            covered |= watch.lines
            continue
        if value is None:
            none += 1
            covered |= watch.lines
            continue
        odd: set[str] = set()
        try:
            output = json.dumps(plain(value, odd), sort_keys=True)
        except BaseException:
            errors["result"] = errors.get("result", 0) + 1
            continue
        if len(output) > CHARACTERS:
            long += 1
            continue
        covered |= watch.lines
        shared = shared or repeats(value)
        runs.append(Run(text, output, type(value).__name__, odd, watch))
    return {
        "inputs": [each.given for each in runs],
        "outputs": [each.output for each in runs],
        "kinds": [each.kind for each in runs],
        "odd": [sorted(each.odd) for each in runs],
        "seeds": [each.given for each in seeds_of(runs)],
        "errors": errors,
        "shared": shared,
        "none": none,
        "long": long,
        "printed": printed,
        "lines": len(covered),
    }


def seeds_of(runs: list[Run]) -> list[Run]:
    """Runs that together reach what all of them reach, the short ones first, and some more with other outputs."""
    chosen: list[Run] = []
    have: set[tuple[str, int | None, int]] = set()
    outputs: set[str] = set()
    rest = [each for each in runs if each.steps <= SHORT] or list(runs)
    while rest and len(chosen) < SEEDS:
        best = max(rest, key=lambda each: (len(each.arcs - have), each.output not in outputs, min(len(each.given), 60)))
        if not (best.arcs - have) and best.output in outputs:
            break
        rest.remove(best)
        chosen.append(best)
        have |= best.arcs
        outputs.add(best.output)
    usual = [each for each in runs if each not in chosen and each.steps <= SHORT and each.output not in outputs]
    firsts = {each.output: each for each in reversed(usual)}
    return chosen + sorted(firsts.values(), key=usual.index)[:4]
