"""Defines what a benchmark is: where its rows come from, how they are asked, and how a response is judged.

Each module of `eval.scorers` that is a benchmark exports one as `BENCHMARK`; `eval.benchmarks` lists them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eval.scorers import Score

Row = dict[str, Any]
GATED = "accept the terms on the data set's page of the Hub and set HF_TOKEN to a token of that account"


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
    `question` gives the texts that make up the question, without the instructions that all rows share. `files` reads the rows
    from several files, each of which it names; `hub_has_files` where the Hub has the same ones. `of_hub` keeps some of the
    Hub's rows. `figures` adds figures over all scored rows (shares, by name). `items_of` names the benchmark whose items
    this one asks about, so that the two figures are not independent. `held_out`: its rows are the test split of a
    published data set.
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
    question: Callable[[Row], Sequence[str]] = lambda row: ()
    files: Callable[[Callable[[str], Path]], list[Row]] | None = None
    hub_has_files: bool = False
    of_hub: Callable[[Row], bool] | None = None
    figures: Callable[[Iterable[tuple[Row, Score]]], dict[str, float]] | None = None
    items_of: str = ""
    held_out: bool = False
