r"""Asks and scores GSM8K (Cobbe et al., 2021, arXiv 2110.14168): grade-school word problems with a whole-number answer.

Data: openai/gsm8k, config main, split test, 1,319 items. Row: {"question": ..., "answer": "... <<2*9=18>>18 ...\n####
18"}.
Metric: accuracy. The answer is read by `eval.scorers.reading`; without any statement, the last number of the response
counts, as it does in the graded solutions that were published with the data. Compared as fractions: 18 equals 18.00.
"""

from fractions import Fraction
from typing import Any

from eval.benchmark import Benchmark, Source
from eval.scorers import UNANSWERED, Score, reading
from eval.scorers.numbers import last_number, number

VERSION = 3

_PROMPT = """\
{question}

Think step by step, then end with a line of the form "Answer: N", where N is a number without units."""


def prompt(row: dict[str, Any]) -> str:
    return _PROMPT.format_map(row)


def score(row: dict[str, Any], response: str) -> Score:
    gold = last_number(row["answer"].rsplit("####", 1)[-1])
    found = extract(response)
    if found is None:
        return UNANSWERED
    return Score(float(found == gold))


def extract(response: str) -> Fraction | None:
    """The response's answer."""
    return reading.answer(response, number, last_number)


BENCHMARK = Benchmark(
    "gsm8k",
    "GSM8K",
    1319,
    (Source("openai/gsm8k", configs=("main",)),),
    ("question", "answer"),
    VERSION,
    prompt,
    score,
    "gsm8k.jsonl",
    question=lambda row: [row["question"]],
)
