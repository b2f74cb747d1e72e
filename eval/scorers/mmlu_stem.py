"""Asks and scores MMLU-STEM (Hendrycks et al., 2020, arXiv 2009.03300): the 19 STEM subjects of MMLU, four options each.

Data: cais/mmlu, the 19 subject configs below, split test: 3,153 items with anatomy, as in the usual harness's STEM
group (the widely copied file of 18 subjects has 3,018). Row: {"question": ..., "subject": ..., "choices": [4 texts],
"answer": 0..3}.
Metric: accuracy over items. The prompt is ours, in the manner of simple-evals; the answer is read by `eval.scorers.reading`:
the letter, or the option's text.
"""

from collections.abc import Sequence
from typing import Any

from eval.benchmark import Benchmark, Source
from eval.scorers import UNANSWERED, Score, reading
from eval.scorers.choices import choice, concluded_choice

VERSION = 3

SUBJECTS = {
    "abstract_algebra": 100,
    "anatomy": 135,
    "astronomy": 152,
    "college_biology": 144,
    "college_chemistry": 100,
    "college_computer_science": 100,
    "college_mathematics": 100,
    "college_physics": 102,
    "computer_security": 100,
    "conceptual_physics": 235,
    "electrical_engineering": 145,
    "elementary_mathematics": 378,
    "high_school_biology": 310,
    "high_school_chemistry": 203,
    "high_school_computer_science": 100,
    "high_school_mathematics": 270,
    "high_school_physics": 151,
    "high_school_statistics": 216,
    "machine_learning": 112,
}

_PROMPT = """\
{question}

A) {choices[0]}
B) {choices[1]}
C) {choices[2]}
D) {choices[3]}

Think step by step, then end with a line of the form "Answer: X", where X is one of A, B, C and D."""


def prompt(row: dict[str, Any]) -> str:
    return four_choices(row["question"], row["choices"])


def four_choices(question: str, choices: list[str]) -> str:
    """The user turn of a question with four options."""
    return _PROMPT.format(question=question, choices=choices)


def score(row: dict[str, Any], response: str) -> Score:
    return score_letter("ABCD"[row["answer"]], row["choices"], response)


def score_letter(gold: str, choices: Sequence[str], response: str) -> Score:
    """1 when the letter that the response answers, or whose option it names, is `gold`."""
    options = dict(zip("ABCD", map(str, choices)))
    letter = reading.answer(response, choice(options), lambda text: concluded_choice(text, options))
    return UNANSWERED if letter is None else Score(float(letter == gold))


BENCHMARK = Benchmark(
    "mmlu_stem",
    "MMLU-STEM",
    sum(SUBJECTS.values()),
    (Source("cais/mmlu", configs=tuple(SUBJECTS)),),
    ("question", "subject", "choices", "answer"),
    VERSION,
    prompt,
    score,
    "mmlu_stem.jsonl",
    group=lambda row: row["subject"],
    question=lambda row: [row["question"]],
)
