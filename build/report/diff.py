"""Compares two runs: which functions, pairs and answers only one of them has, which have changed, and the yields side by side.

python -m build diff RUN1 RUN2

Records are held together by where they come from, since another text gives another id: a function by source, path and name, a
pair by its function and input, an answer by its function, question and sample.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click

from build.core.changes import changes
from build.core.records import Dialogue, PredictionInstance, SampledFunction, digest
from build.core.store import Store
from build.report.summary import StageYield, yields
from build.report.terminal import json_option, open_run_folder, paged, print_json, short, table

_NONE = StageYield("", 0, 0, 0, 0, 0, {})


@dataclass(frozen=True, slots=True)
class Known:
    """What is compared of a record: its id, a digest of its content, and how an answer ended ("" of other records)."""

    id: str
    content: str
    verdict: str = ""


Records = dict[str, Known]  # by where they come from, in words


def records_of(store: Store) -> dict[str, Records]:
    """The functions, pairs and answers of a run that have been through all stages."""
    functions: Records = {}
    pairs: Records = {}
    answers: Records = {}
    for shard in range(store.shards() or 0):
        if store.done("revise", shard) is None:
            continue
        names: dict[str, str] = {}
        for sampled in store.kept(SampledFunction, shard):
            function = sampled.function
            name = _free(functions, f"{function.source}/{function.path}:{function.name}")
            names[function.id] = name
            content = digest(function.code, function.description, function.query, function.generator or "")
            functions[name] = Known(function.id, content)
            for pair in sampled.pairs:
                pairs[f"{name} {pair.input}"] = Known(pair.id, digest(pair.output))
        questions = {
            each.id: f"{names[each.function_id]} {each.task} {each.output if each.task == 'input' else each.input}"
            for each in store.kept(PredictionInstance, shard)
        }
        for dialogue in store.kept(Dialogue, shard):
            sample = dialogue.turns[0].sample
            name = _free(answers, f"{questions[dialogue.instance_id]}{f' sample {sample}' if sample else ''}")
            content = digest(*(turn.response for turn in dialogue.turns))
            answers[name] = Known(dialogue.id, content, dialogue.turns[-1].verdict.status)
    return {"functions": functions, "pairs": pairs, "answers": answers}


def _free(taken: Records, name: str) -> str:
    """The name, numbered where another record has it: some files define a name twice, some questions are asked twice."""
    candidates: Iterator[str] = (f"{name} ({number})" if number > 1 else name for number in range(1, len(taken) + 2))
    return next(each for each in candidates if each not in taken)


@dataclass(frozen=True, slots=True)
class Difference:
    """Records of one kind by where they come from: in one run alone, or in both with other content."""

    same: int
    first_only: list[str]
    second_only: list[str]
    changed: list[str]


def difference(first: Records, second: Records) -> Difference:
    both = first.keys() & second.keys()
    changed = [each for each in first if each in both and first[each].content != second[each].content]
    return Difference(
        len(both) - len(changed),
        [each for each in first if each not in both],
        [each for each in second if each not in both],
        changed,
    )


def verdict_moves(first: Records, second: Records) -> Counter[tuple[str, str]]:
    """How often an answer to the same question ended in another verdict."""
    moves = Counter((first[each].verdict, second[each].verdict) for each in first if each in second)
    return Counter({move: count for move, count in moves.items() if move[0] != move[1]})


@click.command()
@click.argument("first_run", metavar="RUN1", type=click.Path(path_type=Path))
@click.argument("second_run", metavar="RUN2", type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True, help="List this many of each kind.")
@json_option
def diff(first_run: Path, second_run: Path, limit: int, as_json: bool) -> None:
    """Compare two runs: their recipes, yields, functions, pairs and answers."""
    one, two = open_run_folder(first_run), open_run_folder(second_run)
    keys = changes(one.manifest()["recipe"], two.manifest()["recipe"], list(two.stages()))
    first, second = records_of(one), records_of(two)
    found = {kind: difference(first[kind], second[kind]) for kind in first}
    moves = verdict_moves(first["answers"], second["answers"])
    rows = {each.stage: each for each in yields(one)}, {each.stage: each for each in yields(two)}
    stages = list(dict.fromkeys([*rows[0], *rows[1]]))
    if as_json:
        print_json(
            {
                "recipe": [{"key": each.key, "first": each.before, "second": each.now} for each in keys],
                "yield": [[asdict(side.get(stage, _NONE)) for side in rows] for stage in stages],
                "records": {kind: _counts(each) | _listed(each, kind, first, second) for kind, each in found.items()},
                "verdicts": [{"first": a, "second": b, "answers": n} for (a, b), n in moves.most_common()],
            }
        )
        return
    with paged() as console:
        for key in keys:
            console.print(f"recipe: {key}")
        console.print(f"{'' if keys else 'The recipes are the same. '}1 is {first_run}, 2 is {second_run}.\n")
        headers = ["stage", "kept in 1", "kept in 2", "rejected in 1", "rejected in 2", "reasons that differ"]
        console.print(table("Yield", headers, [_sides(stage, rows) for stage in stages]))
        counts = [[kind, *_counts(each).values()] for kind, each in found.items()]
        console.print(table("Records", ["", "the same", "only in 1", "only in 2", "changed"], counts))
        if moves:
            told = [[a, b, count] for (a, b), count in moves.most_common()]
            console.print(table("Verdicts that changed", ["in 1", "in 2", "answers"], told))
        for kind, each in found.items():
            for what, names in (
                ("only in 1", each.first_only),
                ("only in 2", each.second_only),
                ("changed", each.changed),
            ):
                listed = [[_ids(name, kind, first, second), short(name)] for name in names[:limit]]
                if listed:
                    some = f", {len(listed)} of {len(names):,}" if len(listed) < len(names) else ""
                    console.print(table(f"{kind.capitalize()} {what}{some}", ["id", "of"], listed))


def _counts(found: Difference) -> dict[str, int]:
    return {
        "same": found.same,
        "first_only": len(found.first_only),
        "second_only": len(found.second_only),
        "changed": len(found.changed),
    }


def _listed(found: Difference, kind: str, first: dict[str, Records], second: dict[str, Records]) -> dict[str, Any]:
    """The ids of what differs."""

    def of(side: dict[str, Records], names: list[str]) -> list[str]:
        return [side[kind][each].id for each in names]

    return {
        "first_only_ids": of(first, found.first_only),
        "second_only_ids": of(second, found.second_only),
        "changed_ids": [list(pair) for pair in zip(of(first, found.changed), of(second, found.changed))],
    }


def _ids(name: str, kind: str, first: dict[str, Records], second: dict[str, Records]) -> str:
    return " ".join(dict.fromkeys(side[kind][name].id for side in (first, second) if name in side[kind]))


def _sides(stage: str, rows: tuple[dict[str, StageYield], dict[str, StageYield]]) -> list[object]:
    one, two = (side.get(stage, _NONE) for side in rows)
    differing = [each for each in {**one.reasons, **two.reasons} if one.reasons.get(each) != two.reasons.get(each)]
    told = [f"{each} {one.reasons.get(each, 0)} / {two.reasons.get(each, 0)}" for each in islice(differing, 4)]
    return [stage, one.kept, two.kept, one.rejected, two.rejected, ", ".join(told) + (", ..." if differing[4:] else "")]
