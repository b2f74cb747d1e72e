"""Shows what a recipe would make, from its first files, before anything is paid.

python -m build preview --config RECIPE [--limit N]

The whole chain works on a few files in a folder that is thrown away, and each conversation is shown as it comes. Where the
teacher is a model behind an endpoint, nothing is asked: the questions are shown, and what asking would cost.
"""

import math
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from build.core.changes import first_asking
from build.core.config import DataRecipe, EngineConfig, LeaksConfig, read_data_recipe
from build.core.prompts import join_turns, prediction_prompt
from build.core.records import Dialogue, PredictionInstance, SampledFunction, UnifiedFunction
from build.core.store import Store
from build.engine import AVAILABLE, Worker, collect_shards, gather, open_run, unsurveyed
from build.report.estimate import estimate
from build.report.stats import print_yield
from build.report.summary import verdicts, yields
from build.report.terminal import json_option, plain_console, print_json

_SHARD = 4  # files that are shown together; a small shard comes soon

Sample = tuple[UnifiedFunction, PredictionInstance, Dialogue | None]


def small(recipe: DataRecipe, limit: int, folder: Path) -> DataRecipe:
    """The recipe over its first `limit` files, evenly from its sources, in another folder. Benchmarks that would have to come
    from the Hub are left out.
    """
    each = math.ceil(limit / len(recipe.sources))
    sources = tuple(replace(source, limit=min(each, source.limit or each)) for source in recipe.sources)
    leaks = recipe.leaks if recipe.leaks.data or not recipe.leaks.benchmarks else LeaksConfig(own=recipe.leaks.own)
    engine = EngineConfig(workers=1, shard_size=_SHARD)
    return replace(recipe, sources=sources, leaks=leaks, engine=engine, run=folder / "run")


def samples(recipe: DataRecipe, store: Store) -> Iterator[Sample]:
    """A sample of each function as soon as it is there: a question, and the conversation where the teacher may be asked."""
    asks = recipe.teacher.name != "openai"
    worker = Worker(recipe, AVAILABLE, 0, with_model=asks)
    try:
        names = [name for name in worker.stages if asks or name not in _paid(recipe, list(worker.stages))]
        shards = range(store.shards() or 0)
        last = max((place for place, name in enumerate(names) if worker.stages[name].survey), default=0)
        for name in names[1 : last + 1]:  # a survey needs all shards before the first goes on
            for shard in unsurveyed(worker.stages[name], store):
                worker.sketch_shard(name, shard)
            gather(worker.stages[name], store, recipe)
            for shard in shards:
                worker.process_shard(name, shard)
        for shard in shards:
            for name in names[last + 1 :]:
                worker.process_shard(name, shard)
            if "questions" in names:
                yield from _of_shard(store, shard, "revise" in names)
    finally:
        worker.close()


def _paid(recipe: DataRecipe, names: list[str]) -> list[str]:
    """The stages from the first on that asks a model."""
    return names[names.index(first_asking(recipe.content())) :]


def _of_shard(store: Store, shard: int, answered: bool) -> Iterator[Sample]:
    functions = {each.function.id: each.function for each in store.kept(SampledFunction, shard)}
    dialogues = {each.instance_id: each for each in store.kept(Dialogue, shard)} if answered else {}
    shown: set[str] = set()
    for number, instance in enumerate(store.kept(PredictionInstance, shard)):
        task = ("output", "input")[len(shown) % 2]  # both kinds of question in turn
        if instance.function_id not in shown and (instance.task == task or number == 0):
            shown.add(instance.function_id)
            yield functions[instance.function_id], instance, dialogues.get(instance.id)


@click.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="The data recipe, a YAML file.")
@click.option("--limit", type=click.IntRange(min=1), default=8, show_default=True, help="How many files are looked at.")
@json_option
def preview(config: Path, limit: int, as_json: bool) -> None:
    """Show samples of what a recipe makes, from its first files, in seconds. A model that has to be paid is not asked.

    A file is unified with the help of its neighbours, so that a run over all files may take functions which are refused here.
    """
    recipe = read_data_recipe(config)
    console = plain_console()
    with tempfile.TemporaryDirectory() as place:
        part = small(recipe, limit, Path(place))
        store = open_run(part)
        collect_shards(part, store)
        shown: list[dict[str, Any]] = []
        for number, sample in enumerate(samples(part, store), 1):
            if as_json:
                shown.append(_as_data(recipe, sample))
            else:
                _print_sample(console, number, recipe, sample)
        costs = "" if recipe.teacher.name != "openai" else estimate(part)
        if as_json:
            found = {
                "yield": [asdict(row) for row in yields(store)],
                "verdicts": [asdict(row) for row in verdicts(store)],
            }
            print_json({"files": limit, "samples": shown, **found, "estimate": costs})
            return
        print_yield(console, store)
        if part.leaks != recipe.leaks:
            console.print("Benchmarks on the Hub were not looked at; a run does.")
        if costs:
            console.print(f"For these files: {costs}\n\nFor all: python codeio_dataset.py --config {config} --dry-run")


def _as_data(recipe: DataRecipe, sample: Sample) -> dict[str, Any]:
    function, instance, dialogue = sample
    return {
        "function": f"{function.path}:{function.name}",
        "task": instance.task,
        "prompt": prediction_prompt(function, instance, recipe.prompt_order),
        "response": join_turns(dialogue) if dialogue else None,
        "verdicts": [turn.verdict.status for turn in dialogue.turns] if dialogue else [],
    }


def _print_sample(console: Console, number: int, recipe: DataRecipe, sample: Sample) -> None:
    function, instance, dialogue = sample
    console.rule(f"{number}: predict the {instance.task} of {function.path}:{function.name}", align="left")
    console.print(prediction_prompt(function, instance, recipe.prompt_order), soft_wrap=True)
    if dialogue:
        last = dialogue.turns[-1].verdict
        style = "green" if last.correct else "red"
        console.rule(f"response, verdict: {last.status}", align="left", style=style)
        console.print(join_turns(dialogue), soft_wrap=True)
    console.print()
