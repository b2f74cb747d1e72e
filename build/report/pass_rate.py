"""Measures how often a policy solves the questions of a dataset, and writes the rates as a column.

    python -m build pass-rate runs/demo/dataset --model NAME --endpoint http://localhost:8000/v1 --out runs/rates

OUT is a dataset folder with the config `rl`, as `recipes.grpo` and the environments take it: the questions that were asked,
with `pass_rate` of this policy in place of the teacher's, `rollouts` and `policy`. Each answer is kept in OUT/response_cache
as it comes, so the same command goes on where it was stopped.
"""

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from tabulate import tabulate
from tqdm import tqdm

from build.core.chat import LanguageModel, Message, Request
from build.core.config import DataRecipe, SourceConfig, TeacherConfig
from build.core.errors import ConfigError, RunError
from build.core.store import Store
from build.judges import Judges
from build.sandbox import Limits, Program
from build.teachers.open import greet, open_model
from build.verify import Check

_AT_ONCE = 64  # questions whose answers are in memory
_CARD = """---
configs:
- config_name: rl
  data_files:
  - {{split: {split}, path: rl/{split}-00000-of-00001.parquet}}
---
The pass rates of {model} on the questions of a dataset of CodeI/O: {samples} rollouts each at temperature {temperature:g}.
"""


def pass_rates(
    rows: Sequence[dict[str, Any]], samples: int, model: LanguageModel, judges: Judges
) -> Iterator[tuple[dict[str, Any], float]]:
    """Each row of the config `rl` with the share of `samples` answers that are right; no answer at all is not right.

    Raises `RunError` where the model cannot be reached.
    """
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        asked = [
            Request(tuple(Message(turn["role"], turn["content"]) for turn in row["prompt"]), sample)
            for row in some
            for sample in range(samples)
        ]
        answers = model.complete(asked)
        checks = [
            Check(Program(row["code"]), row["task"], row["input"], row["output"], "" if answer.failure else answer.text)
            for row, answer in zip((row for row in some for _ in range(samples)), answers, strict=True)
        ]
        right = [verdict.correct for verdict in judges.submit(checks).result()]
        for place, row in enumerate(some):
            yield row, sum(right[place * samples : (place + 1) * samples]) / samples


@click.command("pass-rate")
@click.argument("data")
@click.option("--model", required=True, help="The policy's name at the endpoint.")
@click.option(
    "--endpoint", "endpoints", multiple=True, required=True, help="Base URL, OpenAI-compatible; several may be."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to write.")
@click.option("--split", default="train", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Ask this many questions at the most, drawn from all.")
@click.option("--samples", default=8, show_default=True, type=click.IntRange(min=1), help="Rollouts of a question.")
@click.option("--temperature", default=1.0, show_default=True, type=click.FloatRange(min=0))
@click.option("--max-tokens", default=2048, show_default=True, type=click.IntRange(min=60), help="Of an answer.")
@click.option("--concurrency", default=64, show_default=True, type=click.IntRange(min=1), help="Requests at once.")
@click.option("--key-variable", help="The environment variable that holds the endpoint's key.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that judge; default: one a core.")
@click.option("--cpu-s", default=5.0, show_default=True, help="CPU seconds that one call may take.")
def pass_rate(
    data: str,
    model: str,
    endpoints: tuple[str, ...],
    out: Path,
    split: str,
    limit: int | None,
    samples: int,
    temperature: float,
    max_tokens: int,
    concurrency: int,
    key_variable: str | None,
    workers: int | None,
    cpu_s: float,
) -> None:
    """Measure how often a model solves the questions of DATA (a dataset folder or Hub repository), and write the rates.

    Stopped, the same command goes on.
    """
    import datasets  # slow to import

    try:
        teacher = TeacherConfig(
            name="openai",
            model=model,
            endpoints=endpoints,
            temperature=temperature,
            max_tokens=max_tokens,
            concurrency=concurrency,
            key_variable=key_variable,
        )
        recipe = DataRecipe(name="pass-rate", run=out, sources=(SourceConfig("functions", data),), teacher=teacher)
    except ValidationError as error:
        raise ConfigError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    try:
        asked = datasets.load_dataset(data, "rl", split=split)
    except Exception as error:  # whatever the library raises, there are no questions
        raise RunError(f"{data}: the config `rl` with the split {split} cannot be read ({error}).") from error
    if limit is not None:
        asked = asked.shuffle(seed=0).select(range(min(limit, len(asked))))
    greet(recipe)
    policy = open_model(recipe)
    assert policy is not None
    judges = Judges(workers or len(os.sched_getaffinity(0)), limits=Limits(call_cpu_s=cpu_s))
    judges.start()
    try:
        found = list(tqdm(pass_rates(list(asked), samples, policy, judges), total=len(asked), unit="question"))
    finally:
        judges.close()
        policy.close()
    rates = [rate for _, rate in found]
    columns = {"pass_rate": rates, "rollouts": [samples] * len(rates), "policy": [model] * len(rates)}
    written = asked.remove_columns([name for name in columns if name in asked.column_names])
    for name, values in columns.items():
        written = written.add_column(name, values)
    written.to_parquet(buffer := io.BytesIO())
    store = Store(out)
    store.write(out / "rl" / f"{split}-00000-of-00001.parquet", buffer.getvalue())
    store.write(out / "README.md", _CARD.format(split=split, model=model, samples=samples, temperature=temperature))
    tasks = {task: [rate for row, rate in found if row["task"] == task] for task in dict.fromkeys(asked["task"])}
    table = [
        [
            task,
            len(each),
            f"{sum(each) / len(each):.1%}",
            each.count(0.0),
            sum(0 < x < 1 for x in each),
            each.count(1.0),
        ]
        for task, each in tasks.items()
    ]
    headers = ["task", "questions", "right", "never solved", "sometimes", "always"]
    click.echo(tabulate(table, headers, tablefmt="github"))
    click.echo(f"written to {out}")
