"""Measures a whole run with the trace teacher: CPU, memory, bytes and objects by stage, and the projection to the paper's size.

The raw code is that of a folder, each file as often as is asked for, with a number at its end; doubles stay in the run.
"""

import importlib.util
import json
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import yaml
from tabulate import tabulate

from build.builder import materialise
from build.core.config import read_data_recipe
from build.core.store import Store
from build.engine import AVAILABLE, collect_shards, finish_stages, open_run
from build.report.summary import print_summary

_PAPER = {"files": 810_000, "functions": 455_000, "instances": 3_500_000}
_COUNTS = ("collect", "type_filter", "unify")  # the stages that work on files
_ASKING = ("answer", "revise")  # on instances; the others on functions
_PAPER_SHARD = 500


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage took: records received, CPU and wall seconds, objects and bytes in the run folder."""

    stage: str
    received: int
    cpu_s: float
    wall_s: float
    objects: int
    size: int

    @property
    def kind(self) -> str:
        return "files" if self.stage in _COUNTS else "instances" if self.stage in _ASKING else "functions"


@click.command("pipeline")
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Raw code; else `algorithms`."
)
@click.option("--copies", default=3, show_default=True, help="How often each file is taken.")
@click.option("--limit", default=0, help="Take this many files at the most, each so often.")
@click.option("--workers", default=2, show_default=True)
@click.option("--shard-size", default=50, show_default=True)
def bench_pipeline(folder: Path | None, copies: int, limit: int, workers: int, shard_size: int) -> None:
    """CPU, memory, bytes and objects of a run by stage, and the projection to the paper's size."""
    spec = None if folder else importlib.util.find_spec("algorithms")
    if not folder and (spec is None or spec.origin is None):
        raise click.ClickException(
            "the package `algorithms` is not there: pip install -r requirements/demo.txt, or --folder"
        )
    files = sorted((folder or Path(str(spec and spec.origin)).parent).rglob("*.py"))[: limit or None]
    with tempfile.TemporaryDirectory() as place:
        path = _write_recipe(Path(place), files, copies, workers, shard_size)
        costs, store = _run(path)
        began, used = time.monotonic(), _cpu_s()
        materialise(path)
        dataset = store.root / "dataset"
        costs.append(_cost("dataset", store, dataset, began, used, store.totals("revise").kept))
        began = time.monotonic()
        print_summary(*materialise(path))
        again_s = time.monotonic() - began
        _report(costs, store, again_s)


def _write_recipe(place: Path, files: list[Path], copies: int, workers: int, shard_size: int) -> Path:
    with (place / "rows.jsonl").open("w", encoding="utf-8") as rows:
        for copy in range(copies):
            for file in files:
                content = f"{file.read_text('utf-8', 'replace')}\n# {copy}\n"
                rows.write(json.dumps({"content": content, "path": f"{copy}/{file.name}", "license": "MIT"}) + "\n")
    recipe = {
        "name": "pipeline",
        "run": str(place / "run"),
        "sources": [{"kind": "jsonl", "name": str(place / "rows.jsonl")}],
        "duplicates": {"drop": "none"},
        "sampling": {"call_cpu_s": 0.5, "function_cpu_s": 5.0},
        "engine": {"workers": workers, "shard_size": shard_size},
    }
    path = place / "pipeline.yaml"
    path.write_text(yaml.safe_dump(recipe), "utf-8")
    return path


def _run(path: Path) -> tuple[list[Cost], Store]:
    """The run, stage after stage, each in workers of its own."""
    recipe = read_data_recipe(path)
    store = open_run(recipe)
    began, used = time.monotonic(), _cpu_s()
    collect_shards(recipe, store)
    costs = [_cost("collect", store, store.root / "collect", began, used, store.totals("collect").received)]
    for stage in list(store.stages())[1:]:
        began, used = time.monotonic(), _cpu_s()
        finish_stages(recipe, store, AVAILABLE, [stage])
        costs.append(_cost(stage, store, store.root / stage, began, used, store.totals(stage).received))
    return costs, store


def _cost(stage: str, store: Store, folder: Path, began: float, used: float, received: int) -> Cost:
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return Cost(stage, received, _cpu_s() - used, time.monotonic() - began, len(sizes), sum(sizes))


def _cpu_s() -> float:
    """CPU seconds of this process and of all below it that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usage)


def _report(costs: list[Cost], store: Store, again_s: float) -> None:
    received = {cost.stage: cost.received for cost in costs}
    here = {"files": received["collect"], "functions": received["questions"], "instances": received["answer"]}
    rows = [
        [
            cost.stage,
            cost.received,
            f"{1000 * cost.cpu_s / max(cost.received, 1):.1f}",
            f"{cost.wall_s:.1f}",
            cost.objects,
            f"{cost.size / 2**20:.2f}",
            f"{cost.cpu_s / max(cost.received, 1) * _PAPER[cost.kind] / 3600:.0f}",
            f"{cost.size / max(here[cost.kind], 1) * _PAPER[cost.kind] / 2**30:.1f}",
        ]
        for cost in costs
    ]
    headers = ["stage", "received", "CPU ms each", "wall s", "objects", "MB", "paper: CPU h", "paper: GB"]
    print(f"\n{tabulate(rows, headers, tablefmt='github')}\n")
    run = [cost for cost in costs if cost.stage != "dataset"]
    memory = (resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print("{} MB at the most in this process, {} MB in another".format(*memory))
    print(
        f"{here['files']} files, {here['functions']} functions, {here['instances']} instances; "
        f"{sum(cost.size for cost in run) / max(here['instances'], 1):.0f} bytes of the run folder an instance; "
        f"the finished run again, with its dataset: {again_s:.1f} s"
    )
    shards = -(-_PAPER["files"] // _PAPER_SHARD)
    print(
        f"The paper's size is {_PAPER['files']:,} files, {_PAPER['functions']:,} functions and {_PAPER['instances']:,} "
        f"instances, each at the cost measured here; with {_PAPER_SHARD} files a shard that is {shards:,} shards and "
        f"{shards * (len(run) + 1):,} objects."
    )
