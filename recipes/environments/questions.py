"""What every environment package shares: the questions of a dataset, verdicts on answers to them, and rewards.

Packages that are installed elsewhere carry this module and the service's client with them, so it needs neither the rest of
the project nor a framework: verdicts then come from a verifier service (`python -m build serve`), which VERIFIER_URL names.
In a checkout on PYTHONPATH a sandbox in the process judges where no service is named.
"""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

try:
    from build.client import Client
except ImportError:  # carried along by a package
    from .client import Client  # type: ignore[import-not-found,no-redef]

GOLD = "The answer follows from running the code.\n\n```{}\n{}\n```"


@dataclass(frozen=True, slots=True)
class Question:
    """A row of the config `rl`: the prompt as chat messages, and what a verifier needs (`input`, `output`: JSON texts)."""

    id: str
    prompt: list[dict[str, str]]
    task: str
    code: str
    input: str
    output: str
    pass_rate: float | None = None

    def answer(self, response: str) -> dict[str, str]:
        """A response to this question, as the verifier takes it."""
        about = {"code": self.code, "task": self.task, "input": self.input, "output": self.output}
        return about | {"response": response}

    @property
    def gold(self) -> str:
        """A response that is right."""
        if self.task == "induction":
            return GOLD.format("python", self.code)
        return GOLD.format(
            "json", json.dumps({self.task: json.loads(self.input if self.task == "input" else self.output)})
        )


def questions(
    data: str,
    split: str = "train",
    task: str | None = None,
    min_pass_rate: float = 0.0,
    max_pass_rate: float = 1.0,
    limit: int | None = None,
) -> Iterator[Question]:
    """The questions of a dataset: `data` is the folder that codeio_dataset.py wrote, or a Hub repository.

    `task` keeps one kind; rows with a pass rate outside of the range are left out. Raises `ValueError` when nothing is left.
    """
    import pyarrow.parquet

    kept = 0
    for file in _files(data, split):
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(256):
            for row in batch.to_pylist():
                rate = row.get("pass_rate")
                if (task and row["task"] != task) or not (rate is None or min_pass_rate <= rate <= max_pass_rate):
                    continue
                if limit is not None and kept >= limit:
                    return
                kept += 1
                about = {name: row[name] for name in ("id", "prompt", "task", "code", "input", "output")}
                yield Question(**about, pass_rate=rate)
    if not kept:
        raise ValueError(f"{data}: the split '{split}' of the config `rl` holds no question that was asked for")


def _files(data: str, split: str) -> list[Path]:
    pattern = f"rl/*{split}*.parquet"
    folder = Path(data)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(data, repo_type="dataset", allow_patterns=pattern))
    files = sorted(folder.glob(pattern))
    if not files:
        raise ValueError(
            f"{data}: has no files {pattern}; name a dataset folder or Hub repository with the config `rl`"
        )
    return files


def verdicts(answers: Sequence[Mapping[str, str]], verifier_url: str | None = None) -> list[dict[str, Any]]:
    """A verdict per answer: `status`, `correct`, `predicted`, `actual`, `detail`.

    From the service at `verifier_url` (default: VERIFIER_URL), else from a sandbox in this process.
    """
    url = verifier_url or os.environ.get("VERIFIER_URL")
    if url:
        return _client(url).verify(answers)
    try:
        from build.sandbox import Program
        from build.verify import Check
        from recipes.judge import judge
    except ImportError as error:
        raise RuntimeError(
            "nobody can judge: set verifier_url, or VERIFIER_URL, to a verifier service (python -m build serve)"
        ) from error
    checks = [
        Check(Program(each["code"]), cast(Any, each["task"]), each["input"], each["output"], each["response"])
        for each in answers
    ]
    return [asdict(verdict) | {"correct": verdict.correct} for verdict in judge(checks)]


_client = cache(Client)  # it keeps its connections


async def verdict(question: Question, response: str, verifier_url: str | None = None) -> dict[str, Any]:
    """The verdict on one response; judging waits in a thread, so an event loop goes on."""
    (told,) = await asyncio.to_thread(verdicts, [question.answer(response)], verifier_url)
    return told
