"""Offers the sandbox to the rest of the project: what can be run, under which limits, and what comes back.

    with Sandbox(Limits()) as sandbox:
        results = sandbox.call(Program("def main_solution(x):\n    return x + 1"), ['{"x": 1}', '{"x": 2}'])

Three jobs exist, and no other foreign code ever runs: `call` (a program on given inputs), `draw` (an input generator
and the program on what it draws) and `traces` (a program on given inputs, watched line by line). Every call starts from
fresh module state. A program's misbehaviour is a result with a status, never an exception here.

What a program finds different from a plain interpreter (`python -m build bench agree` looks for more): threads, processes,
sockets and event loops cannot be started, so what needs one raises (pyarrow's threads end the process); nothing can be written,
temporary files included, and only Python's own folders can be read; clocks are those of the replica and `time.sleep` only moves
them; BLAS and joblib's `n_jobs=-1` use one thread; stdin is empty, stdout and stderr lead nowhere, and there is no script:
`sys.argv` is `[""]`, and the module is called `program`.
"""

import os
import signal
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any, Literal, TypeVar

from build.sandbox.contract import (
    ASPECTS,
    Aspect,
    CallResult,
    DrawRules,
    Draws,
    Layers,
    Limits,
    Program,
    SandboxError,
    Trace,
)
from build.sandbox.jobs import REASONS
from build.sandbox.process import Ending, WarmParent
from build.sandbox.tiers import tier_of

__all__ = ["CallResult", "DrawRules", "Draws", "Layers", "Limits", "Program", "Sandbox", "SandboxError", "Trace"]

_MAX_DEATHS = 3  # of one draw job, before it is given up
_MAX_SLOW = 3  # draws over the CPU limit of a call, before a draw job is given up
_RNG_SEEDS = (1001, 1002)  # of replica 1 and 2
_GRACE_CPU_S = 0.05
_LEAST_OUTPUT_BYTES = 1 << 20  # of a child: many small results fill its outbox before they are sent
_FORGED = "something else than the results came through the result channel"

T = TypeVar("T")


class Sandbox:
    """Processes for foreign code. `replica` 1 or 2 of a call chooses between two interpreters that differ in hash seed,
    RNG seeds and clock: what agrees in both depends on none of them.

    Interpreters start when they are first needed, one per tier and replica. An object belongs to the process that uses it; make
    one in each worker. The jobs of several threads take turns.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        require_isolation: Literal["available", "full"] = "available",
        unsafe_exec: bool = False,
    ) -> None:
        """`require_isolation="full"` refuses to run where a layer is missing; `unsafe_exec` runs even without seccomp
        and Landlock, which are otherwise both demanded. A refusal is a `SandboxError` when an interpreter starts.
        """
        self.limits = limits or Limits()
        self.require_isolation = require_isolation
        self.unsafe_exec = unsafe_exec
        self._parents: dict[tuple[str, int], WarmParent] = {}
        self._owner = os.getpid()
        self._turn = threading.Lock()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process of this sandbox."""
        for parent in self._parents.values():
            parent.close()
        self._parents.clear()

    @property
    def layers(self) -> Layers:
        """The layers of confinement in force here; starts an interpreter when none runs yet. Raises `SandboxError`."""
        with self._turn:
            return self._parent(("light", 1)).layers

    def call(
        self,
        program: Program,
        inputs: Sequence[str],
        replica: int = 1,
        vary: Collection[Aspect] | None = None,
        call_cpu_s: float | None = None,
        lines: int | None = None,
    ) -> list[CallResult]:
        """Run the program once per input (canonical JSON objects of keyword arguments), each from fresh module state.

        A call that ends its process costs only itself: the rest goes on in another child, within the CPU of one job.
        Replica 2 runs the inputs in reverse, so that state that leaks from call to call shows as a difference. `vary` takes
        only some aspects of replica 2, for `build.sandbox.causes`. `call_cpu_s`: another limit for each call. `lines`: how many
        lines of the program a call may execute, which is the same on every machine; a call over it is a timeout, too.
        """
        if vary is None:
            vary = ASPECTS if replica == 2 else ()
        replica = 2 if "hash_order" in vary else 1
        order = list(reversed(inputs)) if "state" in vary else list(inputs)
        # Each call has its own limit whatever its neighbours do, so that no verdict depends on the batch it is in.
        each = self.limits.call_cpu_s if call_cpu_s is None else call_cpu_s
        left = max(self.limits.job_cpu_s, each * len(order)) + 1.0
        job = self._job("call", program, left, each) | {
            "rng_seed": _RNG_SEEDS["random" in vary],
            "clock_replica": 2 if "time" in vary else 1,
            "lines": lines,
        }
        results = self._one_by_one(job, order, replica, lambda item: CallResult(**item), lambda died: died)
        return results[::-1] if "state" in vary else results

    def draw(
        self,
        program: Program,
        generator: str,
        rules: DrawRules,
        seed: int,
        replica: int = 1,
        lines: int | None = None,
    ) -> Draws:
        """Draw inputs from `input_generator()` and run the program on each JSON snapshot until the rules are met.

        `generator` is Python source that defines `input_generator()`; it runs in a module of its own, but sees the
        program's names. `seed` and the draw's number seed the RNGs before each draw. A draw that ends its process (a
        call over its CPU limit, above all) counts as rejected, and drawing goes on in another child. It ends with the
        third draw over the CPU limit of a call: a failure when there is no pair by then. That depends on the program,
        and not on how much CPU the whole job may use. `lines`: as in `call`; such draws are counted as timeouts and do not
        end the drawing.
        """
        pairs: list[tuple[str, str]] = []
        counters = [0] * (1 + len(REASONS))
        deaths: dict[str, int] = {}
        slow = 0  # deaths by the CPU limit
        lost: list[str] = []  # inputs that ended the process, which another child need not try again
        types: dict[str, int] = {}
        failure = detail = ""
        left = self.limits.job_cpu_s
        while not failure and counters[0] < rules.draws and len(pairs) < rules.distinct and slow < _MAX_SLOW:
            job = self._job("draw", program, left) | {
                "rng_seed": _RNG_SEEDS[replica == 2],
                "clock_replica": replica,
                "lines": lines,
                "generator": generator,
                "rules": asdict(rules),
                "seed": seed,
                "drawn": counters[0],
                "found": len(pairs),
                "seen": [*(pair[0] for pair in pairs), *lost],
            }
            finished = False
            for item in self._run(job, program.code + "\n" + generator, replica):
                if isinstance(item, Ending):
                    left -= item.cpu_s
                    drawn = item.counters[0]
                    counters = [a + b for a, b in zip(counters, item.counters[: len(counters)], strict=True)]
                    if item.cut == "forged":
                        pairs, failure, detail = [], "killed", _FORGED
                    elif not finished:
                        died = self._died(item, 0.0, self.limits.call_cpu_s)
                        detail = died.detail
                        if drawn == 0:  # died while loading
                            failure = died.status
                        deaths[died.status] = deaths.get(died.status, 0) + 1
                        slow += died.status == "timeout" and item.cut != "wall"
                        lost += [item.under_way] * bool(item.under_way)
                        if slow >= _MAX_SLOW and not pairs:
                            failure = died.status
                        if left <= _GRACE_CPU_S or sum(deaths.values()) - slow >= _MAX_DEATHS:
                            failure = died.status
                elif "input" in item:
                    pairs.append((item["input"], item["output"]))
                elif "failure" in item:
                    finished, failure, detail = True, item["failure"], item["detail"]
                else:
                    finished = True
                    types = item["exceptions"]
            if finished:
                break
        rejected = {reason: number for reason, number in zip(REASONS, counters[1:]) if number}
        for status, number in deaths.items():
            rejected[status] = rejected.get(status, 0) + number
        if types and not detail:
            detail = ", ".join(f"{name} {number}" for name, number in sorted(types.items()))
        return Draws(tuple(pairs), counters[0], rejected, failure, detail, self.limits.job_cpu_s - left)

    def traces(self, program: Program, inputs: Sequence[str], max_events: int = 6000, replica: int = 1) -> list[Trace]:
        """Run the program once per input under the tracer, all in one job; each from fresh module state."""
        # Watching slows a call down, by far less than this: each call has the CPU of a job.
        left = self.limits.job_cpu_s * len(inputs) + 1.0
        job = self._job("trace", program, left, self.limits.job_cpu_s) | {
            "rng_seed": _RNG_SEEDS[replica == 2],
            "clock_replica": replica,
            "lines": None,
            "max_events": max_events,
        }
        return self._one_by_one(
            job,
            list(inputs),
            replica,
            lambda item: Trace(CallResult(**item["result"]), tuple(item["events"]), item["truncated"]),
            Trace,
        )

    def trace(self, program: Program, input: str, max_events: int = 6000) -> Trace:
        """Run the program once under the tracer."""
        return self.traces(program, [input], max_events)[0]

    def _one_by_one(
        self,
        job: dict[str, Any],
        inputs: list[str],
        replica: int,
        read: Callable[[dict[str, Any]], T],
        lost: Callable[[CallResult], T],
    ) -> list[T]:
        """What a job gives for each input, `read` from its message; `lost` makes the result of a call that ended its
        process. The inputs after that one go on in another child, within the CPU of the job.
        """
        results: list[T] = []
        limit_s, left = job["call_cpu_s"], job["job_cpu_s"]
        while len(results) < len(inputs):
            if left <= _GRACE_CPU_S:
                results.append(lost(CallResult("timeout", detail="over the CPU of all calls")))
                continue
            before, spent = len(results), 0.0
            for item in self._run(job | self._times(limit_s, left) | {"inputs": inputs[before:]}, job["code"], replica):
                if isinstance(item, Ending):
                    ending = item
                else:
                    results.append(read(item))
                    spent += item.get("result", item)["cpu_s"]
            left -= ending.cpu_s
            if ending.cut == "forged" or len(results) > len(inputs):
                return [lost(CallResult("killed", detail=_FORGED))] * len(inputs)
            if len(results) < len(inputs) and not (ending.cut == "output" and len(results) > before):
                results.append(lost(self._died(ending, max(ending.cpu_s - spent, 0.0), limit_s)))
        return results

    def _job(self, kind: str, program: Program, cpu_s: float, call_cpu_s: float | None = None) -> dict[str, Any]:
        limits = self.limits
        return {
            "kind": kind,
            "code": program.code,
            "entry": program.entry,
            "result_bytes": limits.result_bytes,
            "output_bytes": max(limits.result_bytes * 16, _LEAST_OUTPUT_BYTES),
        } | self._times(limits.call_cpu_s if call_cpu_s is None else call_cpu_s, cpu_s)

    def _times(self, call_cpu_s: float, cpu_s: float) -> dict[str, float]:
        """The limits of a job in seconds, for one call and for all."""
        call_cpu_s = min(call_cpu_s, cpu_s)
        return {
            "call_cpu_s": call_cpu_s,
            "job_cpu_s": cpu_s,
            "call_wall_s": self._wall_s(call_cpu_s),
            "job_wall_s": self._wall_s(cpu_s),
        }

    def _wall_s(self, cpu_s: float) -> float:
        return cpu_s * self.limits.wall_factor + self.limits.wall_slack_s

    def _run(self, job: dict[str, Any], source: str, replica: int) -> list[dict[str, Any] | Ending]:
        """What a job gave: its messages, then an `Ending`. A parent that breaks is replaced, and the job tried once more."""
        key = (tier_of(source), replica)
        with self._turn:
            try:
                return self._attempt(key, job)
            except SandboxError:
                return self._attempt(key, job)

    def _attempt(self, key: tuple[str, int], job: dict[str, Any]) -> list[dict[str, Any] | Ending]:
        parent = self._parent(key)
        try:
            return list(parent.run(job))
        except BaseException:  # Ctrl-C too: what is still under way there must not be taken for the next job's
            self._parents.pop(key).close()
            raise

    def _parent(self, key: tuple[str, int]) -> WarmParent:
        if os.getpid() != self._owner:
            raise SandboxError("a Sandbox cannot be used in a forked copy of its process; make a new one there")
        if key not in self._parents:
            parent = WarmParent(*key, self.limits)
            try:
                self._refuse(parent.layers)
            except SandboxError:
                parent.close()
                raise
            self._parents[key] = parent
        return self._parents[key]

    def _refuse(self, layers: Layers) -> None:
        lacking = ", ".join(f"{name} ({detail})" for name, detail in layers.missing.items())
        if self.require_isolation == "full" and layers.missing:
            raise SandboxError(f"full isolation is required, and this machine lacks: {lacking}")
        if not self.unsafe_exec and not {"seccomp", "landlock"} <= set(layers.active):
            raise SandboxError(
                f"foreign code would run without enough isolation; this machine lacks: {lacking}. "
                "Run on Linux 5.13 or newer with seccomp, or accept the risk with --unsafe-exec"
            )

    def _died(self, ending: Ending, cpu_s: float, limit_s: float) -> CallResult:
        """The result of the call during which the child ended; `limit_s` is the CPU that a call may use."""
        if ending.cut == "wall":
            return CallResult("timeout", detail=f"over {self._wall_s(limit_s):g} s on the clock", cpu_s=cpu_s)
        if ending.cut == "output":
            return CallResult("killed", detail="too much output", cpu_s=cpu_s)
        if ending.cut == "forged":
            return CallResult(
                "killed", detail="something else than a result came through the result channel", cpu_s=cpu_s
            )
        if ending.signal in (signal.SIGPROF, signal.SIGXCPU):
            return CallResult("timeout", detail=f"over {limit_s:g} s of CPU", cpu_s=cpu_s)
        if ending.signal:
            return CallResult("killed", detail=f"the process died of {signal.Signals(ending.signal).name}", cpu_s=cpu_s)
        return CallResult("killed", detail=f"the process ended itself (exit code {ending.exit})", cpu_s=cpu_s)
