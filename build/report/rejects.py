"""Lists what a run rejected, each with the file and the line where they are known.

python -m build rejects RUN --stage unify --reason no_function
"""

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from build.core.errors import RunError
from build.core.records import SURPLUS, RawCode, Reject, UnifiedFunction
from build.core.store import Store
from build.report.lookup import Entry, ShardRecords, line_of, shards_begun
from build.report.terminal import json_option, known, open_run_folder, paged, print_json, run_argument, table
from build.sources.packages import file_of


@dataclass(frozen=True, slots=True)
class Told:
    """A reject for a person. `path` is the source's name and the path in it; `file` where that lies on this machine, None
    where it is not there or has changed; `line` None where none is known; `id` what `build show` takes, "" where the run has no
    record of it.
    """

    stage: str
    reason: str
    path: str
    file: str | None
    line: int | None
    name: str
    detail: str
    id: str


def told_rejects(store: Store, stages: list[str], reason: str | None) -> Iterator[Told]:
    """The rejects of some stages, of one reason or of all but the surplus."""
    sources = {each["name"]: each["kind"] for each in store.manifest()["recipe"]["sources"]}
    for shard in range(shards_begun(store)):
        records: ShardRecords | None = None
        for stage in stages:
            counts = store.done(stage, shard)
            if counts is None or not (counts.rejects.get(reason) if reason else counts.rejected):
                continue
            records = records or ShardRecords(store, shard)
            for reject in store.rejects(stage, shard):
                if reject.reason == reason or (reason is None and reject.reason != SURPLUS):
                    yield _told(reject, records, sources)


def _told(reject: Reject, records: ShardRecords, sources: dict[str, str]) -> Told:
    entry = records.get(reject.parent)
    line = records.line(entry) if entry else []
    raw = next((each.record for each in line if each.kind == "file"), None)
    if raw is None:  # `collect` keeps no record of what it rejects; the parent is the path
        stated = re.search(r"line (\d+)", reject.detail)
        source = next((name for name in sources if reject.parent.startswith(f"{name}/")), "")
        path = reject.parent.removeprefix(f"{source}/")
        file = _on_disk(source, sources.get(source, ""), path, None)
        number = int(stated[1]) if stated else None
        return Told(reject.stage, reject.reason, reject.parent, file, number, "", reject.detail, "")
    name, detail = _parts(reject.detail, raw, line)
    file = _on_disk(raw.source, sources.get(raw.source, ""), raw.path, raw)
    path = f"{raw.source}/{raw.path}"
    return Told(reject.stage, reject.reason, path, file, line_of(raw, name, detail), name, detail, line[-1].id)


def _parts(detail: str, raw: RawCode, line: list[Entry]) -> tuple[str, str]:
    """The name of the function that a reject is about, and its detail without path and name."""
    function = next((each.record for each in line if isinstance(each.record, UnifiedFunction)), None)
    name = function.name if function else ""
    rest = detail.removeprefix(raw.path)
    if rest == detail:
        return name, detail
    if rest.startswith(":") and not name:
        name = re.split(r"[:\s]", rest[1:], maxsplit=1)[0]
    return name, rest.removeprefix(f":{name}").lstrip(": ")


def _on_disk(source: str, kind: str, path: str, raw: RawCode | None) -> str | None:
    """Where a source's file lies on this machine, as long as it still has the text that the run has."""
    found = Path(source) / path if kind == "folder" else file_of(source, path) if kind == "package" else None
    try:
        if found is None or not found.is_file():
            return None
        if raw is not None and found.read_text("utf-8").removeprefix("\ufeff") != raw.content:
            return None
    except (OSError, UnicodeDecodeError):
        return None
    return os.path.relpath(found) if Path.cwd() in found.parents else str(found)


def _complete_stage(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [stage for stage in _run_of(context) if stage.startswith(incomplete)]


def _complete_reason(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    found = _run_of(context)
    stage = context.params.get("stage")
    return sorted(
        {each for name in found if stage in (None, name) for each in found[name] if each.startswith(incomplete)}
    )


def _run_of(context: click.Context) -> dict[str, dict[str, int]]:
    """The stages and reasons of the run on a line that is not finished; none where it names no run yet."""
    path = context.params.get("run_folder") or next(map(Path, context.args), None)
    try:
        store = open_run_folder(path) if path else None
        return {stage: store.totals(stage).rejects for stage in store.stages()} if store else {}
    except RunError:
        return {}


@click.command()
@run_argument
@click.option("--stage", help="Of this stage alone.", shell_complete=_complete_stage)
@click.option("--reason", help="With this reason alone.", shell_complete=_complete_reason)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="List this many at the most.")
@json_option
def rejects(run_folder: Path, stage: str | None, reason: str | None, limit: int, as_json: bool) -> None:
    """List what a run rejected, with file and line; without --stage and --reason, count it with an example each."""
    store = open_run_folder(run_folder)
    names = list(store.stages())
    stages = [known(stage, names, "stage of this run")] if stage else names
    counts = {name: store.totals(name).rejects for name in stages}
    if reason:
        known(reason, sorted({each for found in counts.values() for each in found}), "reason for a reject")
    if not stage and not reason:
        _overview(store, counts, as_json)
        return
    total = sum(n for found in counts.values() for each, n in found.items() if each == (reason or each) != SURPLUS)
    total = total or sum(found.get(SURPLUS, 0) for found in counts.values())
    listed = list(islice(told_rejects(store, stages, reason), limit))
    if as_json:
        print_json({"total": total, "rejects": [asdict(each) for each in listed]})
        return
    with paged() as console:
        for each in listed:
            console.print(_line(each), soft_wrap=True)
        more = f"; --limit {total} lists them all" if len(listed) < total else ""
        console.print(f"\n{len(listed)} of {total:,} rejects{more}. `python -m build show RUN ID` shows a record.")


def _overview(store: Store, counts: dict[str, dict[str, int]], as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    for stage, found in counts.items():
        for reason, count in sorted(found.items(), key=lambda item: -item[1]):
            if reason != SURPLUS:
                example = next(told_rejects(store, [stage], reason), None)
                rows.append({"stage": stage, "reason": reason, "count": count, "example": example and asdict(example)})
    if as_json:
        print_json(rows)
        return
    with paged() as console:
        examples = [Told(**row["example"]) if row["example"] else None for row in rows]
        console.print(
            table(
                "Rejects",
                ["stage", "reason", "number", "the first"],
                [
                    [row["stage"], row["reason"], row["count"], _place(each.path, each.line) if each else ""]
                    for row, each in zip(rows, examples)
                ],
            )
        )
        console.print("`python -m build rejects RUN --stage STAGE --reason REASON` lists them.")


def _place(path: str, line: int | None) -> str:
    return f"{path}:{line}" if line else path


def _line(told: Told) -> Text:
    """One line in the form of a compiler's, which editors and terminals make a link of."""
    text = Text(f"{_place(told.file or told.path, told.line)}: ", style="cyan")
    text.append(f"{told.name}: " if told.name else "", style="bold")
    text.append(told.detail, style="default")
    text.append(f"  [{told.stage}: {told.reason}{f', {told.id}' if told.id else ''}]", style="dim")
    return text
