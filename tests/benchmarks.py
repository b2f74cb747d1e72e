"""Measures the project's speed as ratios within one run, and compares them with those of docs/benchmarks.json.

    python -m tests.benchmarks            # ends with 1 where a ratio is a third worse than the committed one
    python -m tests.benchmarks --write    # and makes the new ones the committed ones

A ratio compares two ways on the same machine in the same minutes (the sandbox against a fresh interpreter, the service against
the call in process), so it may be compared between machines, as seconds may not. More is better in all of them.
"""

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "docs" / "benchmarks.json"
BENCHES = {"sandbox": ("--limit", "100"), "verify": (), "teacher": ("--requests", "4000", "--delay", "1")}
WORSE = 2 / 3  # of the committed ratio: a loaded machine moves a ratio by a fifth


def measured(bench: str) -> dict[str, float]:
    """The ratios of one `python -m build bench`. Raises `CalledProcessError`."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "build", "bench", bench, *BENCHES[bench], "--json", str(target)]
        subprocess.run(command, cwd=ROOT, check=True)
        ratios: dict[str, float] = json.loads(target.read_text("utf-8"))["ratios"]
        return ratios


@click.command()
@click.option("--write", is_flag=True, help="Write docs/benchmarks.json.")
def main(write: bool) -> None:
    """Measure, compare, and with --write keep."""
    before = json.loads(COMMITTED.read_text("utf-8")) if COMMITTED.exists() else {"ratios": {}}
    now = {f"{bench}: {name}": round(ratio, 3) for bench in BENCHES for name, ratio in measured(bench).items()}
    known = before["ratios"]
    rows = [
        (name, known.get(name), ratio, "worse" if ratio < WORSE * known.get(name, 0) else "")
        for name, ratio in now.items()
    ]
    click.echo(tabulate(rows, ("ratio", f"committed ({before.get('date', 'none')})", "now", ""), "github"))
    if write:
        kept = {"command": "make benchmarks", "date": datetime.date.today().isoformat(), "ratios": now}
        COMMITTED.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    missing = known.keys() - now.keys()
    if missing or any(row[-1] for row in rows):
        raise click.ClickException(
            f"slower than the committed figures, or not measured any more: {', '.join(missing) or 'see above'}"
        )


if __name__ == "__main__":
    main()
