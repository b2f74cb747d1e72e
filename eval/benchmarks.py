"""The 14 benchmarks of the paper's table, in its order: where their rows come from and which scorer judges them.

One entry a column. `items` is the number of rows that the full data must have; `keys` are the keys that a row must have. A
revision is a commit of the Hub's data set, where one is known; others are read at their newest and recorded in the run's
manifest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from build.core.records import digest
from eval.scorers import (
    Score,
    bbh,
    bbh_zh,
    codeio,
    cruxeval,
    drop,
    gpqa,
    gsm8k,
    hendrycks_math,
    korbench,
    leetcode_o,
    livebench,
    mmlu_stem,
    winogrande,
    zebralogic,
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A data set on the Hub. `add` is the key under which each row gets its config's name; `file` is read as JSON lines."""

    path: str
    split: str = "test"
    configs: tuple[str | None, ...] = (None,)
    revision: str | None = None
    add: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One column.

    `score(row, response)` judges, with a sandbox as third argument where `in_sandbox`, which gives a
    call `cpu_s` seconds. `group` is the key that rows are broken down by.
    `combine`: "mean" over items; "clusters" is the same mean, whose items share a context within a group; "all" counts a group
    as right when all its items are; "strata" is the mean of the means of "category/task" groups within each category.
    `groups` is how many there must be in the full data (0: any number). `check(row)` raises ValueError for a row that could be
    asked but not scored. `data` names the file or folder of a local copy. `access` says what to do when the Hub refuses.
    """

    name: str
    column: str
    items: int
    sources: tuple[Source, ...]
    keys: tuple[str, ...]
    version: int
    prompt: Callable[[Row], str]
    score: Callable[..., Score]
    data: str
    group: Callable[[Row], str] = lambda row: ""
    combine: Literal["mean", "clusters", "all", "strata"] = "mean"
    in_sandbox: bool = False
    cpu_s: float = 5.0
    groups: int = 0
    check: Callable[[Row], object] | None = None
    access: str = "check the network and the name of the data set"


_CRUXEVAL = (Source("cruxeval-org/cruxeval"),)
_BBH = (Source("SaylorTwift/bbh", configs=tuple(bbh.TASKS), add="task"),)
_LIVEBENCH_COMMITS = {
    "reasoning": "82f6f8cd59f7f9b944bd20b9d6a0f1f5eb0606a0",
    "math": "79832fac7d1a0faddb5f1e36522b00a7209de4ba",
    "language": "6a4906b",
    "data_analysis": "47fc858",
}
_MATH_CONFIGS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
_GATED = "accept the terms on the data set's page of the Hub and set HF_TOKEN to a token of that account"

BENCHMARKS = (
    Benchmark(
        "winogrande",
        "WinoGrande",
        1267,
        (Source("allenai/winogrande", "validation", ("winogrande_xl",)),),
        ("sentence", "option1", "option2", "answer"),
        winogrande.VERSION,
        winogrande.prompt,
        winogrande.score,
        "winogrande.jsonl",
    ),
    Benchmark(
        "drop",
        "DROP",
        9536,
        (Source("EleutherAI/drop", "validation"),),
        ("passage", "question", "answer", "validated_answers"),
        drop.VERSION,
        drop.prompt,
        drop.score,
        "drop.jsonl",
        group=lambda row: digest(row["passage"]),
        combine="clusters",
    ),
    Benchmark(
        "gsm8k",
        "GSM8K",
        1319,
        (Source("openai/gsm8k", configs=("main",)),),
        ("question", "answer"),
        gsm8k.VERSION,
        gsm8k.prompt,
        gsm8k.score,
        "gsm8k.jsonl",
    ),
    Benchmark(
        "math",
        "MATH",
        5000,
        (Source("EleutherAI/hendrycks_math", configs=_MATH_CONFIGS),),
        ("problem", "level", "type", "solution"),
        hendrycks_math.VERSION,
        hendrycks_math.prompt,
        hendrycks_math.score,
        "math.jsonl",
        group=lambda row: row["type"],
        check=hendrycks_math.gold,
    ),
    Benchmark(
        "gpqa",
        "GPQA",
        448,
        (Source("Idavidrein/gpqa", "train", ("gpqa_main",)),),
        ("Record ID", "Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"),
        gpqa.VERSION,
        gpqa.prompt,
        gpqa.score,
        "gpqa.jsonl",
        access=_GATED,
    ),
    Benchmark(
        "mmlu_stem",
        "MMLU-STEM",
        sum(mmlu_stem.SUBJECTS.values()),
        (Source("cais/mmlu", configs=tuple(mmlu_stem.SUBJECTS)),),
        ("question", "subject", "choices", "answer"),
        mmlu_stem.VERSION,
        mmlu_stem.prompt,
        mmlu_stem.score,
        "mmlu_stem.jsonl",
        group=lambda row: row["subject"],
    ),
    Benchmark(
        "leetcode_o",
        "LeetCode-O",
        4414,
        (Source("hkust-nlp/LeetCode-O", file="leetcode.jsonl"),),
        ("messages",),
        leetcode_o.VERSION,
        leetcode_o.prompt,
        leetcode_o.score,
        "leetcode_o.jsonl",
        group=lambda row: str(leetcode_o.field(row, "problem")),
        combine="all",
        groups=900,
        check=lambda row: leetcode_o.field(row, "output"),
    ),
    Benchmark(
        "cruxeval_i",
        "CRUXEval-I",
        800,
        _CRUXEVAL,
        ("code", "input", "output"),
        cruxeval.VERSION,
        cruxeval.prompt_input,
        cruxeval.score_input,
        "cruxeval.jsonl",
        in_sandbox=True,
        cpu_s=cruxeval.CPU_SECONDS,
    ),
    Benchmark(
        "cruxeval_o",
        "CRUXEval-O",
        800,
        _CRUXEVAL,
        ("code", "input", "output"),
        cruxeval.VERSION,
        cruxeval.prompt_output,
        cruxeval.score_output,
        "cruxeval.jsonl",
        in_sandbox=True,
        cpu_s=cruxeval.CPU_SECONDS,
    ),
    Benchmark(
        "bbh_en",
        "BBH-EN",
        sum(bbh.TASKS.values()),
        _BBH,
        ("input", "target", "task"),
        bbh.VERSION,
        bbh.prompt,
        bbh.score,
        "bbh",
        group=lambda row: row["task"],
    ),
    Benchmark(
        "bbh_zh",
        "BBH-ZH",
        250 * len(bbh_zh.TASKS),
        (Source("SaylorTwift/bbh", configs=bbh_zh.TASKS, add="task"),),
        ("input", "target", "task"),
        bbh_zh.VERSION,
        bbh_zh.prompt,
        bbh_zh.score,
        "bbh",
        group=lambda row: row["task"],
    ),
    Benchmark(
        "zebralogic",
        "ZebraLogic",
        1000,
        (
            Source("allenai/ZebraLogicBench-private", configs=("grid_mode",)),
            Source("WildEval/ZebraLogic", configs=("grid_mode",)),
        ),
        ("id", "size", "puzzle", "solution"),
        zebralogic.VERSION,
        zebralogic.prompt,
        zebralogic.score,
        "zebralogic.jsonl",
        group=lambda row: row["size"],
        check=zebralogic.check,
        access=_GATED,
    ),
    Benchmark(
        "korbench",
        "KorBench",
        1250,
        (Source("m-a-p/KOR-Bench"),),
        ("kind", "idx", "question", "answer", "rule_id", "rule"),
        korbench.VERSION,
        korbench.prompt,
        korbench.score,
        "korbench",
        group=lambda row: f"{row['kind']}/{row['rule_id']}",
        combine="clusters",
        access="clone the repository KOR-Bench/KOR-Bench and give a folder with its data/ named korbench/ as --data",
    ),
    Benchmark(
        "livebench",
        "LiveBench",
        672,
        tuple(Source(f"livebench/{name}", revision=_LIVEBENCH_COMMITS[name]) for name in livebench.CATEGORIES),
        ("question_id", "category", "task", "turns", "ground_truth", "livebench_release_date"),
        livebench.VERSION,
        livebench.prompt,
        livebench.score,
        "livebench.jsonl",
        group=lambda row: f"{row['category']}/{row['task']}",
        combine="strata",
        check=livebench.check,
        access="the pinned commits of July 2024 must still be there; later ones hold other questions",
    ),
)
# Not a column of the paper, and not in its average: the number that training should move first.
HELD_OUT = Benchmark(
    "codeio",
    "CodeI/O test",
    0,
    (),
    ("function_id", "task", "prompt", "code", "input", "output"),
    codeio.VERSION,
    codeio.prompt,
    codeio.score,
    "",
    group=lambda row: row["function_id"],
    combine="clusters",
    in_sandbox=True,
    access="give --held-out the name or folder of a published data set that has the config rl with a test split",
)
BY_NAME = {benchmark.name: benchmark for benchmark in (*BENCHMARKS, HELD_OUT)}
COLUMNS = tuple(benchmark.column for benchmark in BENCHMARKS)
