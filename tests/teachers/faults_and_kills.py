"""The proof that nothing is lost: a quiet run, one under faults, and one under faults that is killed again and again.

    python -m tests.teachers.faults_and_kills --folder EMPTY_FOLDER --files 60 --kills 10

The model is canned, behind a loopback server that fails at 20 % of its arrivals in six ways. Exits 1 when a byte of a run
differs from the quiet one, or when a request was answered more often than kills can explain: an answer counts as lost in a
kill when the server had sent it and the response cache, looked at after the kill, does not have it.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import click

from build.bench.fake_endpoint import FakeEndpoint, Faults
from tests.kill_and_resume import digests
from tests.teachers.canned import reply, write_run

ROOT = Path(__file__).resolve().parents[2]


def start(config: Path, log: Path) -> subprocess.Popen[bytes]:
    """A run in the recipe's folder, as a process group of its own."""
    with log.open("ab") as file:
        command = [sys.executable, str(ROOT / "codeio_dataset.py"), "--config", str(config)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            command, cwd=config.parent, stdout=file, stderr=file, start_new_session=True, env=environment
        )


def finish(config: Path, log: Path) -> float:
    """A run to its end; the seconds it took."""
    began = time.monotonic()
    if start(config, log).wait() != 0:
        raise RuntimeError(log.read_text("utf-8", "replace")[-2000:])
    return time.monotonic() - began


def cached_answers(run: Path) -> int:
    """How many answers a run's response cache holds."""
    path = run / "response_cache" / "local.sqlite"
    if not path.exists():
        return 0
    try:
        return int(sqlite3.connect(path).execute("select count(*) from answers").fetchone()[0])
    except sqlite3.OperationalError:  # killed before the table was made
        return 0


def content(run: Path) -> dict[str, str]:
    return {name: found for name, found in digests(run).items() if not name.startswith("response_cache/")}


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="An empty folder for the runs.")
@click.option("--files", default=60, show_default=True)
@click.option("--kills", default=10, show_default=True)
@click.option("--share", default=0.2, show_default=True, help="Of the arrivals that fail.")
@click.option("--seed", default=0, show_default=True)
def main(folder: Path, files: int, kills: int, share: float, seed: int) -> None:
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    with FakeEndpoint(reply) as server:
        seconds = finish(write_run(folder, "quiet", [server.url], files), log)
        asked = len(server.answered)
    expected = content(folder / "quiet")
    print(f"quiet: {asked} requests, {seconds:.0f} s, {len(expected)} files", flush=True)
    fine = True
    with FakeEndpoint(reply, Faults(share)) as server:
        took = finish(write_run(folder, "faults", [server.url], files), log)
        same, twice = content(folder / "faults") == expected, max(server.answered.values())
        arrived, failed = sum(server.arrived.values()), dict(server.failed)
    fine = fine and same and twice == 1
    print(
        f"faults: {arrived} arrivals, {failed}, {took:.0f} s; same bytes: {same}; answers per request: at most {twice}"
    )
    with FakeEndpoint(reply, Faults(share)) as server:
        config, run = write_run(folder, "killed", [server.url], files), folder / "killed"
        rng, hits, lost = random.Random(seed), 0, 0
        while hits < kills:
            answers = sum(server.answered.values())
            wanted = answers + rng.randint(1, max(3 * asked // (2 * kills + 2), 1))
            process = start(config, log)
            while process.poll() is None and sum(server.answered.values()) < wanted:
                time.sleep(0.01)
            if process.poll() is not None:
                break  # it ended before all kills could hit
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            hits += 1
            time.sleep(0.5)  # what the server still sends goes nowhere
            gone = sum(server.answered.values()) - cached_answers(run) - lost
            lost += gone
            print(
                f"kill {hits}: {cached_answers(run)} answers in the response cache, {gone} lost under way", flush=True
            )
        finish(config, log)
        same, total = content(run) == expected, sum(server.answered.values())
    fine = fine and same and total == asked + lost and hits == kills
    print(f"{hits} kills: same bytes: {same}; {total} answers for {asked} requests, {lost} lost in kills", flush=True)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
