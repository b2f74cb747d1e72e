"""Estimates what a run would ask a model and what that would cost, before anything is asked.

Files are counted and so are their prompts, in estimated tokens; collecting is done for it, as it asks nothing. Instances are
counted once the run has made them; before that they are guessed with the yield of the official demo, and the costs after
them are orders of magnitude. It is the whole run that is estimated: what the response cache already holds costs nothing again.
"""

from tabulate import tabulate

from build.core.config import DataRecipe
from build.core.records import RawCode, Usage
from build.core.store import Store
from build.core.tokens import count_tokens
from build.engine import AVAILABLE, Isolation, collect_shards, open_run
from build.teachers.client import cost
from build.unifiers.prompts import label_prompt, unify_prompt

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
    if recipe.filters.reasoning_type:
        rows["type_filter"] = Usage(files, labels, files * 5)
    if recipe.filters.difficulty:
        tries = (round(files * _FUNCTIONS_PER_FILE) + ready) * recipe.filters.difficulty_tries
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
    instances, how = _instances(recipe, store, files, ready)
    first = instances * recipe.teacher.samples
    answer = min(round(recipe.teacher.max_tokens * 0.7), _ANSWER_TOKENS)
    rows["answer"] = Usage(first, first * _PROMPT_TOKENS, first * answer)
    wrong = round(first * _WRONG)
    for turn in range(recipe.revisions):
        told = _PROMPT_TOKENS + (turn + 1) * answer
        rows[f"revise: turn {turn + 2}"] = Usage(wrong, wrong * told, wrong * answer)
        wrong = round(wrong * _STILL_WRONG)
    table = [
        [name, used.requests, used.prompt_tokens, used.completion_tokens, f"{cost(used, recipe.teacher.prices):.4f}"]
        for name, used in [*rows.items(), ("all", _sum(list(rows.values())))]
    ]
    headers = ["stage", "requests", "prompt tokens", "completion tokens", "cost"]
    found = f"{files} files" + (f" and {ready} ready functions" if ready else "")
    return f"{found}, {how}. Nothing was asked.\n\n{tabulate(table, headers, tablefmt='github', disable_numparse=True)}"


def _instances(recipe: DataRecipe, store: Store, files: int, ready: int) -> tuple[int, str]:
    known = store.totals("questions").kept
    if known and store.totals("questions").received == store.totals("difficulty_filter").kept:
        return known, f"{known} instances"
    guessed = (round(files * _FUNCTIONS_PER_FILE) + ready) * 2 * recipe.questions.pairs_per_function
    return guessed, f"about {guessed} instances (0.46 functions a file, as in the official demo)"


def _sum(parts: list[Usage]) -> Usage:
    return Usage(
        sum(part.requests for part in parts),
        sum(part.prompt_tokens for part in parts),
        sum(part.completion_tokens for part in parts),
    )
