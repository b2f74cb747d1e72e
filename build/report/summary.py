"""Makes the tables of a run for the terminal and the card: the yield, the verdicts, the costs, and one sample.

Every figure is counted from the run's own files at the time of writing; nothing here is typed in by hand.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from build.core.config import DataRecipe
from build.core.prompts import join_turns, prediction_prompt
from build.core.records import SURPLUS, Dialogue, PredictionInstance, SampledFunction, UnifiedFunction, Usage
from build.core.store import Store
from build.stages.answer import STAGE as ANSWER
from build.stages.answer import shortfall
from build.teachers.client import cost


@dataclass(frozen=True, slots=True)
class StageYield:
    """What a stage did with what it received; `reasons` are those of its rejects but the surplus, the commonest first."""

    stage: str
    received: int
    units: int
    kept: int
    surplus: int
    rejected: int
    reasons: dict[str, int]


def yields(store: Store) -> list[StageYield]:
    """A row a stage."""
    rows = []
    for stage in store.stages():
        total = store.totals(stage)
        found = sorted(total.rejects.items(), key=lambda item: (-item[1], item[0]))
        reasons = {reason: count for reason, count in found if reason != SURPLUS}
        rows.append(StageYield(stage, total.received, total.units, total.kept, total.surplus, total.rejected, reasons))
    return rows


def yield_table(store: Store) -> str:
    """A row a stage: parents received, the units they came to, kept, sound but not needed, rejected, and the commonest
    reasons."""
    table = []
    for row in yields(store):
        named = [f"{reason} {count}" for reason, count in row.reasons.items()]
        shown = ", ".join(named[:4]) + (", ..." if len(named) > 4 else "")
        table.append([row.stage, row.received, row.units, row.kept, row.surplus, row.rejected, shown])
    headers = ["stage", "received", "units", "kept", "surplus", "rejected", "reasons"]
    return tabulate(table, headers, tablefmt="github")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts on the answers of one turn to one kind of question."""

    turn: int
    task: str
    answers: int
    right: int
    others: dict[str, int]


def verdicts(store: Store) -> list[Verdicts]:
    """A row a turn and task that has answers."""
    rows = []
    for turn, stage, mark in ((1, "answer", ""), (2, "revise", ""), (3, "revise", "third_")):
        stats = store.totals(stage).stats
        for task in ("output", "input"):
            counts = {
                name.removeprefix(f"{mark}{task}_"): count
                for name, count in sorted(stats.items())
                if name.startswith(f"{mark}{task}_") and count and "_told" not in name
            }
            if total := sum(counts.values()):
                rows.append(Verdicts(turn, task, total, counts.pop("correct", 0), counts))
    return rows


def verdict_table(store: Store) -> str:
    """Verdicts by task and turn, with the share that is right."""
    table = [
        [
            row.turn,
            row.task,
            row.answers,
            row.right,
            f"{row.right / row.answers:.1%}",
            ", ".join(f"{name} {count}" for name, count in row.others.items()),
        ]
        for row in verdicts(store)
    ]
    return tabulate(table, ["turn", "task", "answers", "right", "share", "the others"], tablefmt="github")


def telling_table(store: Store) -> str:
    """How many of the told runs are told completely, by turn and task; "" where the teacher is a model."""
    table = []
    for turn, stage in ((1, "answer"), (2, "revise")):
        stats = store.totals(stage).stats
        for task in ("output", "input"):
            told = stats.get(f"{task}_told", 0)
            if told:
                whole = stats.get(f"{task}_told_completely", 0)
                table.append([turn, task, told, whole, f"{whole / told:.1%}"])
    return tabulate(table, ["turn", "task", "told", "complete", "share"], tablefmt="github") if table else ""


def pairs_table(store: Store) -> str:
    """How good the sampled pairs are as questions, and how the types of parameters were found; "" where there are none."""
    total = store.totals("sample")
    stats = total.stats
    pairs = stats.get("pairs", 0)
    if not pairs:
        return ""
    coverage = _numbers(stats, "coverage_")
    rows: list[list[Any]] = [
        ["functions", total.kept],
        ["pairs", pairs],
        ["branches that a function's pairs take, median", f"{median(coverage):.0f} %" if coverage else "not measured"],
        ["different outputs of a function, median", f"{median(_numbers(stats, 'outputs_')):g}"],
        ["functions with one output for all their inputs", _share(stats.get("constant", 0), total.kept)],
        ["pairs with a trivial output (true, false, null, 0, empty)", _share(stats.get("trivial", 0), pairs)],
        ["pairs that end in an early return or a handler", _share(stats.get("early", 0), pairs)],
    ]
    for name, told in _TYPES_WORDS.items():
        if stats.get(f"types_{name}"):
            rows.append([f"functions with types {told}", stats[f"types_{name}"]])
    return tabulate(rows, ["of the sampled functions and pairs", ""], tablefmt="github", disable_numparse=True)


def _numbers(stats: Mapping[str, int], prefix: str) -> list[int]:
    """The numbers that were counted under a prefix, each as often as it was."""
    return [
        int(name.removeprefix(prefix)) for name, count in stats.items() if name.startswith(prefix) for _ in range(count)
    ]


_TYPES_WORDS = {
    "annotated": "from annotations (`annotated`)",
    "call_site": "from values that calls pass (`call_site`)",
    "inferred": "from the code and its documentation (`inferred`)",
    "trial": "by trial runs (`trial`)",
}


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.1%})"


_RECORDED_WORDS = {
    "ok": "reproduce",
    "unstable": "two runs disagree: chance, time or hash order",
    "differs": "two runs agree, the record does not: noted after the call changed its input, leaked state, rounding",
    "not_data": "the record is no data: an infinity, NaN, or an input that is no object of arguments",
    "exception": "the call fails",
    "load_error": "the code does not load, most often for want of a module",
    "timeout": "the call does not end in its CPU time",
    "memory": "the call needs more memory than allowed",
    "killed": "the process was ended",
    "none_output": "the output is None",
    "too_large": "the input or the output is over the paper's size rule",
}


def recorded_table(store: Store) -> str:
    """What became of the pairs that ready functions brought along, by class; empty where there were none."""
    stats = store.totals("sample").stats
    found = {name.removeprefix("recorded_"): count for name, count in stats.items() if name.startswith("recorded_")}
    total = sum(found.values())
    ordered = sorted(found.items(), key=lambda item: -item[1])
    table = [[name, count, f"{count / total:.1%}", _RECORDED_WORDS.get(name, "")] for name, count in ordered]
    return tabulate(table, ["class", "pairs", "share", "meaning"], tablefmt="github") if found else ""


def cost_table(recipe: DataRecipe, store: Store) -> str:
    """What the model was asked at each stage, and what that costs by the recipe's prices; "" without a model."""
    table = []
    for stage in store.stages():
        found = store.totals(stage).stats
        spent = Usage(*(found.get(name, 0) for name in ("requests", "prompt_tokens", "completion_tokens")))
        if spent.requests:
            costs = f"{cost(spent, recipe.teacher.prices):.4f}"
            table.append([stage, spent.requests, spent.prompt_tokens, spent.completion_tokens, costs])
    headers = ["stage", "requests", "prompt tokens", "completion tokens", "cost"]
    return tabulate(table, headers, tablefmt="github") if table else ""


def print_summary(recipe: DataRecipe, store: Store, folder: Path) -> None:
    """The yield table, the verdicts, one sample, and the line that loads the dataset."""
    print(f"\nYield of {recipe.name} ({recipe.run})\n\n{yield_table(store)}\n\n{verdict_table(store)}\n")
    if pairs := pairs_table(store):
        print(f"{pairs}\n")
    if told := telling_table(store):
        print(f"Rationales that tell their run without leaving a step out\n\n{told}\n")
    if recorded := recorded_table(store):
        print(f"Recorded pairs of ready functions, executed again\n\n{recorded}\n")
    if asked := cost_table(recipe, store):
        print(f"{asked}\n")
    if sentence := shortfall(store.totals(ANSWER)):
        print(f"Warning: {sentence}.\n")
    sample = _sample(store, recipe)
    if sample is None:
        print("No instance came of it: the reasons above say where everything went.")
        return
    function, instance, dialogue = sample
    print("One sample\n" + "-" * 10)
    print(prediction_prompt(function, instance, recipe.prompt_order))
    print(f"\n{'-' * 10} response (CODEI/O++), verdict: {dialogue.turns[-1].verdict.status}\n")
    print(join_turns(dialogue))
    if not folder.exists():
        print("\nNo dataset is written yet: `python codeio_dataset.py --config` with the same recipe does it.")
        return
    print(f"\nLoad it:\n\n    from datasets import load_dataset\n    data = load_dataset({str(folder)!r}, 'codeio_pp')")


def _sample(store: Store, recipe: DataRecipe) -> tuple[UnifiedFunction, PredictionInstance, Dialogue] | None:
    """One conversation, the same for the same run: a revised one that ended well if the shard drawn has one, else a right one.

    Only this shard is read: a run can hold more than fits into memory.
    """
    filled = [shard for shard in range(store.shards() or 0) if (done := store.done("revise", shard)) and done.kept]
    if not filled:
        return None
    shard = random.Random(recipe.digest()).choice(filled)
    dialogue = max(
        store.kept(Dialogue, shard), key=lambda each: len(each.turns) if each.turns[-1].verdict.correct else 0
    )  # the first of several
    instance = next(each for each in store.kept(PredictionInstance, shard) if each.id == dialogue.instance_id)
    functions = (each.function for each in store.kept(SampledFunction, shard))
    return next(each for each in functions if each.id == instance.function_id), instance, dialogue
