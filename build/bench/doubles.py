"""Measures the stages `duplicates` and `leaks`: recall and precision on what is planted, and time and memory on many functions.

python -m build bench planted RUN [--data BENCHMARKS]
python -m build bench scale FOLDER --functions 100000 [--data BENCHMARKS]
"""

import ast
import random
import resource
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import click
from tabulate import tabulate

from build.bench.rewriting import REWRITINGS
from build.core.config import DataRecipe, DuplicatesConfig, EngineConfig, LeaksConfig, SourceConfig
from build.core.records import RawCode, UnifiedFunction, digest
from build.core.store import Store
from build.engine import AVAILABLE, finish_stages, open_run
from build.matching.benchmarks import BY_NAME, Item, items
from build.matching.groups import Member, group
from build.matching.leaks import LeakIndex, Text, index
from build.matching.sketches import Program, sketch

_JOBS = 4  # parts that the planted functions are spread over
_PLANTED = 300
_WRAPPER = "\n\ndef main_solution(*given):\n    return {name}(*given)\n"


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="A local copy of the benchmarks.")
def planted(run: Path, data: Path | None) -> None:
    """Plant rewritten copies of a run's functions, and of CRUXEval's items, and count what is found."""
    store = Store(run)
    functions = [each for shard in range(store.shards() or 0) for each in store.kept(UnifiedFunction, shard)]
    codes = list(dict.fromkeys(each.code for each in functions))
    with tempfile.TemporaryDirectory() as folder:
        rows = [["double", kind, *_doubles(codes, kind, Path(folder))] for kind in REWRITINGS]
    if data is not None:
        cruxeval = [item for item in items(BY_NAME["cruxeval"], data) if item.codes]
        rows += [["leak", kind, *_leaks(codes, cruxeval, kind)] for kind in REWRITINGS]
    print(tabulate(rows, ["what", "kind", "planted", "recall", "precision"], tablefmt="github", floatfmt=".3f"))


def _doubles(codes: Sequence[str], kind: str, folder: Path) -> tuple[int, float, float]:
    """How many copies are planted among functions without doubles, and recall and precision over pairs."""
    alone = {member.id for member in _groups([Program(str(n), "", code) for n, code in enumerate(codes)], folder)}
    own = [code for number, code in enumerate(codes) if str(number) not in alone]
    rng = random.Random(kind)
    picked = rng.sample(range(len(own)), min(_PLANTED, len(own)))
    mixed = [Program(f"own{n}", "", code) for n, code in enumerate(own)]
    mixed += [Program(f"copy{n}", "", REWRITINGS[kind](own[n], random.Random(n))) for n in picked]
    rng.shuffle(mixed)
    by_group = defaultdict(list)
    for member in _groups(mixed, folder):
        by_group[member.group].append(member.id)
    found = {frozenset((a, b)) for ids in by_group.values() for place, a in enumerate(ids) for b in ids[:place]}
    right = len(found & {frozenset((f"own{n}", f"copy{n}")) for n in picked})
    return len(picked), right / max(len(picked), 1), right / max(len(found), 1)


def _groups(programs: Sequence[Program], folder: Path) -> list[Member]:
    paths = [folder / f"{part}.npz" for part in range(_JOBS)]
    for part, path in enumerate(paths):
        with path.open("wb") as file:
            file.write(sketch(programs[part::_JOBS]))
    return list(group(paths, DuplicatesConfig().similarity))


def _leaks(codes: Sequence[str], benchmark: Sequence[Item], kind: str) -> tuple[int, float, float]:
    """How many items are planted among a run's functions, and recall and precision over functions."""
    known = LeakIndex(index(benchmark), LeaksConfig().similarity)
    plain = [item.codes[0] + _WRAPPER.format(name="f") for item in benchmark]
    copies = [REWRITINGS[kind](code, random.Random(number)) for number, code in enumerate(plain)]
    right = sum(leak is not None for leak in known.find([Text("", code) for code in copies]))
    wrong = sum(leak is not None for leak in known.find([Text("", code) for code in codes]))
    return len(copies), right / len(copies), right / max(right + wrong, 1)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--functions", "count", default=100_000, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="A local copy of the benchmarks.")
@click.option("--names", default="cruxeval,gsm8k,math,mmlu_stem,bbh,korbench", show_default=True)
def scale(folder: Path, count: int, workers: int, data: Path | None, names: str) -> None:
    """Send the functions and methods of all Python files below FOLDER through both stages; the time and the memory."""
    with tempfile.TemporaryDirectory() as place:
        leaks = LeaksConfig(tuple(names.split(",")), str(data)) if data else LeaksConfig()  # type: ignore[arg-type]
        source = SourceConfig("folder", str(folder))
        engine = EngineConfig(workers, 200)
        recipe = DataRecipe("scale", Path(place) / "run", (source,), leaks=leaks, engine=engine)
        store = open_run(recipe)
        records = islice(_functions(folder), count)
        shard = 0
        while some := list(islice(records, engine.shard_size)):
            raw = [RawCode(each.parent, each.source, each.path, "unknown", "") for each in some]
            store.write_shard("collect", shard, raw, len(raw))
            store.write_shard("type_filter", shard, raw, len(raw))
            store.write_shard("unify", shard, some, len(raw))
            shard += 1
        store.set_shards(shard)
        began = time.monotonic()
        finish_stages(recipe, store, AVAILABLE, ["duplicates", "leaks"])
        seconds = time.monotonic() - began
        for stage in ("duplicates", "leaks"):
            total = store.totals(stage)
            print(
                f"{stage}: {total.received} received, {total.kept} kept, {dict(Counter(total.rejects).most_common())}"
            )
        main, child = (
            resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        print(f"{seconds:.0f} s with {workers} workers; memory at the most: {main} MB here, {child} MB in a worker")


def _functions(folder: Path) -> Iterator[UnifiedFunction]:
    """Every function and method below a folder as a program of its own, under the name of the entry."""
    for path in sorted(folder.rglob("*.py")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_text("utf-8"))
            found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and len(node.body) > 1]
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        for node in found:
            name, node.name = node.name, "main_solution"
            code = ast.unparse(node)
            where = f"{path.relative_to(folder)}:{node.lineno}"
            yield UnifiedFunction(
                digest(where, code), digest(where), "scale", where, "unknown", name, "static", code,
                ast.get_docstring(node) or "", f"What does {name} give?", None,
            )  # fmt: skip
