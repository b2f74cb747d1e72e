"""What the commands that look at runs share: opening a run, hints for a mistyped word, tables, JSON, and the pager."""

import difflib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from build.core.errors import RunError
from build.core.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])

_COLUMNS = 100  # where the output is no terminal
_SHORT = 70  # characters of a value in a list


def json_option(command: Command) -> Command:
    """The option `--json` of a command, as its argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")(command)


def run_argument(command: Command) -> Command:
    """The argument RUN of a command, as its argument `run_folder`."""
    return click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))(command)


def open_run_folder(path: Path) -> Store:
    """A run folder to look at. Raises `RunError` with the name of a run nearby where it is none."""
    store = Store(path)
    if not (path / "manifest.json").exists():
        folders = {path.parent, path / "runs", path.parent / "runs", Path("runs")}
        runs = sorted({str(found.parent) for folder in folders for found in folder.glob("*/manifest.json")})
        names = {Path(run).name: run for run in runs}
        near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.4)
        some = f" the runs here are {', '.join(runs[:5])}." if runs else ""
        hint = f"; did you mean {names[near[0]]}?" if near else f";{some}" if some else "."
        raise RunError(f"{path}: is not a run folder{hint}")
    store.manifest()
    return store


def known(word: str, words: Sequence[str], what: str) -> str:
    """`word`, where it is one of `words`. Raises `RunError` with the one that was probably meant where it is not."""
    if word in words:
        return word
    near = difflib.get_close_matches(word, words, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(words) or 'none'}."
    raise RunError(f"no {what} is called `{word}`; {hint}")


def print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=not _writes_unicode()))


def _writes_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


@contextmanager
def paged() -> Iterator[Console]:
    """A console whose output goes through a pager where it is a terminal and has more lines than the screen."""
    console = plain_console()
    if not console.is_terminal:
        yield console
        return
    os.environ.setdefault("LESS", "FRX")  # colours; and no pager for what fits the screen
    with console.pager(styles=True):
        yield console


def plain_console() -> Console:
    """A console without a pager; colours are for terminals alone."""
    console = Console(highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = _COLUMNS
    return console


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table whose columns of numbers are on the right."""
    cells = [[cell if isinstance(cell, str) else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]
             for row in rows]  # fmt: skip
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=_box())
    for place, header in enumerate(headers):
        numbers = all(row[place].strip(" %").replace(",", "").replace(".", "").isdigit() for row in cells if row[place])
        made.add_column(header, justify="right" if cells and numbers else "left", overflow="fold")
    for row in cells:
        made.add_row(*row)
    return made


def _box() -> Any:
    from rich import box

    return box.SIMPLE_HEAD


def short(text: str, most: int = _SHORT) -> str:
    """A text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
