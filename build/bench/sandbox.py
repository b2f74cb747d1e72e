"""Measures what the sandbox costs, whether it changes verdicts, and whether it holds: `python -m build bench`.

    python -m build bench sandbox            CPU per function and per check, against two baselines in the same run
    python -m build bench agree [FILE]       results against those of a fresh interpreter per call: of functions that call
                                             well-known libraries, or of a file's functions on their recorded inputs
    python -m build bench soak --minutes 10  every hostile program mixed with honest ones: what is lost, what leaks
    python -m build bench verify             judgements a second and core, in process and through the verifier service
    python -m build bench memory             synthetic functions through the stage sample: memory and cost as the number grows

CPU, not wall time, is what is compared: of this process and of every process below it. The baselines run functions without
any isolation, so a file of functions is only taken with `--unsafe-exec`; the default, the functions that come with the
package reasoning-gym, is read as data and needs no flag.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import click
from tabulate import tabulate
from tqdm import tqdm

from build.bench.baseline import Unprotected
from build.bench.doubles import planted, scale
from build.bench.footprint import cpu_s, footprint, psutil
from build.bench.hostile import THREATS
from build.bench.libraries import CALLS, DIFFERENT
from build.bench.pipeline import bench_pipeline
from build.bench.proof import bench_proof
from build.bench.teacher import bench_teacher
from build.bench.verify import bench_verify, conformance, service_soak
from build.core.config import SamplingConfig
from build.core.records import SampledFunction, UnifiedFunction
from build.core.tables import read_rows
from build.sandbox import CallResult, DrawRules, Draws, Limits, Program, Sandbox
from build.sandbox.causes import cause
from build.sandbox.codec import NotData, encode
from build.stages.sample import sample_pairs

STAGES = ("generation", "determinism", "usual generation", "usual determinism", "single check", "grouped checks")
SLOW_CPU_S = 1.0  # functions that need more CPU of their own are reported apart: they hide what the sandbox costs
TIERS = ("", "import numpy\n", "import numpy, scipy, pandas, sympy\n")


@dataclass(frozen=True, slots=True)
class Function:
    """A function to measure on: a program with an input generator, or with recorded inputs and outputs (JSON texts)."""

    program: Program
    generator: str | None = None
    recorded: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Measure:
    """CPU seconds and wall seconds spent on a number of items."""

    items: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0

    @property
    def ms(self) -> float:
        return 1000 * self.cpu_s / max(self.items, 1)


@click.group()
def bench() -> None:
    """Measurements of the sandbox (needs requirements/bench.txt)."""
    if psutil is None:
        raise click.ClickException("bench needs the package psutil: pip install -r requirements/bench.txt")


bench.add_command(bench_teacher)
bench.add_command(bench_pipeline)
bench.add_command(planted)
bench.add_command(scale)
bench.add_command(bench_proof)
bench.add_command(bench_verify)
bench.add_command(conformance)
bench.add_command(service_soak)


@bench.command("sandbox")
@click.option(
    "--functions", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON Lines, .gz or not."
)
@click.option("--limit", default=200, show_default=True, help="Functions to draw from the file.")
@click.option("--seed", default=0, show_default=True)
@click.option("--unsafe-exec", is_flag=True, help="The baselines may run the given file's functions without isolation.")
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
def bench_sandbox(path: Path | None, limit: int, seed: int, unsafe_exec: bool, target: Path | None) -> None:
    """CPU per item of generation, determinism and verification, with and without the sandbox."""
    if path is not None and not unsafe_exec:
        raise click.ClickException(f"the baselines would run the functions of {path} unprotected: add --unsafe-exec")
    functions = read_functions(path or _bundled())
    random.Random(seed).shuffle(functions)
    with Sandbox(Limits(job_cpu_s=10.0)) as sandbox:
        click.echo(sandbox.layers.line())
        chosen, pairs, apart = _choose(functions, sandbox, limit)
        click.echo(
            f"{len(chosen)} functions are measured; {apart} were passed over: failed, or over {SLOW_CPU_S:g} s of CPU"
        )
        rows = {"sandbox": _measure(chosen, pairs, sandbox, "sandbox", singles=10)}
        with Unprotected() as floor:
            _warm(floor)
            rows["floor"] = _measure(chosen, pairs, floor, "floor", singles=10)
        with Unprotected(fresh=True) as fresh:
            rows["fresh"] = _measure(chosen, pairs, fresh, "fresh", singles=1)
        with Unprotected(fresh=True, pympler=True) as official:
            rows["fresh+asizeof"] = _measure(chosen, pairs, official, "fresh+asizeof", singles=1)
    _report(rows, target)


def _measure(
    functions: Sequence[Function], pairs: Sequence[Draws], sandbox: Sandbox, name: str, singles: int
) -> dict[str, Measure]:
    """Each stage on all functions. A fresh interpreter per check is measured on one check a function."""
    fresh = isinstance(sandbox, Unprotected) and sandbox.fresh
    measures = {stage: Measure() for stage in STAGES}
    different = 0
    for function, known in zip(tqdm(functions, desc=name, leave=False), pairs):
        inputs = [given for given, _ in known.pairs]
        usual = len(known.pairs) == DrawRules().distinct  # the others make all 1000 draws
        if function.generator is not None:
            with _metered(1, measures["generation"], measures["usual generation"] if usual else Measure()):
                draws = sandbox.draw(function.program, function.generator, DrawRules(), seed=1)
            different += draws.pairs != known.pairs
        if not fresh:
            with _metered(1, measures["determinism"], measures["usual determinism"] if usual else Measure()):
                sandbox.call(function.program, inputs, replica=2)
            with _metered(len(inputs), measures["grouped checks"]):
                sandbox.call(function.program, inputs)
        with _metered(len(inputs[:singles]), measures["single check"]):
            for given in inputs[:singles]:
                sandbox.call(function.program, [given])
    click.echo(f"{name}: {different} functions with other pairs than the sandbox's")
    return measures


def _report(rows: dict[str, dict[str, Measure]], target: Path | None) -> None:
    """The table of CPU milliseconds per item, and the ratios that are promised."""
    ours, floor, fresh, official = (rows[name] for name in ("sandbox", "floor", "fresh", "fresh+asizeof"))
    table = [
        (
            f"{kind}generation{more}, per function",
            [f"{kind}generation"] + [f"{kind}determinism"] * bool(more),
            f"{kind}generation",
        )
        for kind in ("", "usual ")
        for more in ("", " + determinism")
    ]
    table += [(f"verification, {stage}", [stage], "single check") for stage in ("single check", "grouped checks")]
    lines, figures = [], {}
    promised: dict[str, float] = {}
    for title, stages, baseline in table:
        mine, least = (sum(row[stage].ms for stage in stages) for row in (ours, floor))
        values = {
            "fresh+asizeof_ms": official[baseline].ms,
            "fresh_ms": fresh[baseline].ms,
            "sandbox_ms": mine,
            "floor_ms": least,
        }
        ratios = {
            "times_floor": values["sandbox_ms"] / max(values["floor_ms"], 1e-9),
            "cheaper_than_fresh+asizeof": values["fresh+asizeof_ms"] / max(values["sandbox_ms"], 1e-9),
            "cheaper_than_fresh": values["fresh_ms"] / max(values["sandbox_ms"], 1e-9),
        }
        figures[title] = values | ratios
        promised |= {
            f"{title}, a fresh interpreter against the sandbox": ratios["cheaper_than_fresh"],
            f"{title}, no isolation against the sandbox": values["floor_ms"] / max(values["sandbox_ms"], 1e-9),
        }
        lines.append([title, *values.values(), *ratios.values()])
    headers = ["CPU ms", "fresh + asizeof", "fresh", "sandbox", "floor", "x floor", "fresh+asizeof /", "fresh /"]
    click.echo(tabulate(lines, headers=headers, floatfmt=".2f"))
    speeds = {stage: measure.items / measure.wall_s for stage, measure in ours.items() if measure.wall_s}
    click.echo(
        "sandbox, items/s of one worker: " + ", ".join(f"{stage} {speed:.0f}" for stage, speed in speeds.items())
    )
    if target:
        plain = {name: {stage: asdict(measure) for stage, measure in row.items()} for name, row in rows.items()}
        told = {"ratios": promised, "figures": figures, "items_per_s": speeds, "measures": plain}
        target.write_text(json.dumps(told, indent=1), "utf-8")


def _choose(functions: Sequence[Function], sandbox: Sandbox, limit: int) -> tuple[list[Function], list[Draws], int]:
    """The first functions whose job ends by itself within `SLOW_CPU_S`, what they gave, and how many were passed over.

    Functions of whose draws none is kept stay: all 1000 draws are what they cost. Warms every interpreter up.
    """
    _warm(sandbox)
    chosen: list[Function] = []
    pairs: list[Draws] = []
    apart = 0
    for function in functions:
        if len(chosen) == limit:
            break
        if function.generator is not None:
            draws = sandbox.draw(function.program, function.generator, DrawRules(), seed=1)
        else:
            results = sandbox.call(function.program, [given for given, _ in function.recorded])
            good = [(given, result.value) for (given, _), result in zip(function.recorded, results) if result.value]
            draws = Draws(tuple(good), len(results), cpu_s=sum(result.cpu_s for result in results))
        if draws.failure or draws.cpu_s > SLOW_CPU_S:
            apart += 1
            continue
        chosen.append(function)
        pairs.append(draws)
    return chosen, pairs, apart


def _warm(sandbox: Sandbox) -> None:
    """Start every interpreter and pay its imports now."""
    for imports in TIERS:
        for replica in (1, 2):
            sandbox.call(Program(f"{imports}def main_solution():\n    return 1"), ["{}"], replica)


@bench.command("agree")
@click.argument("path", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--unsafe-exec", is_flag=True, help="The comparison runs the file's functions without isolation.")
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the differences here.")
def bench_agree(path: Path | None, unsafe_exec: bool, target: Path | None) -> None:
    """Does the sandbox change results? Its answers against those of a fresh interpreter per call.

    Without FILE: functions of our own that call well-known libraries, as far as these are installed; a difference whose
    reason is not known makes this fail.
    """
    if path is not None and not unsafe_exec:
        raise click.ClickException(f"the comparison runs the functions of {path} unprotected: add --unsafe-exec")
    functions = (
        {str(number): function for number, function in enumerate(read_functions(path))} if path else _libraries()
    )
    counts: Counter[str] = Counter()
    differences = []
    with Sandbox() as sandbox, Unprotected(fresh=True, real=True) as fresh:
        click.echo(sandbox.layers.line())
        for name, function in tqdm(functions.items(), desc="functions", leave=False):
            inputs = [given for given, _ in function.recorded]
            ours = sandbox.call(function.program, inputs)
            theirs = [fresh.call(function.program, [given])[0] for given in inputs]
            apart = []
            for (given, recorded), mine, other in zip(function.recorded, ours, theirs):
                counts["pairs"] += 1
                counts[_verdict(mine, recorded) if path else mine.status] += 1
                if (mine.status, mine.value) != (other.status, other.value):
                    counts["verdicts that differ"] += _verdict(mine, recorded) != _verdict(other, recorded)
                    apart.append(
                        {"input": given, "recorded": recorded, "sandbox": asdict(mine), "fresh": asdict(other)}
                    )
            if apart:
                why = DIFFERENT.get(name) or cause(sandbox, function.program, inputs) or "?"
                counts["functions that differ"] += 1
                counts["without a known reason"] += why == "?"
                differences.append({"function": name, "cause": why, "pairs": apart})
                click.echo(f"function {name}: {len(apart)} results differ ({why}): {json.dumps(apart[0])[:300]}")
    click.echo(f"{len(functions)} functions: " + ", ".join(f"{key} {count}" for key, count in sorted(counts.items())))
    if target:
        target.write_text(json.dumps({"counts": counts, "differences": differences}, indent=1), "utf-8")
    if path is None and counts["without a known reason"]:
        raise click.ClickException("the sandbox changes results without a known reason")


def _libraries() -> dict[str, Function]:
    return {call.name: Function(Program(call.code), recorded=(("{}", ""),)) for call in CALLS if call.installed}


def _verdict(result: CallResult, recorded: str) -> str:
    if result.status != "ok":
        return result.status
    return "reproduces" if result.value == recorded else "other value"


@bench.command("soak")
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
def bench_soak(minutes: float, seed: int) -> None:
    """Hostile programs and honest ones in random order on the same workers; fails when anything is lost or leaks."""
    dice = random.Random(seed)
    honest = [
        Program("def main_solution(x):\n    return x + 1"),
        Program("import math\ndef main_solution(x):\n    return [math.factorial(x % 20), str(x)]"),
        Program("import numpy as np\ndef main_solution(x):\n    return int(np.arange(x % 50).sum())"),
        Program("from collections import Counter\ndef main_solution(x):\n    return Counter(str(x ** 9))"),
    ]
    generator = "import random\ndef input_generator():\n    return {'x': random.randint(0, 10**6)}"
    counts: Counter[str] = Counter()
    with Sandbox(Limits(call_cpu_s=0.25, job_cpu_s=1.0, memory_mb=256)) as sandbox:
        click.echo(sandbox.layers.line())
        expected = [
            (sandbox.call(program, ['{"x": 7}']), sandbox.draw(program, generator, DrawRules(), 1))
            for program in honest
        ]
        for threat in THREATS:  # every interpreter that will be needed runs before the first look
            sandbox.call(Program(threat.code), ['{"x": 1}'], replica=2)
        for program in honest:
            sandbox.call(program, ['{"x": 7}'], replica=2)
        first = footprint()
        click.echo(f"start: {first}")
        end = time.monotonic() + 60 * minutes
        look = time.monotonic() + 60
        while time.monotonic() < end:
            threat = dice.choice(THREATS)
            replica = dice.choice((1, 2))
            if dice.random() < 0.5:
                (result,) = sandbox.call(Program(threat.code), ['{"x": 1}'], replica)
                counts["hostile calls"] += 1
                counts["wrong verdicts"] += result.status not in threat.statuses
                if result.status not in threat.statuses:
                    click.echo(f"{threat.name}: {result}")
            else:
                attack = f"{threat.code}\ndef input_generator():\n    main_solution(1)\n    return {{'x': 1}}"
                sandbox.draw(honest[0], attack, DrawRules(draws=2), 1, replica)
                counts["hostile generators"] += 1
            program, (called, drawn) = dice.choice(list(zip(honest, expected)))
            if dice.random() < 0.5:
                again = sandbox.call(program, ['{"x": 7}'], replica)
                lost = [result.value for result in again] != [result.value for result in called]
            else:
                lost = sandbox.draw(program, generator, DrawRules(), 1).pairs != drawn.pairs
            counts["honest jobs"] += 1
            counts["honest results lost"] += lost
            if time.monotonic() > look:
                look += 60
                click.echo(f"{dict(counts)} {footprint()}")
        last = footprint()
    click.echo(f"end: {last}; {dict(counts)}")
    left = footprint(below=False)
    click.echo(f"closed: {left}")
    leaks = [key for key in ("processes", "descriptors", "files") if getattr(last, key) > getattr(first, key)]
    grown = last.resident_mb > first.resident_mb * 1.1 + 5
    if counts["honest results lost"] or counts["wrong verdicts"] or leaks or grown:
        raise click.ClickException(f"lost {counts['honest results lost']}, leaks {leaks}, memory grew: {grown}")


@bench.command("memory")
@click.option("--functions", "number", default=100_000, show_default=True)
@click.option("--json", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write the samples here.")
def bench_memory(number: int, target: Path | None) -> None:
    """Synthetic functions through the stage sample: resident memory and CPU per function as their number grows."""
    samples = []
    with Sandbox() as sandbox:
        click.echo(sandbox.layers.line())
        for replica in (1, 2):
            sandbox.call(Program("def main_solution():\n    return 1"), ["{}"], replica)
        began, kept = cpu_s(), 0
        results = sample_pairs(_synthetic(number), SamplingConfig(), 0, sandbox, Counter())
        for done, result in enumerate(tqdm(results, total=number, desc="functions"), 1):
            kept += isinstance(result, SampledFunction)
            if done in (100, 1000) or done % 5000 == 0 or done == number:
                cpu_ms = 1000 * (cpu_s() - began) / done
                samples.append({"functions": done, "kept": kept, "cpu_ms": cpu_ms, **asdict(footprint())})
                if target:
                    target.write_text(json.dumps(samples, indent=1), "utf-8")
    click.echo(tabulate(samples, headers="keys", floatfmt=".2f"))


def _synthetic(number: int) -> Iterator[UnifiedFunction]:
    """Functions that differ in text and in what they give, cheap enough that the sandbox's own cost shows."""
    bodies = ("x * {n} + len(y)", "[x % ({n} + 1), y * (x % 3)]", "sum(int(c) for c in str(x * {n}))", "{{y: x - {n}}}")
    generator = (
        "import random\ndef input_generator():\n"
        "    return {'x': random.randint(0, 1000), 'y': random.choice('abcdef') * random.randint(1, 9)}"
    )
    for n in range(number):
        code = f"def main_solution(x, y):\n    return {bodies[n % len(bodies)].format(n=n)}\n"
        yield UnifiedFunction(f"{n:020x}", "", "synthetic", "", "MIT", f"f{n}", "none", code, "", "", generator)


@contextmanager
def _metered(items: int, *measures: Measure) -> Iterator[None]:
    cpu, wall = cpu_s(), time.monotonic()
    yield
    cpu, wall = cpu_s() - cpu, time.monotonic() - wall
    for measure in measures:
        measure.items += items
        measure.cpu_s += cpu
        measure.wall_s += wall


def _bundled() -> Path:
    """reasoning-gym's functions, found without importing it."""
    spec = find_spec("reasoning_gym")
    if spec is None or spec.origin is None:
        raise click.ClickException(
            "reasoning-gym is not installed; see requirements/bench.txt, or give --functions FILE"
        )
    return Path(spec.origin).parent / "data" / "codeio.jsonl.gz"


def read_functions(path: Path) -> list[Function]:
    """Functions from a table: `code, generator`; or reasoning-gym's `code_sample, input_generator`; or the official raw
    schema's `refcode, ios`. Raises `click.ClickException` on anything else.
    """
    functions = []
    for number, row in enumerate(read_rows(path), 1):
        if "code_sample" in row:
            wrapped = f"import random\nfrom random import Random\n{row['input_generator']}\n"
            wrapped += "def input_generator():\n    return generate_inputs(random._inst)\n"
            functions.append(Function(Program(row["code_sample"]), wrapped))
        elif "refcode" in row:
            functions.append(Function(Program(row["refcode"]), recorded=_recorded(row["ios"])))
        elif "code" in row and "generator" in row:
            functions.append(Function(Program(row["code"]), row["generator"]))
        else:
            raise click.ClickException(f"{path}, row {number}: needs code and generator, or refcode and ios")
    return functions


def _recorded(pairs: list[dict[str, object]]) -> tuple[tuple[str, str], ...]:
    """Recorded pairs as canonical JSON, without those that are no data."""
    kept = {}
    for pair in pairs:
        try:
            kept[encode(pair["input"])] = encode(pair["output"])
        except NotData:
            continue
    return tuple(kept.items())
