"""What a run amounts to, for people: the yield table, one sample, and the dataset card with its picture.

Every figure is counted from the run's own files at the time of writing; nothing here is typed in by hand.
"""

import hashlib
import io
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
import yaml
from tabulate import tabulate

from build.core.config import DataRecipe
from build.core.prompts import PROMPT_VERSION, join_turns, prediction_prompt
from build.core.records import Dialogue, PredictionInstance, SampledFunction, UnifiedFunction, Usage
from build.core.store import Store
from build.core.tokens import count_tokens
from build.stages.assemble import CONFIGS, SPLITS
from build.teachers.client import cost

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_CONFIG_WORDS = {
    "codeio": "prompt -> first response, right or wrong (stage 1 of the paper)",
    "codeio_pp": "prompt -> first response, check, second response, check, as one text (CODEI/O++)",
    "turns": "the official five fields",
    "functions": "the official raw schema and the input generator; values as JSON text",
    "rl": "prompt, code and pair: what a verifier needs",
}


def yield_table(store: Store) -> str:
    """A row a stage: parents received, the units they came to, kept, rejected, and the commonest reasons."""
    table = []
    for stage in store.stages():
        total = store.totals(stage)
        reasons = sorted(total.rejects.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{reason} {count}" for reason, count in reasons[:4]) + (", ..." if len(reasons) > 4 else "")
        table.append([stage, total.received, total.units, total.kept, sum(total.rejects.values()), shown])
    headers = ["stage", "received", "units", "kept", "rejected", "reasons"]
    return tabulate(table, headers, tablefmt="github")


def verdict_table(store: Store) -> str:
    """Verdicts by task and turn, with the share that is right."""
    table = []
    for turn, stage, mark in ((1, "answer", ""), (2, "revise", ""), (3, "revise", "third_")):
        stats = store.totals(stage).stats
        for task in ("output", "input"):
            counts = {
                name.removeprefix(f"{mark}{task}_"): count
                for name, count in stats.items()
                if name.startswith(f"{mark}{task}_") and count
            }
            total = sum(counts.values())
            if total:
                right = counts.get("correct", 0)
                others = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if name != "correct")
                table.append([turn, task, total, right, f"{right / total:.1%}", others])
    return tabulate(table, ["turn", "task", "answers", "right", "share", "the others"], tablefmt="github")


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
    if recorded := recorded_table(store):
        print(f"Recorded pairs of ready functions, executed again\n\n{recorded}\n")
    if asked := cost_table(recipe, store):
        print(f"{asked}\n")
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


def write_card(recipe: DataRecipe, store: Store, folder: Path, examples: dict[str, dict[str, int]]) -> None:
    """README.md with the YAML that `load_dataset` needs, and lengths.png, into a dataset folder.

    `examples`: the number of rows by config and split.
    """
    tokens = _lengths(store)
    store.write(folder / "lengths.png", _histogram(tokens))
    header = {
        "license": "other",
        "task_categories": ["text-generation"],
        "language": ["en"],
        "tags": ["code", "reasoning", "codeio"],
        "configs": [_config_entry(name, examples[name], folder) for name in CONFIGS],
    }
    front = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    store.write(folder / "README.md", f"---\n{front}---\n{_card_text(recipe, store, examples, tokens)}")


def dataset_faults(folder: Path) -> list[str]:
    """What a dataset folder has else than its card says, a sentence per config."""
    try:
        _, front, _ = (folder / "README.md").read_text("utf-8").split("---\n", 2)
        entries = yaml.safe_load(front)["configs"]
        named = {entry["config_name"]: {file["split"]: 1 for file in entry["data_files"]} for entry in entries}
        real = [_config_entry(name, splits, folder) for name, splits in named.items()]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return [f"{folder}: its card is missing or damaged"]
    return [
        f"{folder / entry['config_name']}: its files are not those that the card names"
        for entry, found in zip(entries, real)
        if entry != found
    ]


def _config_entry(name: str, splits: dict[str, int], folder: Path) -> dict[str, Any]:
    """A config's entry in the YAML. `load_dataset` caches a local folder by its last name and these entries, and looks at no
    file: without a digest of the content here, RUN_A/dataset would be given for RUN_B/dataset.
    """
    content = hashlib.sha256()
    for file in sorted((folder / name).glob("*.parquet")):
        with file.open("rb") as opened:
            content.update(hashlib.file_digest(opened, "sha256").digest())
    files = [{"split": split, "path": f"{name}/*-{split}*.parquet"} for split in SPLITS if splits.get(split)]
    entry = {"config_name": name, "description": f"content {content.hexdigest()[:20]}", "data_files": files}
    return entry | ({"default": True} if name == "codeio_pp" else {})


def _card_text(
    recipe: DataRecipe, store: Store, examples: dict[str, dict[str, int]], tokens: dict[str, list[int]]
) -> str:
    sources: Counter[tuple[str, str]] = Counter()
    for shard in range(store.shards() or 0):
        sources.update((record.function.source, record.function.license) for record in _functions(store, shard))
    provenance = tabulate(
        [[source, license, count] for (source, license), count in sorted(sources.items())],
        ["source", "license", "functions"],
        tablefmt="github",
    )
    configs = tabulate(
        [[f"`{name}`", *(examples[name].get(split, 0) for split in SPLITS), _CONFIG_WORDS[name]] for name in CONFIGS],
        ["config", *SPLITS, "what a row is"],
        tablefmt="github",
    )
    lengths = tabulate(
        [[name, len(found), median(found), max(found)] for name, found in tokens.items() if found],
        ["first responses", "number", "median tokens", "longest"],
        tablefmt="github",
    )
    sampled = store.totals("questions").stats
    return f"""
# {recipe.name}

Reasoning data made from ordinary Python code by the method of CodeI/O (Li et al., ICML 2025): a function and its executed
inputs and outputs become questions, a teacher answers them in words, and execution judges every answer. Teacher:
`{recipe.teacher.name}`{f" ({recipe.teacher.model})" if recipe.teacher.model else ""}. Prompts: version {PROMPT_VERSION}.

{configs}

Train and test share no function. All responses are kept, right or wrong; the verdict columns, `correct` (the last response of a
config) and `pass_rate` (of all first responses to a question) let you filter. Values are canonical JSON text.

## Provenance

{provenance}

Each row names the source, path and license of the file that its function comes from. The code keeps its license; the texts
around it were made by this pipeline.

## Yield

{yield_table(store)}

`units` is what the received records came to (a file may hold several functions); units = kept + rejected in every row.
Pairs: {sampled.get("pairs", 0)}, each executed twice, in two processes that differ in hash seed, random seeds and clock.
Functions with one output for all their inputs: {sampled.get("constant_functions", 0)} (column `constant`).

## Verdicts

{verdict_table(store)}

{cost_table(recipe, store)}

## Lengths

{lengths}

![Tokens of the first responses](lengths.png)

Tokens are estimated without a tokenizer (`build.core.tokens`).

## Limits

- A pair says what this code does, not what its author meant.
- Inputs are drawn by generators, so they are small and often artificial.
- A function that behaves the same in both processes is believed to be deterministic; rarer dependence can stay unseen.
- Code that hides what it does from the sandbox's own process can forge a consistent pair; nothing else is at risk.
{_teacher_limits(recipe)}"""


def _teacher_limits(recipe: DataRecipe) -> str:
    if recipe.teacher.name != "trace":
        return ""
    return (
        "- The trace teacher tells what was executed. Its output answers are right by construction; its input answers come\n"
        "  from a short search, so many first ones are wrong, and say so.\n"
    )


def _functions(store: Store, shard: int) -> Iterator[SampledFunction]:
    return store.kept(SampledFunction, shard)


def _lengths(store: Store) -> dict[str, list[int]]:
    """Estimated tokens of the first responses, by task."""
    tokens: dict[str, list[int]] = {"output": [], "input": []}
    for shard in range(store.shards() or 0):
        tasks = {record.id: record.task for record in store.kept(PredictionInstance, shard)}
        for dialogue in store.kept(Dialogue, shard):
            tokens[tasks[dialogue.instance_id]].append(count_tokens(dialogue.turns[0].response))
    return tokens


def _histogram(tokens: dict[str, list[int]]) -> bytes:
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    longest = max((max(found) for found in tokens.values() if found), default=1)
    axes.hist(
        list(tokens.values()),
        bins=range(0, longest + 20, max(longest // 25, 1)),
        label=[f"{task} prediction" for task in tokens],
    )
    axes.set_xlabel("tokens of the first response (estimated)")
    axes.set_ylabel("instances")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()


def _sample(store: Store, recipe: DataRecipe) -> tuple[UnifiedFunction, PredictionInstance, Dialogue] | None:
    """One conversation, the same for the same run: a revised one that ended well if the shard drawn has one."""
    shards = [(shard, list(store.kept(Dialogue, shard))) for shard in range(store.shards() or 0)]
    filled = [each for each in shards if each[1]]
    if not filled:
        return None
    shard, dialogues = random.Random(recipe.digest()).choice(filled)
    good = [each for each in dialogues if len(each.turns) > 1 and each.turns[-1].verdict.correct]
    dialogue = (good or dialogues)[0]
    instance = next(each for each in store.kept(PredictionInstance, shard) if each.id == dialogue.instance_id)
    function = next(each.function for each in _functions(store, shard) if each.function.id == instance.function_id)
    return function, instance, dialogue
