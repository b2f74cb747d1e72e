"""Which test questions stand in a training set: `python -m eval contamination TRAIN`.

The paper's check (appendix on leakage): a question counts as leaked when one of its 13-grams is in the training data, both
normalised by taking out punctuation, digits and blanks. Here: text is lowered, everything that is no letter parts words, a
Chinese character is a word of its own, and a 13-gram is 13 such words in a row, joined. A question of fewer than 13 words
cannot be judged; it is counted. The paper found 21.5 % of LeetCode-O, 5.1 % of KorBench and at most 0.1 % of the others.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.benchmarks import BENCHMARKS, Row
from eval.rows import Unavailable, Where, load

N = 13
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+")

# What is the question of a row, without the instructions that all rows share.
_QUESTIONS: dict[str, Callable[[Row], Iterable[str]]] = {
    "winogrande": lambda row: [row["sentence"]],
    "drop": lambda row: [row["passage"], row["question"]],
    "gsm8k": lambda row: [row["question"]],
    "math": lambda row: [row["problem"]],
    "gpqa": lambda row: [row["Question"]],
    "mmlu_stem": lambda row: [row["question"]],
    "leetcode_o": lambda row: [
        row["messages"][0]["content"].rpartition("What is the Output?")[0] or row["messages"][0]["content"]
    ],
    "cruxeval_i": lambda row: [row["code"]],
    "cruxeval_o": lambda row: [row["code"]],
    "bbh_en": lambda row: [row["input"]],
    "bbh_zh": lambda row: [row["input"]],
    "zebralogic": lambda row: [row["puzzle"]],
    "korbench": lambda row: [row["question"]],
    "livebench": lambda row: [row["turns"][0]],
}


@dataclass(frozen=True, slots=True)
class Leak:
    """A benchmark's result. `examples` are (item id, a shared 13-gram); `short` questions have fewer than 13 words."""

    column: str
    items: int
    leaked: int
    short: int
    examples: list[tuple[str, str]]


def words(text: str) -> list[str]:
    """The normalised words of a text."""
    return _WORD.findall(text.lower())


def ngrams(text: str) -> Iterator[str]:
    """The normalised 13-grams of a text, in order; none when it is shorter."""
    parts = words(text)
    for start in range(len(parts) - N + 1):
        yield "".join(parts[start : start + N])


def check(texts: Iterable[str], where: Where) -> tuple[list[Leak], list[str]]:
    """A result for every benchmark that can be had, and the reasons why others could not. Reads `texts` once."""
    reasons, questions = [], {}
    for benchmark in BENCHMARKS:
        try:
            items = load(benchmark.name, where)
        except Unavailable as error:
            reasons.append(str(error))
            continue
        questions[benchmark.column] = {item.id: list(_QUESTIONS[benchmark.name](item.row)) for item in items}
    wanted = {
        hash(gram)
        for asked in questions.values()
        for parts in asked.values()
        for part in parts
        for gram in ngrams(part)
    }
    # Hashes of 64 bits: with ten million of them a false match among a billion training 13-grams is a one in a thousand event.
    found = {key for text in texts for key in map(hash, ngrams(text)) if key in wanted}
    leaks = []
    for column, asked in questions.items():
        examples = []
        short = 0
        for identity, parts in asked.items():
            grams = [gram for part in parts for gram in ngrams(part)]
            short += not grams
            shared = next((gram for gram in grams if hash(gram) in found), None)
            if shared is not None:
                examples.append((identity, shared))
        leaks.append(Leak(column, len(asked), len(examples), short, examples))
    return leaks, reasons


def training_texts(source: str) -> Iterator[str]:
    """Every text of a training set, a row at a time: a .jsonl or .parquet file, a folder of them, or a data set of the Hub."""
    path = Path(source)
    if not path.exists():
        import datasets

        for split in datasets.load_dataset(source, streaming=True).values():
            for row in split:
                yield " \n ".join(_strings(row))
        return
    files = [path] if path.is_file() else sorted([*path.rglob("*.jsonl"), *path.rglob("*.parquet")])
    if not files:
        raise ValueError(f"{source}: no .jsonl or .parquet file in this folder")
    for file in files:
        for row in _rows(file):
            yield " \n ".join(_strings(row))


def _rows(file: Path) -> Iterator[Any]:
    if file.suffix == ".jsonl":
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ValueError(f"{file}, line {number}: not JSON ({error})") from error
    elif file.suffix == ".parquet":
        import pyarrow.parquet

        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(1000):
            yield from batch.to_pylist()
    else:
        raise ValueError(f"{file}: a .jsonl or .parquet file was expected")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)
