"""Plant doubles and leaks, and let the four jobs of an array find them, each a process of its own, and then one process.

    python -m tests.planted_in_jobs

Prints recall and precision by kind, and exits 1 where one is below 0.98 or where the four jobs' run has other bytes.
"""

import ast
import json
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import yaml
from tabulate import tabulate

from build.bench.rewriting import REWRITINGS
from build.core.config import read_data_recipe
from build.core.store import Store
from build.engine import run_rank
from build.matching.groups import group
from build.matching.sketches import Program, sketch
from build.stages.duplicates import doubles_in
from tests.kill_and_resume import ROOT, digests
from tests.matching.corpus import programs

KINDS = ("exact", "renamed", "reformatted")
JOBS = 4
LEAST = 0.98


def single(folder: Path) -> list[str]:
    """Functions without doubles among them."""
    every = programs()
    (folder / "all.npz").write_bytes(sketch([Program(str(number), "", code) for number, code in enumerate(every)]))
    doubles = {int(member.id) for member in group([folder / "all.npz"], 0.8) if member.kind != "first"}
    return [code for number, code in enumerate(every) if number not in doubles]


def definitions(code: str) -> set[str]:
    """The functions of a program but for its entry, as the parser sees them."""
    functions = (node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef))
    return {ast.dump(node) for node in functions if node.name != "main_solution"}


def plant(folder: Path) -> tuple[Path, list[str]]:
    """A recipe, and what each row of its source is: `own N`, `double N KIND` of own N, or `leak N KIND` of item N."""
    codes = single(folder)
    benchmark = codes[1::2]
    of_items = set().union(*map(definitions, benchmark))
    own = [
        code for code in codes[::2] if not definitions(code) & of_items
    ]  # the library's functions share some helpers
    rows = [(f"own {number}", code) for number, code in enumerate(own)]
    for name, originals in (("double", own), ("leak", benchmark)):
        for kind in KINDS:
            rows += [
                (f"{name} {number} {kind}", REWRITINGS[kind](code, random.Random(number)))
                for number, code in enumerate(originals)
            ]
    random.Random(0).shuffle(rows)
    with (folder / "rows.jsonl").open("w") as file:
        for name, code in rows:
            row = {"problem_description": name, "io_requirements": "", "refcode": code, "ios": []}
            file.write(json.dumps(row) + "\n")
    (folder / "items.jsonl").write_text("".join(json.dumps({"code": code}) + "\n" for code in benchmark))
    recipe = {
        "name": "planted",
        "run": str(folder / "four"),
        "sources": [{"kind": "functions", "name": str(folder / "rows.jsonl")}],
        "duplicates": {
            "drop": "none"
        },  # else the copies of an item would be dropped before they are looked at as leaks
        "leaks": {"own": [{"name": "own", "path": str(folder / "items.jsonl"), "code": ["code"]}]},
    }
    (folder / "four.yaml").write_text(yaml.safe_dump(recipe))
    return folder / "four.yaml", [name for name, _ in rows]


def figures(store: Store, names: list[str]) -> list[tuple[str, str, int, float, float]]:
    """What was planted, its kind and number, and recall and precision: over pairs of doubles, over functions that leak."""

    def name_of(label: str) -> list[str]:
        return names[int(label.partition(":")[0])].split()

    groups = defaultdict(list)
    for double in doubles_in(store.file("duplicates", "groups.jsonl")):
        groups[double.group].append(name_of(double.function))
    pairs = [pair for members in groups.values() for pair in combinations(members, 2)]
    wrong = sum((first[0] == "leak", first[1]) != (second[0] == "leak", second[1]) for first, second in pairs)
    leaked = [
        (name_of(reject.detail), reject.detail.partition(" repeats own ")[2].partition(":")[0])
        for shard in range(store.shards() or 0)
        for reject in store.rejects("leaks", shard)
    ]
    wrong_leaks = sum(name[0] != "leak" or name[1] != item for name, item in leaked)
    told = []
    for kind in KINDS:
        planted = sum(name.startswith("double") and name.endswith(kind) for name in names)
        right = sum({first[0], second[0]} == {"own", "double"} and kind in first + second for first, second in pairs)
        told.append(("double", kind, planted, right / planted, right / (right + wrong)))
    for kind in KINDS:
        planted = sum(name.startswith("leak") and name.endswith(kind) for name in names)
        right = sum(name == ["leak", item, kind] for name, item in leaked)
        told.append(("leak", kind, planted, right / planted, right / (right + wrong_leaks)))
    return told


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path, names = plant(folder)
        command = [sys.executable, "-m", "build", "run", "--config", str(path), "--world", str(JOBS), "--rank"]
        jobs = [
            subprocess.Popen([*command, str(rank)], cwd=ROOT, stderr=subprocess.PIPE, text=True) for rank in range(JOBS)
        ]
        told = [job.communicate()[1] for job in jobs]
        if failed := next((text for job, text in zip(jobs, told) if job.returncode), ""):
            sys.exit(failed)
        four = Store(folder / "four")
        (folder / "one.yaml").write_text(f"base: four.yaml\nrun: {folder / 'one'}\n")
        one = run_rank(read_data_recipe(folder / "one.yaml"), 0, 1)
        table, same = figures(four, names), digests(four.root) == digests(one.root)
    headers = ["what", "kind", "planted", "recall", "precision"]
    print(tabulate(table, headers, tablefmt="github", floatfmt=".3f"))
    print(f"{JOBS} jobs and one process: {'the same bytes' if same else 'OTHER BYTES'}")
    sys.exit(not same or any(share < LEAST for row in table for share in row[3:]))


if __name__ == "__main__":
    main()
