"""Trial runs in the sandbox: what a function does with the inputs that a generator would draw for it.

They decide between types where the text leaves several open, show of what kind the results are, and find inputs that reach
different parts of the code. Nothing here depends on the clock: a run that takes too many steps is stopped by their number.
"""

import inspect
import json
import marshal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from build.sandbox import Program, Sandbox, trial_driver

DRAWS = 40
CPU_S = 2.0  # of all runs of a trial; their steps are bounded first, so that only what no step shows comes near
_DRIVER = inspect.getsource(trial_driver)


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

    `kinds` are the types of the results, `odd` those inside each that JSON does not carry. `seeds` are inputs that together
    reach what was reached; `lines` how many lines of the function itself ran; `shared`: whether an object came twice in a list.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    odd: tuple[list[str], ...] = ()
    seeds: tuple[str, ...] = ()
    errors: dict[str, int] = field(default_factory=dict)
    shared: bool = False
    none: int = 0
    long: int = 0
    printed: int = 0
    lines: int = 0
    failure: str = ""

    def only(self, wanted: Sequence[bool]) -> "Trial":
        """The trial without the runs that are not wanted, which are among those that gave a value."""
        inputs = tuple(given for given, is_wanted in zip(self.inputs, wanted, strict=True) if is_wanted)
        return replace(
            self,
            inputs=inputs,
            outputs=tuple(output for output, is_wanted in zip(self.outputs, wanted) if is_wanted),
            kinds=tuple(kind for kind, is_wanted in zip(self.kinds, wanted) if is_wanted),
            odd=tuple(odd for odd, is_wanted in zip(self.odd, wanted) if is_wanted),
            seeds=tuple(seed for seed in self.seeds if seed in inputs),
        )

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
