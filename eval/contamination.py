"""Finds test questions in a training set: `python -m eval contamination TRAIN`.

The paper's check (appendix on leakage): a question counts as leaked when one of its 13-grams is in the training data, both
normalised by taking out punctuation, digits and blanks. Here: text is lowered, everything that is no letter parts words, a
Chinese character is a word of its own, and a 13-gram is 13 such words in a row, joined. A question of fewer than 13 words
cannot be judged; it is counted. The paper found 21.5 % of LeetCode-O, 5.1 % of KorBench and at most 0.1 % of the others.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from build.core.tables import BadRow, read_table
from build.matching.ngrams import NGramIndex, batches, hashes, ngrams
from eval.benchmarks import BENCHMARKS
from eval.rows import Unavailable, Where, load


@dataclass(frozen=True, slots=True)
class Leak:
    """A benchmark's result. `examples` are (item id, a shared 13-gram); `short` questions have fewer than 13 words."""

    column: str
    items: int
    leaked: int
    short: int
    examples: list[tuple[str, str]]


def check(texts: Iterable[str], where: Where) -> tuple[list[Leak], list[str]]:
    """A result for every benchmark that can be had, and the reasons why others could not. Reads `texts` once."""
    reasons, questions = [], {}
    for benchmark in BENCHMARKS:
        try:
            items = load(benchmark.name, where)
        except Unavailable as error:
            reasons.append(str(error))
            continue
        questions[benchmark.column] = {item.id: list(benchmark.question(item.row)) for item in items}
    wanted = NGramIndex.of([part for asked in questions.values() for parts in asked.values() for part in parts])
    # Hashes of 64 bits: with ten million of them a false match among a billion training 13-grams is a one in a thousand event.
    found = {key for _, batch in batches(texts) for key in wanted.matches(batch)[2].tolist()}
    leaks = []
    for column, asked in questions.items():
        examples = []
        short = 0
        for identity, parts in asked.items():
            grams = [pair for part in parts for pair in zip(ngrams(part), hashes([part])[0].tolist(), strict=True)]
            short += not grams
            shared = next((gram for gram, key in grams if key in found), None)
            if shared is not None:
                examples.append((identity, shared))
        leaks.append(Leak(column, len(asked), len(examples), short, examples))
    return leaks, reasons


def training_texts(source: str) -> Iterator[str]:
    """Every text of a training set, a row at a time: a table, a folder of tables, or a data set of the Hub.

    A row that cannot be read is left out and named; raises ValueError or `TableError` where a file as a whole cannot be read.
    """
    path = Path(source)
    if not path.exists():
        import datasets

        for split in datasets.load_dataset(source, streaming=True).values():
            for row in split:
                yield " \n ".join(_strings(row))
        return
    found = (file for pattern in ("*.jsonl", "*.jsonl.*", "*.json", "*.parquet") for file in path.rglob(pattern))
    files = [path] if path.is_file() else sorted(set(found))
    if not files:
        raise ValueError(f"{source}: no .jsonl, .json or .parquet file in this folder")
    for file in files:
        for row in read_table(file):
            if isinstance(row, BadRow):
                tqdm.write(f"left out: {file}: {row.problem}", file=sys.stderr)
                continue
            yield " \n ".join(_strings(row))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)
