"""Reads whole folders of other people's code under two hash seeds: nothing may crash, and the records must have the same bytes.

    python -m tests.hash_seeds [FOLDER ...] [--every N] [--first K]

Without a folder: the standard library, and each package that is installed. Collect and the static unifier do their work but for
the trial runs: each says that the function works, so that everything after them is reached. Every N-th folder is taken, from
the K-th on, so that a long run can be cut into parts. Prints each record that differs, and exits with 1 if one does.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from build.core.config import CollectConfig, SourceConfig
from build.core.records import RawCode, Reject, digest, to_line
from build.sandbox import CallResult, Program, Sandbox
from build.stages.collect import collect
from build.unifiers.static.neighbours import Neighbourhood
from build.unifiers.static.unifier import static_functions

SEEDS = ("1", "2")
_WORKS = {
    "inputs": ['{"": 1}', '{"": 2}', '{"": 3}'],
    "outputs": ["4", "5", "6"],
    "kinds": ["int"],
    "lines": 1000,
}


class Believing(Sandbox):
    """Runs nothing: each trial is one of a function that works, and doctests are not decided."""

    def call(self, program: Program, inputs: Sequence[str], *args: Any, **limits: Any) -> list[CallResult]:
        if program.entry == "trial_run_":
            return [CallResult("ok", json.dumps(_WORKS))] * len(inputs)
        return [CallResult("timeout")] * len(inputs)


def records(folder: Path) -> list[str]:
    """A line for each record: what collect and unify keep, by a digest, and each reject with its reason."""
    source = SourceConfig(kind="folder", name=str(folder), license="MIT")
    lines, files = [], []
    for found in collect([source], CollectConfig(licenses=("any",))):
        if isinstance(found, RawCode):
            files.append(found)
        else:
            lines.append(to_line(found))
    neighbours = Neighbourhood([raw for raw in files if raw.kind == "python"])
    sandbox = Believing()
    for raw in files:
        for made in static_functions(raw, sandbox, neighbours):
            shown = to_line(made) if isinstance(made, Reject) else f"{made.path}:{made.name} {digest(to_line(made))}"
            lines.append(shown)
    return lines


def folders() -> list[Path]:
    """The standard library and the packages that are installed."""
    installed = Path(sysconfig.get_path("purelib"))
    packages = sorted(each for each in installed.iterdir() if each.is_dir() and any(each.glob("*.py")))
    return [Path(sysconfig.get_path("stdlib")), *packages]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--records", action="store_true", help=argparse.SUPPRESS)  # what the two processes do
    asked = parser.parse_args()
    if asked.records:
        for folder in asked.folders:
            print(folder, *records(folder), sep="\n", flush=True)
        return 0
    chosen = (asked.folders or folders())[asked.first :: asked.every]
    command = [sys.executable, "-m", "tests.hash_seeds", "--records", *map(str, chosen)]
    running = [
        subprocess.Popen(command, env=os.environ | {"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True)
        for seed in SEEDS
    ]
    counts: Counter[str] = Counter()
    for lines in zip_longest(*(process.stdout or () for process in running)):
        counts["records"] += 1
        counts["rejects"] += lines[0] is not None and lines[0].startswith("{")
        counts["crashed"] += lines[0] is not None and '"unifier_error"' in lines[0]
        if len(set(lines)) > 1 or '"unifier_error"' in (lines[0] or ""):
            counts["differ"] += len(set(lines)) > 1
            print(*(f"seed {seed}: {(line or '').strip()}" for seed, line in zip(SEEDS, lines)), sep="\n")
    counts["failed"] = sum(process.wait() != 0 for process in running)
    print(f"{len(chosen)} folders: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    return int(bool(counts["differ"] or counts["crashed"] or counts["failed"]))


if __name__ == "__main__":
    sys.exit(main())
