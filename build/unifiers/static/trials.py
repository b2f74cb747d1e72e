"""Trial runs in the sandbox: what a function does with the inputs that a generator would draw for it.

They decide between types where the text leaves several open, show of what kind the results are, and find inputs that reach
different parts of the code. Nothing here depends on the clock: a run that takes too many steps is stopped by their number.
"""

import json
import marshal
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from build.sandbox import Program, Sandbox

DRAWS = 40
CPU_S = 2.0  # of all runs of a trial; their steps are bounded first, so that only what no step shows comes near
_STEPS = 3_000  # traced lines of one run, and of all runs of a trial
_ALL_STEPS = 40_000
_SEEDS = 7
_DRIVER = f"""
class TrialStop(BaseException):
    pass


def plain(value, odd):
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
        return sorted(items, key=lambda item: (str(type(item)), item if not isinstance(item, (list, dict)) else str(item)))
    if kind in ("dict", "OrderedDict", "defaultdict", "Counter"):
        return {{str(key): plain(item, odd) for key, item in value.items()}}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [plain(item, odd) for item in value]
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        return plain(value.item(), odd)
    odd.add(kind)
    return "?"


def run(slice_names, entry, generator, examples, draws, function):
    import contextlib
    import json
    import random
    import sys

    names = dict(slice_names)
    exec(compile(entry, "<entry>", "exec"), names)
    main = names["main_solution"]
    drawing = dict(names)
    if generator:
        exec(compile(generator, "<generator>", "exec"), drawing)
    body = function
    lines = set()
    arcs = set()
    steps = [0, 0]
    last = {{}}

    def on_line(frame, event, arg):
        if event == "line":
            steps[0] += 1
            if steps[0] > {_STEPS}:
                raise TrialStop()
            line = frame.f_lineno
            arcs.add((frame.f_code.co_name, last.get(frame), line))
            last[frame] = line
            if body[0] <= line <= body[1]:
                lines.add(line)
        return on_line

    def on_call(frame, event, arg):
        code = frame.f_code
        if code.co_filename != "<program>" or code.co_name == "trial_run_":
            return None
        return on_line

    class Sink:
        written = 0

        def write(self, text):
            Sink.written += len(text)
            return len(text)

        def flush(self):
            pass

    runs = []
    seen = set()
    found = {{"runs": [], "errors": {{}}, "odd": [], "long": 0, "kinds": [], "printed": 0, "none": 0}}
    odd = set()
    kinds = set()
    covered = set()
    for number in range(draws + len(examples)):
        if steps[1] > {_ALL_STEPS}:
            break
        random.seed(number * 7919 + 1)
        try:
            given = examples[number] if number < len(examples) else drawing["input_generator"]()
            text = json.dumps(given, sort_keys=True)
        except Exception as error:
            found["errors"]["generator"] = found["errors"].get("generator", 0) + 1
            continue
        if text in seen or len(text) > 1500:
            continue
        seen.add(text)
        lines.clear()
        arcs.clear()
        last.clear()
        steps[0] = 0
        arguments = json.loads(text)
        error = ""
        value = None
        with contextlib.redirect_stdout(Sink()):
            sys.settrace(on_call)
            try:
                value = main(**arguments)
            except TrialStop:
                error = "long"
            except BaseException as raised:
                error = type(raised).__name__
            finally:
                sys.settrace(None)
        steps[1] += steps[0]
        found["printed"] += Sink.written > 0
        Sink.written = 0
        if error == "long":
            found["long"] += 1
            continue
        if error:
            found["errors"][error] = found["errors"].get(error, 0) + 1
            covered |= lines
            continue
        kinds.add(type(value).__name__)
        if value is None:
            found["none"] += 1
            covered |= lines
            continue
        try:
            before = len(odd)
            output = json.dumps(plain(value, odd), sort_keys=True)
            if not isinstance(value, (list, tuple, set, frozenset, dict, str, int, float, bool)):
                value = None
        except BaseException as raised:
            found["errors"]["result"] = found["errors"].get("result", 0) + 1
            continue
        if len(output) > 1500:
            found["long"] += 1
            continue
        covered |= lines
        runs.append((text, output, frozenset(arcs), frozenset(lines), steps[0]))
    found["odd"] = sorted(odd)
    found["kinds"] = sorted(kinds)
    chosen = []
    have = set()
    outputs = set()
    rest = [run for run in runs if run[4] <= 400] or runs
    while rest and len(chosen) < {_SEEDS}:
        best = max(rest, key=lambda run: (len(run[2] - have), run[1] not in outputs, min(len(run[0]), 60)))
        if not (best[2] - have) and best[1] in outputs:
            break
        rest.remove(best)
        chosen.append(best)
        have |= best[2]
        outputs.add(best[1])
    usual = [run for run in runs if run not in chosen and run[4] <= 400 and run[1] not in outputs]
    chosen += [run for number, run in enumerate(usual) if run[1] not in [other[1] for other in usual[:number]]][:4]
    found["seeds"] = [run[0] for run in chosen]
    found["outputs"] = [run[1] for run in runs]
    found["inputs"] = [run[0] for run in runs]
    found["lines"] = len(covered)
    del found["runs"]
    return found
"""


def beside(driver: str, entry: str) -> str:
    """Source text that runs a driver, whose function is `run`, in names of its own beside a slice: what the slice hides or
    rebinds does not reach it. The function `entry` takes what `run` takes after the names of the slice.
    """
    return (
        "\n\n\nimport builtins as builtins_\nimport marshal as marshal_\n\n\n"
        f"def {entry}(**given):\n    names = {{}}\n    builtins_.exec(marshal_.loads({_compiled(driver)!r}), names)\n"
        "    return names['run'](builtins_.globals(), **given)\n"
    )


@cache
def _compiled(driver: str) -> bytes:
    """A driver as the sandbox's interpreter, which is this one, loads it at once: each of its calls would compile it again."""
    return marshal.dumps(compile(driver, "<driver>", "exec", dont_inherit=True))


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of the runs of one variant: inputs and outputs as JSON texts where there was a value, else why not.

    `seeds` are inputs that together reach what was reached; `lines` how many lines of the function itself ran; `odd` the
    types inside results that JSON does not carry, `kinds` those of the results themselves.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    errors: dict[str, int] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    none: int = 0
    long: int = 0
    printed: int = 0
    lines: int = 0
    failure: str = ""

    @property
    def failed(self) -> int:
        """How many runs ended in an exception."""
        return sum(self.errors.values())

    @property
    def distinct(self) -> int:
        return len(set(self.outputs))

    @property
    def good(self) -> float:
        """The share of the runs that gave a value, or nothing but did their work."""
        ran = len(self.outputs) + self.none
        return ran / max(1, ran + self.failed)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to call a function: its entry point, a generator, and known argument sets (JSON values)."""

    entry: str
    generator: str
    examples: Sequence[dict[str, Any]] = ()


def try_out(
    sandbox: Sandbox, code: str, variants: Sequence[Variant], lines: tuple[int, int], draws: int = DRAWS
) -> list[Trial]:
    """A trial for each variant, in order. `code` is the slice, `lines` the first and last line of the function in it."""
    inputs = [
        json.dumps(
            {
                "entry": variant.entry,
                "generator": variant.generator,
                "examples": list(variant.examples)[:20],
                "draws": draws,
                "function": lines,
            }
        )
        for variant in variants
    ]
    trials = []
    for result in sandbox.call(Program(code + beside(_DRIVER, "trial_run_"), "trial_run_"), inputs, call_cpu_s=CPU_S):
        if result.status != "ok" or result.value is None:
            trials.append(Trial(failure=f"{result.status}: {result.detail}"))
            continue
        found = json.loads(result.value)
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
        }
        trials.append(Trial(**plain))
    return trials
