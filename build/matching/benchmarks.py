"""The data sets behind the benchmarks of the paper: where they lie, and what of a row is its question.

One entry a data set (CRUXEval and BBH each have two columns in `eval/`, whose tests hold that the two lists agree). A local
copy is a folder laid out as for `python -m eval --data`; else rows come from the Hub. Rows are read for matching only.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build.core.errors import ConfigError
from build.core.tables import BadRow, read_table

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HubSource:
    """A data set on the Hub; `configs` empty: all that it has. `files`: names or patterns of files to read instead."""

    path: str
    split: str = "test"
    configs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`data`: the file or folder of a local copy. `texts` and `codes` give the parts of a row that nothing may repeat."""

    name: str
    data: str
    hub: tuple[HubSource, ...]
    texts: Callable[[Row], Iterable[str]] = lambda row: ()
    codes: Callable[[Row], Iterable[str]] = lambda row: ()


@dataclass(frozen=True, slots=True)
class Item:
    """A question: `id` is the benchmark's name and the number of the row."""

    benchmark: str
    id: str
    texts: tuple[str, ...]
    codes: tuple[str, ...]


def leetcode_question(row: Row) -> list[str]:
    """A LeetCode-O question without the request that all of them end with."""
    asked = row["messages"][0]["content"]
    return [asked.rpartition("What is the Output?")[0] or asked]


_SUBJECTS = (
    *("abstract_algebra", "anatomy", "astronomy", "college_biology", "college_chemistry", "college_computer_science"),
    *("college_mathematics", "college_physics", "computer_security", "conceptual_physics", "electrical_engineering"),
    *("elementary_mathematics", "high_school_biology", "high_school_chemistry", "high_school_computer_science"),
    *("high_school_mathematics", "high_school_physics", "high_school_statistics", "machine_learning"),
)
BENCHMARKS = (
    Benchmark(
        "winogrande",
        "winogrande.jsonl",
        (HubSource("allenai/winogrande", "validation", ("winogrande_xl",)),),
        lambda row: [row["sentence"]],
    ),
    Benchmark(
        "drop",
        "drop.jsonl",
        (HubSource("EleutherAI/drop", "validation"),),
        lambda row: [row["passage"], row["question"]],
    ),
    Benchmark("gsm8k", "gsm8k.jsonl", (HubSource("openai/gsm8k", configs=("main",)),), lambda row: [row["question"]]),
    Benchmark("math", "math.jsonl", (HubSource("EleutherAI/hendrycks_math"),), lambda row: [row["problem"]]),
    Benchmark(
        "gpqa",
        "gpqa.jsonl",
        (HubSource("Idavidrein/gpqa", "train", ("gpqa_main",)),),
        lambda row: [row["Question"]],
    ),
    Benchmark(
        "mmlu_stem",
        "mmlu_stem.jsonl",
        (HubSource("cais/mmlu", configs=_SUBJECTS),),
        lambda row: [row["question"]],
    ),
    Benchmark(
        "leetcode_o",
        "leetcode_o.jsonl",
        (HubSource("hkust-nlp/LeetCode-O", files=("leetcode.jsonl",)),),
        leetcode_question,
    ),
    Benchmark("cruxeval", "cruxeval.jsonl", (HubSource("cruxeval-org/cruxeval"),), codes=lambda row: [row["code"]]),
    Benchmark("bbh", "bbh", (HubSource("SaylorTwift/bbh"),), lambda row: [row["input"]]),
    Benchmark(
        "zebralogic",
        "zebralogic.jsonl",
        (HubSource("WildEval/ZebraLogic", configs=("grid_mode",)),),
        lambda row: [row["puzzle"]],
    ),
    Benchmark(
        "korbench",
        "korbench",
        (HubSource("m-a-p/KOR-Bench", files=("*/sample.jsonl",)),),
        lambda row: [row["question"]],
    ),
    Benchmark(
        "livebench",
        "livebench.jsonl",
        tuple(HubSource(f"livebench/{name}") for name in ("reasoning", "math", "language", "data_analysis")),
        lambda row: [row["turns"][0]],
    ),
)
BY_NAME = {benchmark.name: benchmark for benchmark in BENCHMARKS}


def items(benchmark: Benchmark, data: Path | None) -> Iterator[Item]:
    """The questions of a benchmark from the folder `data`, or from the Hub where it is None.

    Raises `ConfigError` with one sentence where the rows cannot be had or lack what a question needs.
    """
    count = 0
    for row in _local(benchmark, data) if data else _from_hub(benchmark):
        try:
            texts, codes = tuple(map(str, benchmark.texts(row))), tuple(map(str, benchmark.codes(row)))
        except (KeyError, IndexError, TypeError) as error:
            raise ConfigError(
                f"`leaks`: row {count} of the benchmark {benchmark.name} lacks {error}; its keys are {', '.join(row)}."
            ) from error
        yield Item(benchmark.name, f"{benchmark.name} {count}", texts, codes)
        count += 1
    if not count:
        raise ConfigError(f"`leaks`: the benchmark {benchmark.name} has no row; leave it out of `leaks.benchmarks`.")


def _local(benchmark: Benchmark, data: Path) -> Iterator[Row]:
    path = data / benchmark.data
    if path.is_dir():
        files = sorted([*path.rglob("*.jsonl"), *path.rglob("*.json")])
        files = [file for file in files if benchmark.name != "korbench" or file.name == "sample.jsonl"]
    else:
        files = [path]
    if not files or not files[0].exists():
        raise ConfigError(
            f"`leaks.data`: {path} is missing; add it, or leave {benchmark.name} out of `leaks.benchmarks`."
        )
    for file in files:
        yield from _rows(file)


def _rows(file: Path) -> Iterator[Row]:
    """The rows of a table, or those under `examples`, as the files of BBH have them."""
    if file.suffix == ".json":
        try:
            found = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"`leaks.data`: {file} cannot be read ({error}).") from error
        yield from found["examples"] if isinstance(found, dict) and "examples" in found else found
        return
    for row in read_table(file):
        if isinstance(row, BadRow):
            raise ConfigError(f"`leaks.data`: {file}: {row.problem}.")
        yield row


def _from_hub(benchmark: Benchmark) -> Iterator[Row]:
    try:
        for source in benchmark.hub:
            yield from _hub_files(source) if source.files else _hub_rows(source)
    except ConfigError:
        raise
    except Exception as error:  # the Hub's clients raise many kinds; each means that these rows cannot be had now
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise ConfigError(
            f"`leaks`: the benchmark {benchmark.name} cannot be read from the Hub ({told}); give a local copy as `leaks.data`, "
            "or leave it out of `leaks.benchmarks`."
        ) from error


def _hub_files(source: HubSource) -> Iterator[Row]:
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(source.path, repo_type="dataset", allow_patterns=list(source.files)))
    for file in sorted(path for pattern in source.files for path in folder.glob(pattern)):
        yield from _rows(file)


def _hub_rows(source: HubSource) -> Iterator[Row]:
    import datasets  # slow to import

    for config in source.configs or tuple(datasets.get_dataset_config_names(source.path)):
        yield from datasets.load_dataset(source.path, config, split=source.split)
