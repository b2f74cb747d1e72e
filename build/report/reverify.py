"""Judges the stored answers of a run again, with the verifier of today, and shows which verdicts are others now.

    python -m build reverify RUN

Nothing in the run is changed. A verifier that reads or compares in another way than the one that made the run shows here
before data of both are mixed.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from tabulate import tabulate
from tqdm import tqdm

from build.core.records import Dialogue, PredictionInstance, SampledFunction, Task, Verdict
from build.core.store import Store
from build.judges import Judges
from build.sandbox import Limits, Program
from build.verify import Check


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored answer with the verdict that the run has and that of today; `where` names the function."""

    rationale: str
    where: str
    task: Task
    turn: int
    before: Verdict
    now: Verdict


def judge_again(store: Store, judges: Judges) -> Iterator[Judged]:
    """Every answer of a run, each turn of it, judged again."""
    for shard in range(store.shards() or 0):
        functions = {each.function.id: each.function for each in store.kept(SampledFunction, shard)}
        instances = {each.id: each for each in store.kept(PredictionInstance, shard)}
        turns = {turn.id: turn for dialogue in store.kept(Dialogue, shard) for turn in dialogue.turns}
        checks = []
        for turn in turns.values():
            instance = instances[turn.instance_id]
            program = Program(functions[instance.function_id].code)
            checks.append(Check(program, instance.task, instance.input, instance.output, turn.response))
        for turn, now in zip(turns.values(), judges.submit(checks).result()):
            instance = instances[turn.instance_id]
            function = functions[instance.function_id]
            where = f"{function.path}:{function.name}"
            yield Judged(turn.id, where, instance.task, turn.turn, turn.verdict, now)


@click.command("reverify")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the changed verdicts here, one a line."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes that judge; default: one a core.")
@click.option("--cpu-s", default=5.0, show_default=True, help="CPU seconds that one call may take.")
def reverify(run: Path, out: Path | None, workers: int | None, cpu_s: float) -> None:
    """Judge the stored answers of a run again and show what changed. Changes nothing in the run."""
    store = Store(run)
    store.manifest()
    judges = Judges(workers or len(os.sched_getaffinity(0)), limits=Limits(call_cpu_s=cpu_s))
    judges.start()
    counts: Counter[tuple[str, int, str, str]] = Counter()
    changed: list[Judged] = []
    try:
        for one in tqdm(judge_again(store, judges), unit="answer"):
            counts[one.task, one.turn, one.before.status, one.now.status] += 1
            if one.before != one.now:
                changed.append(one)
    finally:
        judges.close()
    rows = [[*key, number] for key, number in sorted(counts.items())]
    click.echo(tabulate(rows, ["task", "turn", "verdict of the run", "now", "answers"], tablefmt="github"))
    for one in changed[:20]:
        click.echo(f"{one.where}, {one.task}, turn {one.turn}: {_told(one.before)}; now {_told(one.now)}")
    others = sum(number for (_, _, before, now), number in counts.items() if before != now)
    click.echo(
        f"{sum(counts.values())} answers judged again: {others} have another verdict, "
        f"{len(changed) - others} the same for another reason"
    )
    if out is not None:
        with out.open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(asdict(one)) + "\n" for one in changed)


def _told(verdict: Verdict) -> str:
    more = verdict.detail or f"answer {verdict.predicted}" + (f" gives {verdict.actual}" if verdict.actual else "")
    return f"{verdict.status} ({more[:120]})"
