"""Kill a run with SIGKILL at random moments, resume it, and compare every byte with an uninterrupted one.

    python -m tests.kill_and_resume --config recipes/data/demo.yaml --runs 20

Prints one line a run and exits 1 when a byte differs.
"""

import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import yaml

ROOT = Path(__file__).resolve().parents[1]
_HASH_SEEDS = itertools.count(1)


def digests(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".tmp")
    }


def start(config: Path, log: Path) -> subprocess.Popen[bytes]:
    """A run as a process group of its own, so that a kill takes its workers along, as a machine that goes down does.

    Each start has another hash seed: no byte may depend on the order of a set.
    """
    with log.open("wb") as file:
        command = [sys.executable, str(ROOT / "codeio_dataset.py"), "--config", str(config)]
        environment = os.environ | {"PYTHONHASHSEED": str(next(_HASH_SEEDS))}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True)


def whole(config: Path, log: Path) -> float:
    """A run to its end; the seconds it took."""
    began = time.monotonic()
    if start(config, log).wait() != 0:
        raise RuntimeError(log.read_text("utf-8", "replace")[-2000:])
    return time.monotonic() - began


def killed_and_resumed(config: Path, log: Path, after: list[float], group: bool) -> int:
    """Kill after each of these seconds and start again each time, then let it end; the number of kills that hit.

    `group`: the whole process group, or the main process alone, whose workers must then end by themselves.
    """
    hits = 0
    for seconds in after:
        process = start(config, log)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            hits += 1
            os.killpg(process.pid, signal.SIGKILL) if group else process.kill()
        process.wait()
    whole(config, log)
    return hits


def recipe_for(config: Path, run: Path) -> Path:
    """The same recipe with another run folder, beside that folder."""
    plain = yaml.safe_load(config.read_text("utf-8")) | {"run": str(run)}
    path = run.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(plain), "utf-8")
    return path


def compare(config: Path, folder: Path, runs: int, seed: int) -> bool:
    """Whether `runs` killed and resumed runs have the bytes of an uninterrupted one."""
    rng = random.Random(seed)
    quiet = folder / "quiet"
    seconds = whole(recipe_for(config, quiet), folder / "log.txt")
    expected = digests(quiet)
    print(f"uninterrupted: {seconds:.0f} s, {len(expected)} files", flush=True)
    same = True
    for number in range(runs):
        run = folder / f"killed-{number}"
        after = [rng.uniform(0.5, seconds * 0.7) for _ in range(rng.choice([1, 1, 2]))]
        group = number % 2 == 0
        hits = killed_and_resumed(recipe_for(config, run), folder / "log.txt", after, group)
        found = digests(run)
        different = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        same = same and not different
        moments = ", ".join(f"{moment:.1f} s" for moment in after)
        what = "group" if group else "main process"
        print(f"run {number + 1}: {hits} kills ({what}, after {moments}): {different or 'same bytes'}", flush=True)
    return same


@click.command()
@click.option("--config", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--runs", default=20, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="An empty folder for the runs.")
def main(config: Path, runs: int, seed: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(0 if compare(config, folder.resolve(), runs, seed) else 1)


if __name__ == "__main__":
    main()
