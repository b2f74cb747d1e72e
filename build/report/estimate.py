"""Estimates what a run would ask a model and what that would cost, before anything is asked.

The stages that ask nothing are run for it, as far as they come before the first one that asks, on up to 500 files that are
spread over the run (up to the search for doubles: on all files); the run goes on from there later. So questions and prompts are
counted, or projected from these files.
Where a model has to write the functions first, they are guessed with the yield of the official demo, and the costs after them
are orders of magnitude. It is the whole run that is estimated: what the response cache already holds costs nothing again.
"""

from dataclasses import dataclass
from itertools import takewhile

from tabulate import tabulate

from build.core.changes import first_asking
from build.core.config import DataRecipe
from build.core.prompts import prediction_prompt
from build.core.records import PredictionInstance, RawCode, SampledFunction, Usage
from build.core.store import Counts, Store
from build.core.tokens import count_tokens
from build.engine import AVAILABLE, Isolation, collect_shards, open_run, run_stages
from build.stages import STAGES, stages_of
from build.stages.questions import questions_about
from build.teachers.client import cost
from build.unifiers.prompts import label_prompt, unify_prompt

_LOOKED_AT = 500  # files that the stages which ask nothing are run on
_FUNCTIONS_PER_FILE = 0.46  # official demo: 464 functions of 1,000 files
_PROMPT_TOKENS = 700  # of a prediction prompt
_ANSWER_TOKENS = 600  # of a rationale; our guess
_UNIFIED_TOKENS = 900  # of four sections; our guess
_GENERATOR_TOKENS = 300  # of an input generator; our guess
_WRONG = 0.5  # paper, appendix D
_STILL_WRONG = 0.87
_REPAIRED_SHARE = 0.3  # of the files whose first answer needs the repair turn; our guess


def estimate(recipe: DataRecipe, isolation: Isolation = AVAILABLE) -> str:
    """A table of requests, tokens and cost by stage. Collects the sources if that has not been done yet."""
    if not recipe.teacher.is_model:
        return f"The teacher `{recipe.teacher.name}` is no model: nothing is asked and nothing is to be paid."
    store = open_run(recipe, isolation)
    collect_shards(recipe, store, isolation)
    rows = {}
    files = ready = prompt = labels = generators = 0
    for shard in range(store.shards() or 0):
        for raw in store.read("collect", shard, RawCode):
            if raw.kind == "unified":
                ready += 1
                generators += count_tokens(raw.content)
                continue
            files += 1
            prompt += count_tokens(unify_prompt(raw.content, recipe.unify.structured))
            labels += count_tokens(label_prompt(raw.content))
    questions = _questions(recipe, store, isolation, files, ready)
    if recipe.filters.reasoning_type:
        rows["type_filter"] = Usage(files, labels, files * 5)
    if recipe.filters.difficulty:
        tries = questions.functions * recipe.filters.difficulty_tries
        rows["difficulty_filter"] = Usage(tries, tries * _PROMPT_TOKENS, tries * 200)
    if recipe.unify.by == "model":
        each = min(_UNIFIED_TOKENS, recipe.unify.max_tokens)
        written = files * each
        rows["unify"] = Usage(files, prompt, written)
        if recipe.unify.repair:
            again = round(files * _REPAIRED_SHARE)
            rows["unify: repair"] = Usage(again, round((prompt + written) * _REPAIRED_SHARE), again * each)
    if recipe.unify.write_generators and ready:
        rows["unify: generators"] = Usage(ready, generators, ready * _GENERATOR_TOKENS)
    first = questions.number * recipe.teacher.samples
    answer = min(round(recipe.teacher.max_tokens * 0.7), _ANSWER_TOKENS)
    rows["answer"] = Usage(first, first * questions.prompt_tokens, first * answer)
    wrong = round(first * _WRONG)
    for turn in range(recipe.revisions):
        told = questions.prompt_tokens + (turn + 1) * answer
        rows[f"revise: turn {turn + 2}"] = Usage(wrong, wrong * told, wrong * answer)
        wrong = round(wrong * _STILL_WRONG)
    table = [
        [name, used.requests, used.prompt_tokens, used.completion_tokens, f"{cost(used, recipe.teacher.prices):.4f}"]
        for name, used in [*rows.items(), ("all", _sum(list(rows.values())))]
    ]
    headers = ["stage", "requests", "prompt tokens", "completion tokens", "cost"]
    found = f"{files} files" + (f" and {ready} ready functions" if ready else "")
    shown = tabulate(table, headers, tablefmt="github", disable_numparse=True)
    return f"{found}, {questions.told}. Nothing was asked.\n\n{shown}"


@dataclass(frozen=True, slots=True)
class _Questions:
    """How many functions and questions a run comes to, the mean tokens of a question, and where that is known from."""

    functions: int
    number: int
    prompt_tokens: int
    told: str


def _questions(recipe: DataRecipe, store: Store, isolation: Isolation, files: int, ready: int) -> _Questions:
    static = _static_stages(recipe)
    if "sample" not in static:
        functions = round(files * _FUNCTIONS_PER_FILE) + ready
        number = functions * 2 * recipe.questions.pairs_per_function
        told = f"about {number} questions (0.46 functions a file, as in the official demo)"
        return _Questions(functions, number, _PROMPT_TOKENS, told)
    count = store.shards() or 0
    wanted = min(count, max(1, _LOOKED_AT // recipe.engine.shard_size))
    shards = [number * count // wanted for number in range(wanted)]
    sampled = [each for each in run_stages(recipe, static, shards, isolation) if isinstance(each, SampledFunction)]
    functions, number, tokens = len(sampled), 0, 0
    texts = {record.function.id: record.function for record in sampled}
    for made in questions_about(sampled, recipe.questions, recipe.seed):
        if isinstance(made, PredictionInstance):
            number += 1
            tokens += count_tokens(prediction_prompt(texts[made.function_id], made, recipe.prompt_order))
    mean = round(tokens / number) if number else 0
    if wanted == count:
        before = " before the difficulty filter" if recipe.filters.difficulty else ""
        return _Questions(functions, number, mean, f"{functions} functions, {number} questions{before}")
    looked = sum((store.done("collect", shard) or Counts()).kept for shard in shards)
    scale = (files + ready) / max(looked, 1)
    number = round(number * scale)
    return _Questions(
        round(functions * scale), number, mean, f"about {number} questions (projected from {looked} files)"
    )


def _static_stages(recipe: DataRecipe) -> list[str]:
    """The stages that functions come from, as far as they are before every one which asks a model, or which may."""
    known = {stage.name for stage in STAGES}
    asks = first_asking(recipe.content())
    names = [stage.name for stage in stages_of(recipe)]
    return list(takewhile(lambda name: name in known and name not in (asks, "questions"), names[1:]))


def _sum(parts: list[Usage]) -> Usage:
    return Usage(
        sum(part.requests for part in parts),
        sum(part.prompt_tokens for part in parts),
        sum(part.completion_tokens for part in parts),
    )
