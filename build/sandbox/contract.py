"""Defines what crosses the sandbox's border: programs, limits and results, as dataclasses that both sides import."""

from dataclasses import dataclass, field
from typing import Any, Literal

CallStatus = Literal["ok", "exception", "timeout", "memory", "killed", "not_data", "load_error"]

Aspect = Literal["random", "time", "hash_order", "state"]
ASPECTS: tuple[Aspect, ...] = ("random", "time", "hash_order", "state")  # what differs between replica 1 and replica 2


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
    wall_factor: float = (
        4.0  # wall limit = CPU limit * this + the slack below, so that a loaded machine flips no verdict
    )
    wall_slack_s: float = 10.0
    memory_mb: int = 1024
    result_bytes: int = 4_000_000
    file_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call. `value` is canonical JSON when `status` is ok; else `detail` says why (exception type: message)."""

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
    """What an input generator gave: pairs (input JSON, output JSON) in the order drawn, and the draws each reason cost.

    `failure` is empty, or says why the job ended early (timeout, memory, killed, load_error, ...); pairs found until
    then are kept.
    """

    pairs: tuple[tuple[str, str], ...]
    draws: int
    rejected: dict[str, int] = field(default_factory=dict)
    failure: str = ""
    detail: str = ""
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """One watched call: its result, and the events in order (`build.sandbox.tracer`), cut at a bound if `truncated`."""

    result: CallResult
    events: tuple[dict[str, Any], ...] = ()
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of confinement that a sandbox has here and those it lacks, with details (`build.sandbox.layers`)."""

    active: dict[str, str]
    missing: dict[str, str]

    def line(self) -> str:
        """The start-up line."""
        active, missing = (
            ", ".join(f"{name} ({detail})" if detail else name for name, detail in layers.items()) or "none"
            for layers in (self.active, self.missing)
        )
        return f"sandbox layers: {active}; missing: {missing}"
