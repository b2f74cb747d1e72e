"""Stage 2, type_filter: drops files that are not worth a teacher's time (the PyEdu-R source filter of the paper, section 2.1).

A model says what kind of reasoning a file takes; textbook algorithms (the other source is full of them) and files without
reasoning are dropped. The other filter of the paper works on functions: `build.stages.difficulty_filter`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from build.core.chat import LanguageModel, Message, Request, count_usage
from build.core.records import RawCode, Reject
from build.stages.stage import Context, Shard, Stage
from build.unifiers.prompts import REASONING_TYPES, label_prompt

STAGE = "type_filter"

_DROPPED = ("algorithms", "non-reasoning")


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[RawCode | Reject]:
    """Each file, or a reject; every file where the recipe does not ask for this filter."""
    rules = context.recipe.filters
    if context.model is None or not rules.reasoning_type:
        yield from shard.records
    else:
        yield from filter_by_type(shard.records, rules.max_tokens, context.model, stats)


def filter_by_type(
    files: Iterable[RawCode], max_tokens: int, model: LanguageModel, stats: Counter[str]
) -> Iterator[RawCode | Reject]:
    """Each file, or a reject: type_<label>, type_unclear, cut, or why the model gave no answer. Ready functions pass.

    What the model cost, and how often each label came, is added to `stats`.
    """
    files = list(files)
    asked = [raw for raw in files if raw.kind == "python"]
    requests = [Request((Message("user", label_prompt(raw.content)),), 0, max_tokens) for raw in asked]
    answers = dict(zip((raw.id for raw in asked), model.complete(requests)))
    for raw in files:
        answer = answers.get(raw.id)
        if answer is None:
            yield raw
            continue
        count_usage(answer.usage, stats)
        if answer.failure:
            yield Reject(STAGE, raw.id, answer.failure, f"{raw.path} {answer.text}".strip())
            continue
        label = read_label(answer.text)
        stats[f"type_{label or 'unclear'}"] += 1
        if label and label not in _DROPPED:
            yield raw
        elif not label and answer.finish_reason == "length":
            yield Reject(STAGE, raw.id, "cut", f"{raw.path}: raise `filters.max_tokens`")
        else:
            yield Reject(STAGE, raw.id, f"type_{label or 'unclear'}", f"{raw.path}: {answer.text[:80]}")


def read_label(answer: str) -> str:
    """The reasoning type that an answer names last; "" when it names none."""
    best = (-1, "")
    text = answer.lower()
    for label in REASONING_TYPES:
        pattern = rf"(?<![\w-]){re.escape(label).replace('-', '[- ]')}(?![\w-])".replace("\\[- ]", "[- ]")
        for match in re.finditer(pattern, text):
            best = max(best, (match.start(), label))
    return best[1]


stage = Stage(STAGE, RawCode, RawCode, run)
