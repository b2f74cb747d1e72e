"""Writes ten samples of a run as Markdown: `python -m build gallery RUN --output docs/GALLERY.md`.

Which ones, the ids decide, among short ones: four output questions, three input questions that were answered right at once,
two that the second turn mended, and one that stayed wrong. No two are of one file.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click

from build.core.store import Store
from build.report.view.from_run import from_run
from build.report.view.items import Function, Row

_MOST_LINES, _MOST_CHARACTERS, _LEAST_STEPS = 30, 900, 8
_INTRODUCTION = """# Ten samples

The prompt of each is the question, what goes in and out, the given value, the request to reason step by step, and the code.
The functions come from {sources}; the teacher is `{teacher}`.

{choice}

Written by `python -m build gallery RUN --output docs/GALLERY.md` from a run of `{name}` with version {version}.
"""
_CHOICE = (
    f"Which ones, their ids decide, among those with at most {_MOST_LINES} lines of code, {_MOST_CHARACTERS} characters of "
    f"response and at least {_LEAST_STEPS} executed steps: four output questions, three input questions that were answered "
    "right at once, two that the second turn mended, and one that stayed wrong."
)

_CLASSES: tuple[tuple[int, Callable[[Row], bool]], ...] = (
    (4, lambda row: row.task == "output" and row.turns[0].verdict == "correct"),
    (3, lambda row: row.task == "input" and row.turns[0].verdict == "correct"),
    (2, lambda row: len(row.turns) > 1 and row.turns[-1].verdict == "correct"),
    (1, lambda row: row.turns[-1].verdict != "correct"),
)


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The Markdown file.")
def gallery(run_folder: Path, output: Path) -> None:
    """Write ten samples of a run as Markdown, some right at once, some mended, one wrong."""
    store = Store(run_folder)
    manifest = store.manifest()
    functions: dict[str, Function] = {}
    rows: list[Row] = []
    for item in from_run(store).items:
        if isinstance(item, Function):
            functions[item.id] = item
        elif isinstance(item, Row) and _short(item, functions[item.function]):
            rows.append(item)
    rows.sort(key=lambda row: row.id)
    used: set[str] = set()
    samples = []
    for number, wanted in _CLASSES:
        chosen = islice(_of_other_files(rows, functions, wanted, used), number)
        samples += [_sample(row, functions[row.function]) for row in chosen]
    head = _INTRODUCTION.format(
        sources=", ".join(f"`{each}`" for each in sorted({functions[row.function].source for row in rows})),
        teacher=manifest["recipe"]["teacher"]["name"],
        choice=_CHOICE,
        name=manifest["recipe"]["name"],
        version=manifest["code"],
    )
    text = "\n".join([head, *samples])
    store.write(output, text.encode("utf-8", "backslashreplace"))  # code may hold lone surrogates
    print(f"{len(samples)} samples in {output}")


def _short(row: Row, function: Function) -> bool:
    response = sum(len(part.text) for turn in row.turns for part in turn.parts)
    lines = function.code.count("\n")
    return lines <= _MOST_LINES and response <= _MOST_CHARACTERS * len(row.turns) and (row.steps or 0) >= _LEAST_STEPS


def _of_other_files(
    rows: list[Row], functions: dict[str, Function], wanted: Callable[[Row], bool], used: set[str]
) -> Iterator[Row]:
    """The rows that are wanted, of files that no row was taken from before."""
    for row in rows:
        path = functions[row.function].path
        if path not in used and wanted(row):
            used.add(path)
            yield row


def _sample(row: Row, function: Function) -> str:
    given = f"given the input `{row.input}`" if row.task == "output" else f"given the output `{row.output}`"
    told = [
        f"## {function.name}: {row.task} question\n\n`{function.path}` ({function.license}), {row.steps} executed steps.",
        function.query,
        f"**Question**, {given}: {'what comes out?' if row.task == 'output' else 'which input leads there?'}",
        f"```python\n{function.code.strip()}\n```",
    ]
    for number, turn in enumerate(row.turns, 1):
        response = "".join(part.text for part in turn.parts)
        quoted = "\n".join(f"> {line}".rstrip() for line in response.split("\n"))
        told.append(f"**Turn {number}**, verdict `{turn.verdict}`:\n\n{quoted}\n\n**Feedback**: {turn.feedback}")
    return "\n\n".join(told) + "\n"
