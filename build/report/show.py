"""Shows one record of a run by its id, with what it comes from and leads to.

python -m build show RUN ID
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from build.core.errors import RunError
from build.core.prompts import feedback, prediction_prompt
from build.core.records import Rationale, RawCode, UnifiedFunction
from build.core.store import Store
from build.report.lookup import Entry, ShardRecords, find, line_of, near
from build.report.terminal import json_option, open_run_folder, paged, print_json, run_argument, short, table

_LISTED = 30  # children of one kind


@click.command()
@run_argument
@click.argument("id")
@json_option
def show(run_folder: Path, id: str, as_json: bool) -> None:
    """Show a file, function, pair, instance or turn of a run. ID is its id, or enough of its beginning."""
    store = open_run_folder(run_folder)
    found = find(store, id)
    opened = {shard: ShardRecords(store, shard) for shard in sorted({shard for shard, _ in found[:_LISTED]})}
    entries = {  # a conversation and its last turn are one entry
        entry.id: (each, opened[shard], entry) for shard, each in found[:_LISTED] if (entry := opened[shard].get(each))
    }
    if not entries:
        nearest = near(store, id)
        hint = f"did you mean {nearest}?" if nearest else "ids are those in the columns `id` and `function_id`."
        raise RunError(f"{run_folder}: no record has an id that begins with {id}; {hint}")
    if len(entries) > 1:
        _list_matches(id, [(each, entry) for each, _, entry in entries.values()], len(found), as_json)
        raise SystemExit(1)
    ((_, records, entry),) = entries.values()
    if as_json:
        print_json(as_data(entry, records))
        return
    with paged() as console:
        _print_entry(console, entry, records, store)


def as_data(entry: Entry, records: ShardRecords) -> dict[str, Any]:
    """A record as plain data, with the ids around it."""
    return {
        "kind": entry.kind,
        "id": entry.id,
        "stage": entry.stage,
        "record": asdict(entry.record),
        "parents": [{"kind": each.kind, "id": each.id} for each in records.line(entry)[:-1]],
        "children": [{"kind": records.entries[each].kind, "id": each} for each in records.children[entry.id]],
        "rejects": [asdict(each) for each in records.rejects[entry.id]],
    }


def _list_matches(id: str, entries: list[tuple[str, Entry]], number: int, as_json: bool) -> None:
    if as_json:
        print_json([{"kind": each.kind, "id": matched, "label": each.label} for matched, each in entries])
        return
    with paged() as console:
        more = f" (the first {len(entries)})" if number > len(entries) else ""
        rows = [[each.kind, matched, short(each.label)] for matched, each in entries]
        console.print(table(f"{number} ids begin with {id}{more}; give more of one", ["kind", "id", "what"], rows))


def _print_entry(console: Console, entry: Entry, records: ShardRecords, store: Store) -> None:
    for depth, each in enumerate(records.line(entry)):
        mark = "└ " if depth else ""
        style = "bold" if each is entry else "default"
        console.print(Text(f"{'  ' * depth}{mark}{each.kind} {each.id}  {short(each.label)}", style=style))
    console.print(Text(f"last kept by the stage {entry.stage}", style="dim"))
    for heading, body in _parts(entry, records):
        console.print(f"\n{heading}", style="bold cyan")
        console.print(Padding(body, (0, 0, 0, 2)) if isinstance(body, Text) else body)
    children = [records.entries[each] for each in records.children[entry.id]]
    if children:
        kinds = Counter(each.kind for each in children)
        title = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items())
        rows = [[each.id, short(each.label), each.stage] for each in children[:_LISTED]]
        console.print(table(f"\n{title}", ["id", "what", "last kept by"], rows))
    rejects = records.rejects[entry.id]
    if rejects:
        rows = [[each.stage, each.reason, short(each.detail, 200)] for each in rejects[:_LISTED]]
        console.print(table(f"\n{len(rejects)} rejects", ["stage", "reason", "detail"], rows))


def _parts(entry: Entry, records: ShardRecords) -> Iterator[tuple[str, RenderableType]]:
    """What a record says, each part under a heading."""
    line = {each.kind: each.record for each in records.line(entry)}
    raw: RawCode | None = line.get("file")
    function: UnifiedFunction | None = line.get("function")
    if entry.kind == "file" and raw:
        yield (
            f"{raw.source}/{raw.path} ({raw.license})",
            Text(raw.content) if raw.kind == "unified" else _code(raw.content),
        )
    elif entry.kind == "function" and function:
        place = raw and line_of(raw, function.name)
        yield "from", Text(f"{function.source}/{function.path}{f':{place}' if place else ''} ({function.license})")
        yield "query", Text(function.query)
        yield "description", Text(function.description)
        yield f"code, by the unifier `{function.unifier}`", _code(function.code)
        if function.generator:
            yield "input generator", _code(function.generator)
    elif entry.kind == "pair":
        yield "input", Text(entry.record.input)
        yield "output", Text(entry.record.output)
    elif entry.kind == "instance" and function:
        wanted = entry.record.output if entry.record.task == "output" else entry.record.input
        yield "prompt", Text(prediction_prompt(function, entry.record))
        yield "the recorded answer", Text(wanted)
    elif isinstance(entry.record, Rationale):
        yield from _turn(entry.record, records)


def _turn(turn: Rationale, records: ShardRecords) -> Iterator[tuple[str, RenderableType]]:
    complete = {None: "", True: ", a complete telling", False: ", with steps left out"}[turn.complete]
    if turn.reasoning:
        yield "thought first", Text(turn.reasoning)
    yield f"response of the teacher `{turn.teacher}`{complete}", Text(turn.response)
    style = "green" if turn.verdict.correct else "red"
    yield "verdict", Text(f"{turn.verdict.status}\n", style=style) + Text(feedback(turn.verdict), style="default")
    conversation = records.conversations.get(turn.id)
    if conversation and len(conversation.turns) > 1:
        others = [f"turn {each.turn}: {each.verdict.status} ({each.id})" for each in conversation.turns]
        yield "the conversation", Text("\n".join(others))


def _code(code: str) -> Syntax:
    return Syntax(code.rstrip("\n"), "python", theme="ansi_dark", background_color="default", line_numbers=True)
