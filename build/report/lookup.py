"""Finds a record of a run by its id, and what it comes from and leads to: file, function, pair, instance, turn."""

import ast
import re
import warnings
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import build.core.records
from build.core.records import (
    Dialogue,
    PredictionInstance,
    Rationale,
    RawCode,
    Reject,
    SampledFunction,
    UnifiedFunction,
)
from build.core.store import Store

Kind = Literal["file", "function", "pair", "instance", "turn"]

_DIGITS = 20  # of a whole id
_NEAR = 4  # digits that an id must share with one that is not there, to be told as a near one


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with an id. `stage` is the last one that kept it; `parent` the id of what it comes from, "" of a file."""

    kind: Kind
    id: str
    parent: str
    stage: str
    label: str
    record: Any


class ShardRecords:
    """The records of one shard by id. What comes from a file is always in the file's shard."""

    def __init__(self, store: Store, shard: int) -> None:
        self.entries: dict[str, Entry] = {}
        self.children: dict[str, list[str]] = defaultdict(list)
        self.rejects: dict[str, list[Reject]] = defaultdict(list)
        self._same: dict[str, str] = {}  # ids of records that stand for another one
        self.conversations: dict[str, Dialogue] = {}  # by the id of each turn
        for stage, kind in store.stages().items():
            if store.done(stage, shard) is None:
                continue
            for record in store.read(stage, shard, getattr(build.core.records, kind)):
                self._add(stage, record)
            for reject in store.rejects(stage, shard):
                self.rejects[reject.parent].append(reject)

    def get(self, id: str) -> Entry | None:
        return self.entries.get(self._same.get(id, id))

    def line(self, entry: Entry) -> list[Entry]:
        """What an entry comes from, from the file on, and itself."""
        found = [entry]
        while parent := self.get(found[0].parent):
            found.insert(0, parent)
        return found

    def _add(self, stage: str, record: Any) -> None:
        if isinstance(record, RawCode):
            self._put(Entry("file", record.id, "", stage, f"{record.source}/{record.path}", record))
        elif isinstance(record, UnifiedFunction):
            self._put(Entry("function", record.id, record.parent, stage, f"{record.path}:{record.name}", record))
        elif isinstance(record, SampledFunction):
            self._same[record.id] = record.function.id
            self._add(stage, record.function)
            for pair in record.pairs:
                self._put(Entry("pair", pair.id, record.function.id, stage, f"{pair.input} → {pair.output}", pair))
        elif isinstance(record, PredictionInstance):
            self._put(Entry("instance", record.id, record.parent, stage, f"predict the {record.task}", record))
        elif isinstance(record, Rationale):
            self._put(
                Entry("turn", record.id, record.parent, stage, f"turn {record.turn}: {record.verdict.status}", record)
            )
        elif isinstance(record, Dialogue):
            self._same[record.id] = record.turns[-1].id
            for turn in record.turns:
                self._add(stage, turn)
                self.conversations[turn.id] = record

    def _put(self, entry: Entry) -> None:
        if entry.id not in self.entries:
            self.children[entry.parent].append(entry.id)
        self.entries[entry.id] = entry


def find(store: Store, prefix: str) -> list[tuple[int, str]]:
    """The ids in a run that begin with `prefix`, each with its shard; a whole id ends the search where it is found."""
    start = f'"id": "{prefix.lower()}'.encode()
    pattern = re.compile(rf'"id": "({re.escape(prefix.lower())}[0-9a-f]*)"'.encode())
    found: dict[str, int] = {}
    for shard in range(shards_begun(store)):
        for stage in store.stages():
            for line in store.lines(stage, shard):
                if start in line:  # much faster than the pattern alone
                    found.update((match.decode(), shard) for match in pattern.findall(line))
            if len(prefix) == _DIGITS and found:
                return [(shard, id) for id, shard in found.items()]
    return [(shard, id) for id, shard in found.items()]


def near(store: Store, id: str) -> str:
    """The id in a run that begins most like one that is not there; "" where none does."""
    candidates = [found for _, found in find(store, id[:_NEAR])] if len(id) > _NEAR else []
    return max(candidates, key=lambda each: _common(each, id), default="")


def _common(first: str, second: str) -> int:
    return next((place for place, (a, b) in enumerate(zip(first, second)) if a != b), min(len(first), len(second)))


def shards_begun(store: Store) -> int:
    """How many shards a run has so far."""
    count = store.shards()
    return len(store.finished("collect")) if count is None else count


def line_of(raw: RawCode, name: str, detail: str = "") -> int | None:
    """The line of a file that a reject is about: the one that its detail names, else where the function begins."""
    lines = raw.content.split("\n")
    stated = re.search(r"(?:(\w+)[\w.]* in )?line (\d+)", detail)  # of `random.randint` the module stands there
    if stated and 0 < int(stated[2]) <= len(lines) and (stated[1] or "") in lines[int(stated[2]) - 1]:
        return int(stated[2])
    return _definitions(raw.content).get(name)


@cache
def _definitions(content: str) -> dict[str, int]:
    """The lines where functions and classes begin, by their qualified names; none where the parser does not read the text."""
    found: dict[str, int] = {}

    def visit(node: ast.AST, above: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.setdefault(above + child.name, child.lineno)
                visit(child, f"{above}{child.name}.")
            else:
                visit(child, above)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            visit(ast.parse(content), "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return found
