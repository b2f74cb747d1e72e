"""Asks and scores GPQA (Rein et al., 2023, arXiv 2311.12022): graduate-level questions in the sciences, four options.

Data: Idavidrein/gpqa, config gpqa_main, split train, 448 items; gated: accept its terms on the Hub and set HF_TOKEN.
Its authors ask that no item be published in clear, so rows of it never appear in this repository or in a fixture.
Row: {"Record ID", "Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3",
...}.
Metric: accuracy; chance is 25 %. The order of the options is drawn once for an item, from the SHA-256 of its record
id, so it is the same in every run and on every machine. Prompt and reading as in MMLU-STEM.
"""

import hashlib
import random
from typing import Any

from eval.benchmark import GATED, Benchmark, Source
from eval.scorers import Score
from eval.scorers.mmlu_stem import four_choices, score_letter

VERSION = 3


def prompt(row: dict[str, Any]) -> str:
    options, _ = ordered(row)
    return four_choices(row["Question"].strip(), options)


def score(row: dict[str, Any], response: str) -> Score:
    choices, gold = ordered(row)
    return score_letter(gold, choices, response)


def ordered(row: dict[str, Any]) -> tuple[list[str], str]:
    """The options as shown, and the letter of the right one."""
    keys = ["Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"]
    seed = int.from_bytes(hashlib.sha256(row["Record ID"].encode()).digest()[:8], "big")
    random.Random(seed).shuffle(keys)
    return [row[key].strip() for key in keys], "ABCD"[keys.index("Correct Answer")]


BENCHMARK = Benchmark(
    "gpqa",
    "GPQA",
    448,
    (Source("Idavidrein/gpqa", "train", ("gpqa_main",)),),
    ("Record ID", "Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"),
    VERSION,
    prompt,
    score,
    "gpqa.jsonl",
    access=GATED,
    question=lambda row: [row["Question"]],
)
