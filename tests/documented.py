"""Runs what the documentation says: `python -m tests.documented RUN`, with a finished run of the demo.

Each command of a console block in README.md, docs/ and recipes/README.md is run as it stands there, page by page, in a clone of
the last commit beside a project of somebody else's. Not run are commands whose comment says that they take long (`# takes half
an hour`) or need something (`# needs GPUs`: the commands after it in the block need it too), commands with a placeholder
(ORG/NAME), and `make`, whose targets are runs of their own; pip only resolves. Prints a table; ends with 1 where a command
failed.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from markdown_it import MarkdownIt
from tabulate import tabulate

from tests.test_docs import PAGES, ROOT

PLACEHOLDER = re.compile(r"(^|[\s/=])[A-Z][A-Z_]+($|[\s/,])|\.\.\.|@")
SECONDS = 900


@dataclass(frozen=True, slots=True)
class Documented:
    """A command of a page, and why it is not run where it is not."""

    page: Path
    text: str
    left_out: str = ""


def documented(page: Path) -> Iterator[Documented | tuple[str, str]]:
    """The commands of a page in order, and the files that it shows, as name and text."""
    for token in MarkdownIt().parse((ROOT / page).read_text("utf-8")):
        if token.type != "fence":
            continue
        if named := re.match(r"# (\S+\.(?:yaml|py))\n", token.content):
            yield named[1], token.content
        if token.info not in ("console", "bash", "sh"):
            continue
        needs = ""
        for line in token.content.replace("\\\n", " ").splitlines():
            command, _, comment = line.partition(" #")
            needs = needs or (re.search(r"needs .*", comment) or [""])[0]
            if command.strip():
                yield Documented(page, " ".join(command.split()), needs or _left_out(command, comment))


def _left_out(command: str, comment: str) -> str:
    words = shlex.split(command)
    if takes := re.search(r"takes .*", comment):
        return takes[0]
    if PLACEHOLDER.search(command):
        return "a placeholder"
    return "a run of its own" if words[0] == "make" or words[:2] == ["pip", "download"] else ""


def run(command: str, clone: Path, variables: dict[str, str]) -> str:
    """Run one command in the clone; returns what went wrong. An assignment is kept for the commands after it."""
    if assigned := re.fullmatch(r"([A-Z]+)=(\S+|'.*')", command):
        variables[assigned[1]] = assigned[2].strip("'")
        return ""
    environment = os.environ | variables | {"PATH": f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}", "PAGER": "cat"}
    shown = command.replace("pip install", "pip install --dry-run --quiet")
    try:
        done = subprocess.run(
            ["bash", "-c", shown], cwd=clone, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"not done after {SECONDS} s"
    if done.returncode or "Traceback" in done.stderr:
        return f"ended with {done.returncode}: {' '.join(done.stderr.split())[-300:]}"
    return ""


def cloned(run_folder: Path, folder: Path) -> Path:
    """A clone as a newcomer has it after `make demo`, beside another project."""
    clone = folder / "codeio"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    (clone / ".venv").symlink_to(Path(sys.prefix))
    for name in ("demo", "other"):
        shutil.copytree(run_folder, clone / "runs" / name)
    shutil.copytree(ROOT / "eval" / "scorers", folder / "my-project" / "src")
    return clone


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--page", "wanted", multiple=True, help="Only pages whose name holds this.")
def main(run_folder: Path, wanted: tuple[str, ...]) -> None:
    """Run the commands of the documentation in a fresh clone."""
    rows, failed = [], 0
    with tempfile.TemporaryDirectory() as folder:
        clone = cloned(run_folder, Path(folder))
        for page in PAGES:
            if wanted and not any(part in str(page) for part in wanted):
                continue
            variables: dict[str, str] = {}
            for each in documented(page):
                if isinstance(each, tuple):
                    (clone / each[0]).write_text(each[1], "utf-8")
                    continue
                begun = time.monotonic()
                fault = "" if each.left_out else run(each.text, clone, variables)
                failed += bool(fault)
                told = f"not run: {each.left_out}" if each.left_out else fault or f"{time.monotonic() - begun:.1f} s"
                rows.append((page, each.text[:90], told))
                click.echo(f"{page}: {each.text[:90]}: {told}", err=True)
    click.echo(tabulate(rows, ("page", "command", "what came of it"), "github"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
