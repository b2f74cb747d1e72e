"""Runs sandbox jobs in this very process, one after the other and without any protection, for `build.bench.baseline`."""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from build.sandbox import jobs, replicas, wire
from build.sandbox.contract import DrawRules


def main(options: Sequence[str]) -> None:
    """Serve jobs until the command pipe closes."""
    commands, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if "pympler" in options:
        import pympler.asizeof  # noqa: F401 - its import is part of the price

        jobs.fits = asizeof_rule
    clock = replicas.Clock()
    if "real" in options:
        replicas.seed = lambda number: None
    else:
        replicas.install(clock)
    while frame := wire.receive(commands):
        job = wire.unpack(frame[1])
        counts = [0] * 32
        began = replicas.real_cpu()

        def emit(fields: dict[str, Any]) -> None:
            wire.send(replies, b"D", wire.pack(fields))

        def start(job: dict[str, Any] = job) -> None:
            if job["armed"]:
                jobs.arm(job["call_cpu_s"])

        def count(index: int, counts: list[int] = counts) -> None:
            counts[index] += 1

        with contextlib.suppress(SystemExit):
            if job["kind"] == "call":
                jobs.run_call(job, clock, emit, start, count)
            else:
                jobs.run_draw(job, clock, emit, start, count, lambda text: None)
        wire.send(replies, b"E", wire.pack({"cpu_s": replicas.real_cpu() - began, "counters": counts}))


def asizeof_rule(value: Any, rules: DrawRules) -> bool:
    """The size rule with `pympler.asizeof` itself (CodeI/O, appendix A); `build.sandbox.sizes` must agree with it."""
    from pympler.asizeof import asizeof

    if asizeof(value) >= rules.object_bytes:
        return False
    if isinstance(value, dict):
        return len(value) < rules.container_length and all(
            asizeof_rule(item, rules) for pair in value.items() for item in pair
        )
    if isinstance(value, list):
        return len(value) < rules.container_length and all(asizeof_rule(item, rules) for item in value)
    if isinstance(value, str):
        return len(value) < rules.string_length
    return bool(asizeof(value) < rules.scalar_bytes)
