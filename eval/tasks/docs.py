"""Gives the task files their documents and metrics. It is the only module that lm-eval's own command needs from here."""

import json
from functools import cache
from typing import Any

import datasets

from build.sandbox import Limits, Sandbox
from eval.benchmarks import BY_NAME
from eval.rows import Where, load
from eval.score import combined, judge


def documents(
    benchmark: str, data: str | None = None, held_out: str | None = None, **_: Any
) -> dict[str, datasets.Dataset]:
    """The test split of a task: id, prompt, group and the row as JSON text.

    The arguments come from the task's metadata; `data` is a folder with a local copy and `held_out` the data set of the
    held-out test: lm-eval's `--metadata '{"data": "DIR"}'` sets them.
    """
    items = load(benchmark, Where(data, held_out))
    columns = {
        "id": [item.id for item in items],
        "prompt": [item.prompt for item in items],
        "prompt_sha": [item.prompt_sha for item in items],
        "group": [item.group for item in items],
        "benchmark": [benchmark] * len(items),
        "row": [json.dumps(item.row, default=str) for item in items],
    }
    return {"test": datasets.Dataset.from_dict(columns)}


@cache
def _sandbox(cpu_s: float) -> Sandbox:
    return Sandbox(Limits(call_cpu_s=cpu_s))


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """lm-eval's metrics of one document: `score` for the benchmark's own combination, and whether there was an answer."""
    benchmark = BY_NAME[doc["benchmark"]]
    score = judge(
        benchmark, json.loads(doc["row"]), results[0], _sandbox(benchmark.cpu_s) if benchmark.in_sandbox else None
    )
    return {"score": (doc["benchmark"], doc["group"], score.value), "no_answer": float(not score.answered)}


def benchmark_score(items: list[tuple[str, str, float]]) -> float:
    """The column's figure from its items (benchmark, group, value)."""
    return combined(BY_NAME[items[0][0]].combine, [(group, value) for _, group, value in items])
