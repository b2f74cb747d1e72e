"""The sandbox as the stages see it: what can be run, under which limits, and what comes back.

    with Sandbox(Limits()) as sandbox:
        results = sandbox.call(Program("def main_solution(x):\n    return x + 1"), ['{"x": 1}', '{"x": 2}'])

Three jobs exist, and no other foreign code ever runs: `call` (a program on given inputs), `draw` (an input generator and the
program on what it draws) and `trace` (a program on one input, watched line by line). Every call starts from fresh module
state. A program's misbehaviour is a result with a status, never an exception here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

CallStatus = Literal["ok", "exception", "timeout", "memory", "killed", "not_data", "load_error"]


class SandboxError(RuntimeError):
    """The sandbox itself cannot work here; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """Python source and the function in it that is called with keyword arguments."""

    code: str
    entry: str = "main_solution"


@dataclass(frozen=True, slots=True)
class Limits:
    """What foreign code may use. CPU seconds of one call and of one job; the wall clock is only a generous backstop."""

    call_cpu_s: float = 5.0  # the paper: 5 s a sample
    job_cpu_s: float = 60.0  # the paper: 60 s a function
    wall_factor: float = 4.0  # wall limit = CPU limit * this, so that a loaded machine flips no verdict
    memory_mb: int = 1024
    result_bytes: int = 4_000_000
    file_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call. `value` is canonical JSON when `status` is ok; otherwise `detail` says why (exception type: message)."""

    status: CallStatus
    value: str | None = None
    detail: str = ""
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DrawRules:
    """The paper's sampling rules (appendix A): draws, how many distinct pairs to stop at, and the size rule."""

    draws: int = 1000
    distinct: int = 10
    object_bytes: int = 1024
    container_length: int = 20
    string_length: int = 100
    scalar_bytes: int = 128


@dataclass(frozen=True, slots=True)
class Draws:
    """What an input generator gave: pairs (input JSON, output JSON) in the order drawn, and how many draws each reason cost.

    `failure` is empty, or says why the job ended early (timeout, memory, killed, load_error, ...); pairs found until then
    are kept.
    """

    pairs: tuple[tuple[str, str], ...]
    draws: int
    rejected: dict[str, int] = field(default_factory=dict)
    failure: str = ""
    detail: str = ""
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """One watched call: its result and the events in order (see `build.sandbox.tracer`), cut at a bound when `truncated`."""

    result: CallResult
    events: tuple[dict[str, Any], ...] = ()
    truncated: bool = False


class Sandbox:
    """Processes for foreign code. `world` 1 or 2 of a call chooses between two interpreters that differ in hash seed, RNG
    seeds and clock: what agrees in both depends on none of them.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process of this sandbox."""

    def call(self, program: Program, inputs: Sequence[str], world: int = 1) -> list[CallResult]:
        """Run the program once per input (canonical JSON objects of keyword arguments), each from fresh module state."""
        raise SandboxError("not built yet")

    def draw(self, program: Program, generator: str, rules: DrawRules, seed: int, world: int = 1) -> Draws:
        """Draw inputs from `input_generator()` and run the program on each JSON snapshot until the rules are met.

        `generator` is Python source that defines `input_generator()`; it runs in a module of its own, but sees the
        program's names. `seed` seeds the RNGs before the first draw.
        """
        raise SandboxError("not built yet")

    def trace(self, program: Program, input: str, max_events: int = 2000) -> Trace:
        """Run the program once under the tracer."""
        raise SandboxError("not built yet")
