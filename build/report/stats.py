"""Prints what a run came to: yield, verdicts by source and teacher, lengths, and shares; or the report on its quality.

python -m build stats RUN [--quality]
"""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from build.core.records import Dialogue, PredictionInstance, SampledFunction
from build.core.store import Store
from build.core.tokens import count_tokens
from build.report.quality import quality_of, quality_plot, quality_tables, quantile
from build.report.summary import verdicts, yields
from build.report.terminal import json_option, open_run_folder, paged, print_json, run_argument, share, table
from build.stages.sample import TRIVIAL

_SHARES = (0.1, 0.5, 0.9, 1.0)


@dataclass
class Answers:
    """Conversations about the code of one source with one teacher: how many were right at first, and how many at last."""

    number: int = 0
    right_first: int = 0
    right_last: int = 0
    complete: int = 0
    told: int = 0  # tellings of the trace teacher; those that leave nothing out are complete


@dataclass
class Content:
    """What is counted of a run's records. `lengths`: how often each number of tokens occurs, by what is measured."""

    answers: dict[tuple[str, str, str], Answers] = field(default_factory=lambda: defaultdict(Answers))
    lengths: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    functions: int = 0
    constant: int = 0
    questions: int = 0
    trivial: int = 0


def content_of(store: Store) -> Content:
    """Count the records of a run, shard by shard; of a run that goes on, what has come so far."""
    found = Content()
    for shard in range(store.shards() or 0):
        if store.done("revise", shard) is None:
            continue
        sources = {}
        for sampled in store.kept(SampledFunction, shard):
            found.functions += 1
            found.constant += sampled.constant
            sources[sampled.function.id] = sampled.function.source
            found.lengths["code"][count_tokens(sampled.function.code)] += 1
        instances = {}
        for instance in store.kept(PredictionInstance, shard):
            found.questions += 1
            found.trivial += instance.output in TRIVIAL
            instances[instance.id] = instance
        for dialogue in store.kept(Dialogue, shard):
            instance = instances[dialogue.instance_id]
            first, last = dialogue.turns[0], dialogue.turns[-1]
            answers = found.answers[sources[instance.function_id], first.teacher, instance.task]
            answers.number += 1
            answers.right_first += first.verdict.correct
            answers.right_last += last.verdict.correct
            answers.told += first.complete is not None
            answers.complete += first.complete is True
            found.lengths[f"{instance.task} response"][count_tokens(first.response)] += 1
    return found


def as_data(store: Store, content: Content) -> dict[str, Any]:
    return {
        "run": str(store.root),
        "complete": store.complete(),
        "yield": [asdict(row) for row in yields(store)],
        "verdicts": [asdict(row) for row in verdicts(store)],
        "answers": [
            {"source": source, "teacher": teacher, "task": task, **asdict(answers)}
            for (source, teacher, task), answers in sorted(content.answers.items())
        ],
        "tokens": {
            name: {"number": counts.total(), **{f"{part:.0%}": quantile(counts, part) for part in _SHARES}}
            for name, counts in sorted(content.lengths.items())
        },
        "functions": {"number": content.functions, "constant": content.constant},
        "questions": {"number": content.questions, "trivial_output": content.trivial},
    }


def print_yield(console: Console, store: Store) -> None:
    """The yield and the verdicts of a run."""
    console.print(
        table(
            "Yield",
            ["stage", "received", "kept", "surplus", "rejected", "reasons"],
            [
                [row.stage, row.received, row.kept, row.surplus, row.rejected, _named(row.reasons, 4)]
                for row in yields(store)
            ],
        )
    )
    console.print(
        table(
            "Verdicts",
            ["turn", "task", "answers", "right", "share", "the others"],
            [
                [row.turn, row.task, row.answers, row.right, share(row.right, row.answers), _named(row.others)]
                for row in verdicts(store)
            ],
        )
    )


def _named(counts: dict[str, int], most: int = 10) -> str:
    some = [f"{name} {count}" for name, count in list(counts.items())[:most]]
    return ", ".join([*some, "..."] if len(counts) > most else some)


@click.command()
@run_argument
@click.option(
    "--quality", is_flag=True, help="Doubles, leaks, licenses and difficulty, with a picture in RUN/quality.png."
)
@json_option
def stats(run_folder: Path, quality: bool, as_json: bool) -> None:
    """Print what a run came to: its yield and verdicts, or with --quality its quality."""
    store = open_run_folder(run_folder)
    if quality:
        _print_quality(store, as_json)
        return
    content = content_of(store)
    if as_json:
        print_json(as_data(store, content))
        return
    with paged() as console:
        print_yield(console, store)
        rows = [
            [source, teacher, task, each.number, share(each.right_first, each.number),
             share(each.right_last, each.number), share(each.complete, each.told)]
            for (source, teacher, task), each in sorted(content.answers.items())
        ]  # fmt: skip
        headers = ["source", "teacher", "task", "answers", "right at first", "right at last", "complete tellings"]
        console.print(table("Answers by source and teacher", headers, rows))
        lengths = [
            [name, counts.total(), *(quantile(counts, part) for part in _SHARES)]
            for name, counts in sorted(content.lengths.items())
        ]
        headers = ["of", "number", "10 %", "median", "90 %", "most"]
        console.print(table("Tokens, estimated without a tokenizer", headers, lengths))
        console.print(
            f"{share(content.constant, content.functions) or 'None'} of {content.functions:,} functions are constant (one "
            f"output for all their inputs), {share(content.trivial, content.questions) or 'none'} of {content.questions:,} "
            "questions have a trivial output (true, false, null, 0, empty)."
        )


def _print_quality(store: Store, as_json: bool) -> None:
    found = quality_of(store)
    if as_json:
        data = asdict(found)
        data["leaks"] = [{"benchmark": name, "rule": rule, "functions": n} for (name, rule), n in found.leaks.items()]
        print_json(data)
        return
    print(quality_tables(store, found))
    store.write(store.root / "quality.png", quality_plot(found))
    print(f"\nPicture: {store.root / 'quality.png'}")
