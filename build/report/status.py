"""Tells how far a run is, from any shell while it goes on: done and total of each stage, rate, rejects, and the time left.

python -m build status RUN

Everything is in the run folder already: each shard's file begins with its counts, and its time says when it was done. So a
run writes nothing for it, and its bytes depend on no clock.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from build.core.records import Usage
from build.core.store import Counts, Store
from build.report.lookup import shards_begun
from build.report.terminal import json_option, open_run_folder, paged, print_json, run_argument, table

_WINDOW_S = 600.0  # the rate is that of a stage's last ten minutes


@dataclass(frozen=True, slots=True)
class StageStatus:
    """`done` and `total` count the records that a stage receives; `total` is what is known of it so far, and final where
    `total_known`. `rate` is in records a second, None where too few shards are done to say; `left_s` follows from it.
    """

    stage: str
    shards: int
    done: int
    total: int
    total_known: bool
    rejected: int
    rate: float | None
    left_s: float | None
    usage: Usage


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far a run is. `silent_s`: seconds since it last finished a shard, None before the first."""

    run: str
    complete: bool
    shards: int | None
    silent_s: float | None
    stages: list[StageStatus]


def status_of(store: Store, now: float) -> RunStatus:
    """Count the shards of a run. `now` is a time of the file system's clock."""
    shards, begun = store.shards(), shards_begun(store)
    newest, kept_before, whole_before = 0.0, None, shards is not None
    stages = []
    for stage in store.stages():
        total, times = Counts(), []
        for shard in range(begun):
            counts = store.done(stage, shard)
            if counts is not None:
                total.add(counts)
                times.append((store.shard_file(stage, shard).stat().st_mtime, counts.received))
        newest = max([newest, *(at for at, _ in times)])
        expected = total.received if kept_before is None else kept_before
        rate = _rate(sorted(times))
        left = (expected - total.received) / rate if whole_before and rate else None
        usage = Usage(*(total.stats.get(name, 0) for name in ("requests", "prompt_tokens", "completion_tokens")))
        stages.append(
            StageStatus(stage, len(times), total.received, expected, whole_before, total.rejected, rate, left, usage)
        )
        kept_before, whole_before = total.kept, len(times) == shards
    return RunStatus(str(store.root), store.complete(), shards, now - newest if newest else None, stages)


def _rate(times: list[tuple[float, int]]) -> float | None:
    """Records a second, from when each shard was done, with its records, in order."""
    recent = [each for each in times if each[0] >= times[-1][0] - _WINDOW_S]
    if len(recent) < 3 or recent[-1][0] <= recent[0][0]:  # the first shard's own time is not known
        return None
    return sum(records for _, records in recent[1:]) / (recent[-1][0] - recent[0][0])


@click.command()
@run_argument
@json_option
def status(run_folder: Path, as_json: bool) -> None:
    """Tell how far a run is; it may go on meanwhile, here or on other machines."""
    store = open_run_folder(run_folder)
    found = status_of(store, time.time())
    if as_json:
        print_json(asdict(found))
        return
    rows = [
        [each.stage, each.done, f"{each.total:,}{'' if each.total_known else ' so far'}", _part(each), each.rejected,
         f"{each.rate:,.1f}/s" if each.rate else "", _duration(each.left_s) if each.left_s else ""]
        for each in found.stages
    ]  # fmt: skip
    with paged() as console:
        headers = ["stage", "done", "of", "", "rejected", "rate", "time left"]
        console.print(table(f"{found.run}: {_state(found)}", headers, rows))
        if any(each.usage.requests for each in found.stages):
            spent = [
                [each.stage, each.usage.requests, each.usage.prompt_tokens, each.usage.completion_tokens]
                for each in found.stages
                if each.usage.requests
            ]
            console.print(table("Asked", ["stage", "requests", "prompt tokens", "completion tokens"], spent))


def _state(found: RunStatus) -> str:
    if found.complete:
        return f"complete, {found.shards} shards"
    cut = f"{found.shards} shards" if found.shards is not None else "still collecting"
    last = f"last shard finished {_duration(found.silent_s)} ago" if found.silent_s is not None else "no shard yet"
    return f"{cut}, {last}"


def _part(stage: StageStatus) -> str:
    return f"{stage.done / stage.total:.0%}" if stage.total else ""


def _duration(seconds: float) -> str:
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
