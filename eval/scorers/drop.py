"""Asks and scores DROP (Dua et al., 2019, arXiv 1903.00161): reading a passage and counting, adding, sorting over it.

Data: EleutherAI/drop, split validation, 9,536 items (ucinlp/drop is said to have one fewer).
Row: {"query_id", "passage", "question", "answer": A, "validated_answers": {"number": [...], "date": [...], "spans":
[[...]]}} with A = {"number": "", "date": {"day", "month", "year"}, "spans": [...]}.
Metric: F1 over bags of words, and exact match beside it; the best over the answer and the validated answers. The rule
is the data set authors' (AllenNLP, drop_eval.py): a span is lowered, split at blanks and hyphens, rid of punctuation
unless a token is a number, numbers become str(float), articles go; bags are aligned one to one for the largest sum; a
gold bag with numbers scores 0 against a bag that shares none; the mean is over the larger number of bags, rounded to
two digits.
Several passages' questions share a passage: standard errors are clustered by the passage.
The prompt is ours; the answer is read by `eval.scorers.reading`, as one span or as several.
"""

import re
import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from build.core.records import digest
from eval.benchmark import Benchmark, Source
from eval.scorers import UNANSWERED, Score, reading
from eval.scorers.texts import concluded_phrase, spans

VERSION = 2

# An answer is a few words; a bound on spans and characters keeps the alignment small whatever the response says.
_MAX_SPANS, _MAX_CHARS = 50, 2000
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

_PROMPT = """\
Read the passage and answer the question about it.

{passage}

Question: {question}

Think step by step, then end with a line of the form "Answer: ...", with the answer alone and as short as possible: a number, a
date or words from the passage. If the answer has several separate parts, write them as a JSON list of strings."""


def prompt(row: dict[str, Any]) -> str:
    return _PROMPT.format_map(row)


def score(row: dict[str, Any], response: str) -> Score:
    predicted = reading.answer(response, spans(row["passage"]), concluded_phrase)
    if predicted is None:
        return UNANSWERED
    predicted = [part[:_MAX_CHARS] for part in predicted[:_MAX_SPANS]]
    best_f1, best_em = 0.0, 0.0
    for gold in gold_answers(row):
        exact, f1 = metrics(predicted, gold)
        if gold[0].strip():
            best_f1, best_em = max(best_f1, f1), max(best_em, exact)
    return Score(best_f1, other={"em": best_em})


def gold_answers(row: dict[str, Any]) -> list[tuple[str, ...]]:
    """The distinct accepted answers of a row, each a tuple of spans."""
    validated = row["validated_answers"]
    candidates = [row["answer"]]
    candidates += [
        {"number": number, "date": date, "spans": spans}
        for number, date, spans in zip(validated["number"], validated["date"], validated["spans"])
    ]
    answers = []
    for candidate in candidates:
        if candidate["number"] != "":
            answer: tuple[str, ...] = (str(candidate["number"]),)
        elif candidate["spans"]:
            answer = tuple(candidate["spans"])
        else:
            answer = (" ".join(candidate["date"][part] for part in ("day", "month", "year")).strip(),)
        if answer not in answers:
            answers.append(answer)
    return answers


def metrics(predicted: Sequence[str], gold: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of two answers, each a sequence of spans."""
    predicted_spans = [_normalise(span) for span in predicted]
    gold_spans = [_normalise(span) for span in gold]
    exact = set(predicted_spans) == set(gold_spans) and len(predicted_spans) == len(gold_spans)
    predicted_bags = [set(span.split()) for span in predicted_spans]
    gold_bags = [set(span.split()) for span in gold_spans]
    table = np.array([[_bag_f1(guess, wanted) for guess in predicted_bags] for wanted in gold_bags])
    rows, columns = linear_sum_assignment(table, maximize=True)
    best = np.zeros(max(len(gold_bags), len(predicted_bags)))
    best[rows] = table[rows, columns]
    return float(exact), float(np.round(best.mean(), 2))  # numpy's rounding, as in the reference: 0.325 gives 0.32


def _bag_f1(predicted: set[str], gold: set[str]) -> float:
    numbers = {word for word in gold if _is_number(word)}
    if numbers and not numbers & predicted:
        return 0.0
    shared = len(predicted & gold)
    precision = shared / len(predicted) if predicted else 1.0
    recall = shared / len(gold) if gold else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _normalise(span: str) -> str:
    tokens = []
    for token in re.split("[ -]", span.lower()):
        if not _is_number(token):
            token = token.translate(_PUNCTUATION)
        if _is_number(token):
            token = str(float(token))
        tokens += _ARTICLES.sub(" ", token).split()
    return " ".join(tokens)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


BENCHMARK = Benchmark(
    "drop",
    "DROP",
    9536,
    (Source("EleutherAI/drop", "validation"),),
    ("passage", "question", "answer", "validated_answers"),
    VERSION,
    prompt,
    score,
    "drop.jsonl",
    group=lambda row: digest(row["passage"]),
    combine="clusters",
    question=lambda row: [row["passage"], row["question"]],
)
