"""Writes a run's figures as the files in which the Hub keeps results of a model: `.eval_results/NAME.yaml` in its repository.

The Hub lists a result on the leaderboard of a registered benchmark (https://huggingface.co/docs/hub/eval-results, looked up in
December 2026). Of the fourteen columns that is GSM8K: the registered GPQA is its Diamond part, and the paper's is the main set.
"""

from collections.abc import Sequence
from pathlib import Path

import yaml

from eval.run_folder import Column

_REGISTERED = {
    "gsm8k": ("openai/gsm8k", "gsm8k")
}  # by the benchmark's name: the data set on the Hub, and the task of it
_NOTES = "zero-shot, greedy; scored by an open implementation of CodeI/O"


def write_hub_results(columns: Sequence[Column], folder: Path) -> list[Path]:
    """Write a file for each registered benchmark that was run whole; a figure of a part would stand beside figures of all."""
    written = []
    for column in columns:
        if column.name in _REGISTERED and column.n == column.items:
            data, task = _REGISTERED[column.name]
            result = {"dataset": {"id": data, "task_id": task}, "value": round(column.value, 2), "notes": _NOTES}
            written.append(folder / ".eval_results" / f"{column.name}.yaml")
            written[-1].parent.mkdir(parents=True, exist_ok=True)
            written[-1].write_text(yaml.safe_dump([result], sort_keys=False), encoding="utf-8")
    return written
