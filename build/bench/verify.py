"""Measures judging, in this process and through the service, and keeps the service under full load: `python -m build bench`.

    python -m build bench verify [--run RUN]           judgements a second and a core, at batches of 1, 64 and 1,024
    python -m build bench conformance [--run RUN]      10,000 answers of every kind: verify() against the service
    python -m build bench service-soak --minutes 10    full load, 5 % hostile, workers killed: what is lost, what grows

The load goes to a service on this machine's loopback that the command starts itself.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import click
from tabulate import tabulate

from build.bench.answers import TASKS, Question, answers, own_questions, run_questions
from build.bench.baseline import Unprotected
from build.bench.footprint import cpu_s, footprint, psutil
from build.bench.service import Service, running
from build.client import Client
from build.core.records import Verdict
from build.core.store import Store
from build.judges import ask_service
from build.sandbox import Limits, Program, Sandbox
from build.verify import Check, verify

_BATCHES = {1: 300, 64: 40, 1024: 4}  # how many of each size
_A_QUESTION = 8  # answers to each question, as a trainer samples them
_FRESH = 60  # answers that get an interpreter each
_SAME_RATE = 0.85  # of the rate in process that the service must keep at batches of 64
_KILL_EVERY_S = 10.0

Ask = Callable[[Sequence[Check]], list[Verdict]]


@dataclass(frozen=True, slots=True)
class Measure:
    """Batches that were judged: answers, seconds on the clock and of CPU (of the judging side), and each batch's seconds."""

    answers: int
    wall_s: float
    cpu_s: float
    batches: list[float]

    def row(self) -> list[float]:
        cuts = quantiles(self.batches, n=100, method="inclusive") if len(self.batches) > 1 else self.batches * 99
        return [self.answers / self.wall_s, self.answers / self.cpu_s, 1000 * cuts[49], 1000 * cuts[98]]


@click.command("verify")
@click.option("--run", type=click.Path(exists=True, path_type=Path), help="A run whose questions are answered.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the ratios here too.")
def bench_verify(run: Path | None, seed: int, target: Path | None) -> None:
    """Judgements per second and core, in process and through the service with one worker; with a fresh interpreter each."""
    questions = _questions(run)
    random.Random(seed).shuffle(questions)
    most = max(size * number for size, number in _BATCHES.items())
    checks = list(answers(questions, most, seed, hostile=0.0, malformed=0.05, a_question=_A_QUESTION))
    rows, rates = [], {}
    with Sandbox() as sandbox, running("--workers", "1") as service:
        client = Client(service.url)
        ways: dict[str, tuple[Ask, int, int | None]] = {
            "in process": (lambda some: verify(some, sandbox), 1, None),
            "service": (lambda some: ask_service(client, some), 1, service.process.pid),
            "service, 2 requests at once": (lambda some: ask_service(client, some), 2, service.process.pid),
        }
        for ask, _, _ in ways.values():
            ask(checks[:256])  # every interpreter starts, and imports once
        for size, number in _BATCHES.items():
            batches = [checks[start : start + size] for start in range(0, size * number, size)]
            for name, (ask, at_once, pid) in ways.items():
                measure = _measure(ask, batches, at_once, pid)
                rates[name, size] = measure.answers / measure.cpu_s
                rows.append([name, size, *measure.row()])
    runs = [check for check in checks if check.task == "input"][:_FRESH]
    with Unprotected(fresh=True) as fresh:
        rows.append(["fresh interpreter, input answers", 1, *_measure_fresh(fresh, runs).row()])
    headers = ["judged by", "batch", "answers/s", "answers/s and core", "p50 ms", "p99 ms"]
    click.echo(tabulate(rows, headers, tablefmt="github", floatfmt=",.1f"))
    share = rates["service, 2 requests at once", 64] / rates["in process", 64]
    click.echo(f"at batches of 64 the service keeps {share:.1%} of the rate in process and core")
    if target:
        ratios = {"batches of 64, the service against the call in process": share}
        for name in ("in process", "service"):
            ratios[f"{name}, batches of 1,024 against single answers"] = rates[name, 1024] / rates[name, 1]
        target.write_text(json.dumps({"ratios": ratios}, indent=1), "utf-8")
    if share < _SAME_RATE:
        raise click.ClickException(f"that is under {_SAME_RATE:.0%}")


def _measure(ask: Ask, batches: Sequence[Sequence[Check]], at_once: int, pid: int | None) -> Measure:
    def timed(batch: Sequence[Check]) -> float:
        began = time.perf_counter()
        ask(batch)
        return time.perf_counter() - began

    cpu, began = cpu_s(pid), time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:  # one thread where the sandbox is of this process: it stays with it
        seconds = list(map(timed, batches)) if at_once == 1 else list(pool.map(timed, batches))
    wall = time.perf_counter() - began
    return Measure(sum(map(len, batches)), wall, cpu_s(pid) - cpu, seconds)


def _measure_fresh(fresh: Sandbox, checks: Sequence[Check]) -> Measure:
    return _measure(lambda some: verify(some, fresh), [[check] for check in checks], 1, None)


@click.command("conformance")
@click.option("--run", type=click.Path(exists=True, path_type=Path), help="A run whose questions are answered.")
@click.option("--answers", "number", default=10_000, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--seed", default=0, show_default=True)
def conformance(run: Path | None, number: int, workers: int, seed: int) -> None:
    """Right, wrong, malformed and hostile answers through `verify()` and through the service: the same verdict each time?"""
    checks = list(answers(_questions(run), number, seed, tasks=TASKS))
    with Sandbox() as sandbox:
        expected = verify(checks, sandbox)
    with running("--workers", str(workers)) as service:
        told = ask_service(Client(service.url), checks)
    different = [(check, ours, theirs) for check, ours, theirs in zip(checks, expected, told) if ours != theirs]
    for check, ours, theirs in different[:20]:
        click.echo(f"{check.task} {check.response[:80]!r}: {ours} and {theirs}")
    counts = Counter((check.task, verdict.status) for check, verdict in zip(checks, expected))
    click.echo(tabulate([[*key, count] for key, count in sorted(counts.items())], ["task", "verdict", "answers"]))
    click.echo(f"{len(told)} of {number} answers judged, {len(different)} verdicts differ")
    if different or len(told) != number:
        raise click.ClickException("the service does not judge as verify() does")


@click.command("service-soak")
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--kill/--no-kill", default=True, show_default=True, help="Kill a worker every 10 s.")
@click.option("--seed", default=0, show_default=True)
def service_soak(minutes: float, workers: int, kill: bool, seed: int) -> None:
    """Full load with 5 % hostile answers, and a worker killed every 10 s: is an answer lost, do memory or descriptors grow?"""
    endless = Check(
        Program("def main_solution(x):\n    while True:\n        pass\n"), "input", "{}", "1", '{"input": {"x": 1}}'
    )
    checks = [*answers(own_questions(64, seed), 2000, seed, hostile=0.05, tasks=TASKS), endless]
    random.Random(seed).shuffle(checks)
    with Sandbox(Limits(call_cpu_s=0.5)) as sandbox:
        expected = verify(checks, sandbox)
    batches = [slice(start, start + 64) for start in range(0, len(checks), 64)]
    counts: Counter[str] = Counter()
    end = time.monotonic() + 60 * minutes
    with running("--workers", str(workers), "--cpu-s", "0.5") as service:

        def load(number: int) -> None:
            client, dice = Client(service.url), random.Random(number)
            while time.monotonic() < end:
                batch = dice.choice(batches)
                told = ask_service(client, checks[batch])
                counts["answers"] += len(told)
                counts["lost"] += len(checks[batch]) - len(told)
                for check, ours, theirs in zip(checks[batch], expected[batch], told):
                    if (ours.status, ours.predicted, ours.actual) != (theirs.status, theirs.predicted, theirs.actual):
                        counts["wrong"] += 1
                        click.echo(f"{check.task} {check.response[:80]!r}: {ours} and {theirs}")

        with ThreadPoolExecutor(2 * workers) as pool:
            loads = [pool.submit(load, number) for number in range(2 * workers)]
            killer = threading.Thread(target=_kill_now_and_then, args=(service, end, counts), daemon=True)
            if kill:
                killer.start()
            looks = []
            while time.monotonic() < end:
                time.sleep(min(15.0, max(end - time.monotonic(), 0.1)))
                looks.append(footprint(service.process.pid, below=False))
                click.echo(f"{dict(counts)} service alone: {looks[-1]} all: {footprint(service.process.pid)}")
            for each in loads:
                each.result()
    steady = looks[len(looks) // 4 :] or looks
    grown = steady[-1].resident_mb > steady[0].resident_mb * 1.1 + 5
    opened = steady[-1].descriptors > steady[0].descriptors + 4 * workers
    click.echo(f"{counts['answers']} answers, {counts['answers'] / 60 / minutes:.0f} a second; {dict(counts)}")
    if counts["lost"] or counts["wrong"] or grown or opened:
        raise click.ClickException(
            f"lost {counts['lost']}, wrong {counts['wrong']}, memory grew: {grown}, descriptors: {opened}"
        )


def _kill_now_and_then(service: Service, end: float, counts: Counter[str]) -> None:
    while time.monotonic() + _KILL_EVERY_S < end:
        time.sleep(_KILL_EVERY_S)
        workers = [
            each for each in psutil.Process(service.process.pid).children() if "spawn_main" in " ".join(each.cmdline())
        ]
        if workers:
            random.choice(workers).kill()
            counts["workers killed"] += 1


def _questions(run: Path | None) -> list[Question]:
    return run_questions(Store(run)) if run else own_questions(256)
