"""WinoGrande (Sakaguchi et al., 2019, arXiv 1907.10641): which of two names fills the blank `_` of a sentence.

Data: allenai/winogrande, config winogrande_xl, split validation, 1,267 items (labels of the test split are hidden).
Row: {"sentence": "... so _ always got the easier cases.", "option1": "Sarah", "option2": "Maria", "answer": "2"}.
Metric: accuracy. The usual harness tasks compare likelihoods; the paper generates, so the prompt, the answer form and
the extraction are ours: the last `Answer: A|B`, else the option that is named last. Options stay in the data's order,
which is balanced.
"""

import re
from typing import Any

from eval.scorers import UNANSWERED, Score
from eval.scorers.extract import answer_lines, choice_letter, tail

VERSION = 2

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
    options = {"1": row["option1"], "2": row["option2"]}
    for answer in answer_lines(response):
        if letter := choice_letter(answer, "AB12ab"):
            return {"A": "1", "B": "2"}.get(letter.upper(), letter)
        named = [number for number, option in options.items() if option.lower() in answer[:200].lower()]
        if len(named) == 1:
            return named[0]
    text = tail(response)
    last = {number: _last_word(text, option) for number, option in options.items()}
    if last["1"] == last["2"]:
        return None
    return max(last, key=lambda number: last[number])


def _last_word(text: str, option: str) -> int:
    """Where the option stands last as words of its own; -1 when it does not."""
    position = -1
    for match in re.finditer(rf"(?<!\w){re.escape(option)}(?!\w)", text, re.IGNORECASE):
        position = match.start()
    return position
