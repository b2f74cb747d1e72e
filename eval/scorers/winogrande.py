"""Asks and scores WinoGrande (Sakaguchi et al., 2019, arXiv 1907.10641): which of two names fills the blank `_` of a sentence.

Data: allenai/winogrande, config winogrande_xl, split validation, 1,267 items (labels of the test split are hidden).
Row: {"sentence": "... so _ always got the easier cases.", "option1": "Sarah", "option2": "Maria", "answer": "2"}.
Metric: accuracy. The usual harness tasks compare likelihoods; the paper generates, so the prompt and the
answer's form are ours. The answer is read by `eval.scorers.reading`: the letter or the option's text; without any
statement, the option that the last line names last. Options stay in the data's order, which is balanced.
"""

import re
from typing import Any

from eval.benchmark import Benchmark, Source
from eval.scorers import UNANSWERED, Score, reading
from eval.scorers.choices import choice, last_named
from eval.scorers.dress import bare

VERSION = 3

_PROMPT = """\
One of two options belongs in the place of the underscore in this sentence. Which one makes it sensible?

{sentence}

A) {option1}
B) {option2}

Think step by step, then end with a line of the form "Answer: X", where X is A or B."""


def prompt(row: dict[str, Any]) -> str:
    return _PROMPT.format_map(row)


def score(row: dict[str, Any], response: str) -> Score:
    chosen = _extract(row, response)
    if chosen is None:
        return UNANSWERED
    return Score(float(chosen == row["answer"]))


def _extract(row: dict[str, Any], response: str) -> str | None:
    """ "1" or "2", or None."""
    options = {"A": str(row["option1"]), "B": str(row["option2"])}
    named = choice(options)

    def read(statement: reading.Statement) -> str | None:
        if digit := re.fullmatch(r"(?:option |choice |number )?\(?([12])\)?\.?", bare(statement.text), re.IGNORECASE):
            return "AB"[int(digit[1]) - 1]
        return named(statement)

    letter = reading.answer(response, read, lambda text: last_named(text, options))
    return None if letter is None else str("AB".index(letter) + 1)


BENCHMARK = Benchmark(
    "winogrande",
    "WinoGrande",
    1267,
    (Source("allenai/winogrande", "validation", ("winogrande_xl",)),),
    ("sentence", "option1", "option2", "answer"),
    VERSION,
    prompt,
    score,
    "winogrande.jsonl",
    question=lambda row: [row["sentence"]],
)
