"""Writes the page: `page/` as it is, and the data as scripts that it loads on demand (a page from disk may fetch nothing).

    data/summary.js        what the overview shows, and where everything lies
    data/rows/0000.js      whole records, in chunks of `_CHUNK` characters: files, functions, rows, dropped
    data/columns/rows/0.js what the list of rows filters by, column by column; the same of files and functions
    data/words/00.js       for each word the functions that hold it; a chunk has all words with some first two characters

Records name each other by their place in these lists. Memory holds the columns and the words, never the records.
"""

import json
import re
import shutil
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from build.core.errors import RunError
from build.core.records import SURPLUS
from build.core.store import Counts, Store
from build.report.view.items import Dropped, File, Function, Item, Part, Row, Shown, type_of

PAGE = Path(__file__).with_name("page")
_CHUNK = 250_000
_COLUMN_ROWS = 20_000
_WORD_CHUNKS = 64
_WORD = re.compile(r"[a-z0-9_]{2,40}")
_MEASURES = ("executed steps", "code length", "response length")


@dataclass
class _Table:
    """Records on their way into chunks. `starts`: the place of each chunk's first record."""

    name: str
    places: dict[str, int] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    characters: int = 0
    columns: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0

    def add(self, id: str, record: dict[str, Any], columns: dict[str, Any], store: Store) -> int:
        place = self.count
        self.places.setdefault(id, place)
        self.count += 1
        if not self.waiting:
            self.starts.append(place)
        text = json.dumps(record, separators=(",", ":"))
        self.waiting.append(text)
        self.characters += len(text)
        for name, value in columns.items():
            self.columns[name].append(value)
        if self.characters >= _CHUNK:
            self.flush(store)
        return place

    def flush(self, store: Store) -> None:
        if self.waiting:
            _script(store, f"{self.name}/{len(self.starts) - 1:04d}", f"[{','.join(self.waiting)}]")
            self.waiting, self.characters = [], 0

    def finish(self, store: Store) -> None:
        self.flush(store)
        for number, low in enumerate(range(0, self.count, _COLUMN_ROWS)):
            part = {name: values[low : low + _COLUMN_ROWS] for name, values in self.columns.items()}
            _script(store, f"columns/{self.name}/{number}", json.dumps(part, separators=(",", ":")))


class _Writer:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.tables = {name: _Table(name) for name in ("files", "functions", "rows", "dropped")}
        self.words: dict[str, list[int]] = defaultdict(list)
        self.kinds: dict[str, dict[str, int]] = {name: {} for name in ("source", "verdict", "type", "task", "split")}
        self.verdicts: Counter[tuple[str, str, int, str]] = Counter()  # of a grouping, a value, a turn: each verdict
        self.measures: dict[str, Counter[tuple[int, bool]]] = {name: Counter() for name in _MEASURES}
        self.examples: dict[str, list[int]] = defaultdict(list)
        self.lengths: list[int] = []  # of the functions' code

    def add(self, item: Item) -> None:
        match item:
            case File():
                self._put("files", item.id, asdict(item), {"id": item.id, "path": item.path})
            case Function():
                self._add_function(item)
            case Row():
                self._add_row(item)
            case Dropped():
                record = asdict(item) | {
                    "file": self._place("files", item.file),
                    "function": self._place("functions", item.function),
                }
                place = self._put("dropped", f"{self.tables['dropped'].count}", record, {})
                self.examples[f"{item.stage}/{item.reason}"].append(place)

    def _put(self, table: str, id: str, record: dict[str, Any], columns: dict[str, Any]) -> int:
        return self.tables[table].add(id, record, columns, self.store)

    def _place(self, table: str, id: str) -> int:
        return self.tables[table].places.get(id, -1)

    def _kind(self, name: str, value: str) -> int:
        return self.kinds[name].setdefault(value, len(self.kinds[name]))

    def _add_function(self, item: Function) -> None:
        file = self._place("files", item.file)
        columns = {"id": item.id, "name": item.name, "path": item.path, "file": file}
        columns["source"] = self._kind("source", item.source)
        place = self._put("functions", item.id, asdict(item) | {"file": file}, columns)
        self.lengths.append(len(item.code))
        text = "\n".join((item.name, item.path, item.query, item.description, item.code)).lower()
        whole = set(_WORD.findall(text))
        for word in whole | {part for each in whole for part in each.split("_") if len(part) > 1}:
            self.words[word].append(place)

    def _add_row(self, item: Row) -> None:
        function = self._place("functions", item.function)
        if function < 0:
            raise RunError(
                f"row {item.id}: its function {item.function} is missing; make the run or the dataset again."
            )
        verdicts = [turn.verdict for turn in item.turns]
        source = self.tables["functions"].columns["source"][function]
        kind = type_of(item.output) if item.output else "unknown"
        record = asdict(item) | {
            "function": function,
            "turns": [asdict(turn) | {"parts": [_part(part) for part in turn.parts]} for turn in item.turns],
        }
        columns = {
            "id": item.id,
            "function": function,
            "task": self._kind("task", item.task),
            "type": self._kind("type", kind),
            "first": self._kind("verdict", verdicts[0]),
            "last": self._kind("verdict", verdicts[-1]),
            "turns": len(verdicts),
            "split": self._kind("split", item.split),
            "steps": item.steps,
        }
        self._put("rows", item.id, record, columns)
        named = {"task": item.task, "source": list(self.kinds["source"])[source], "type": kind}
        for grouping, value in named.items():
            for turn, verdict in ((0, verdicts[0]), (1, verdicts[-1])):
                self.verdicts[grouping, value, turn, verdict] += 1
        right = verdicts[0] == "correct"
        found = (item.steps, self.lengths[function], sum(len(part.text) for part in item.turns[0].parts))
        for name, value in zip(_MEASURES, found):
            if value is not None:
                self.measures[name][value, right] += 1

    def finish(self, shown: Shown) -> None:
        for table in self.tables.values():
            table.finish(self.store)
        summary = {
            "title": shown.title,
            "notes": shown.notes,
            "stages": [_stage(name, counts) for name, counts in shown.stages.items()],
            "verdicts": [
                {"grouping": grouping, "value": value, "turn": turn, "verdict": verdict, "count": count}
                for (grouping, value, turn, verdict), count in sorted(self.verdicts.items())
            ],
            "measures": {name: _histogram(counts) for name, counts in self.measures.items() if counts},
            "examples": self.examples,
            "kinds": {name: list(values) for name, values in self.kinds.items()},
            "tables": {name: {"count": table.count, "starts": table.starts} for name, table in self.tables.items()},
            "column_rows": _COLUMN_ROWS,
            "words": self._write_words(),
        }
        _script(self.store, "summary", json.dumps(summary, separators=(",", ":")))

    def _write_words(self) -> dict[str, int]:
        """Write the words in chunks of like size; which chunk has the words that begin with two characters."""
        sizes: Counter[str] = Counter()
        for word, places in self.words.items():
            sizes[word[:2]] += len(places) + 2
        share = max(sizes.total() // _WORD_CHUNKS, 1)
        where: dict[str, int] = {}
        filled = 0
        for prefix in sorted(sizes):
            where[prefix] = filled // share
            filled += sizes[prefix]
        chunks: dict[int, dict[str, list[int]]] = defaultdict(dict)
        for word in sorted(self.words):
            places = self.words[word]
            chunks[where[word[:2]]][word] = [places[0], *(high - low for low, high in pairwise(places))]
        for number, words in chunks.items():
            _script(self.store, f"words/{number:02d}", json.dumps(words, separators=(",", ":")))
        return where


def write_view(shown: Shown, folder: Path) -> int:
    """Write the page into a folder, in place of an older page; returns how many rows it has.

    Raises `RunError` where the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "data" / "summary.js").exists():
        raise RunError(f"{folder}: is not empty and holds no page; name another folder with --output.")
    store = Store(folder.with_name(f"{folder.name}.tmp"))
    shutil.rmtree(store.root, ignore_errors=True)
    for file in sorted(PAGE.iterdir()):
        store.write(store.root / file.name, file.read_bytes())
    writer = _Writer(store)
    for item in shown.items:
        writer.add(item)
    writer.finish(shown)
    shutil.rmtree(folder, ignore_errors=True)
    store.root.rename(folder)
    return writer.tables["rows"].count


def _script(store: Store, name: str, value: str) -> None:
    store.write(store.root / "data" / f"{name}.js", f'loaded("{name}",{value});\n')


def _part(part: Part) -> list[Any]:
    return [part.text] if part.lines is None else [part.text, part.lines, part.events]


def _stage(name: str, counts: Counts) -> dict[str, Any]:
    return {
        "name": name,
        "received": counts.received,
        "units": counts.units,
        "kept": counts.kept,
        "surplus": counts.surplus,
        "rejected": counts.rejected,
        "reasons": sorted(
            ((reason, count) for reason, count in counts.rejects.items() if reason != SURPLUS),
            key=lambda item: (-item[1], item[0]),
        ),
    }


def _histogram(counts: Counter[tuple[int, bool]]) -> dict[str, Any]:
    """Classes with the edges 1, 2, 5, 10, 20, 50, ..., each with its right and its other first answers; and the median."""
    values: Counter[int] = Counter()
    for (value, _), count in counts.items():
        values[value] += count
    edges = [0, 1]
    while edges[-1] <= max(values):
        edges.append(edges[-1] * 5 // 2 if str(edges[-1])[0] == "2" else edges[-1] * 2)
    classes = []
    for low, high in pairwise(edges):
        right, wrong = (
            sum(count for (value, right), count in counts.items() if right is wanted and low <= value < high)
            for wanted in (True, False)
        )
        classes.append([low, high - 1, right, wrong])
    while classes and not sum(classes[0][2:]):
        del classes[0]
    seen, median = 0, 0
    for value in sorted(values):
        seen += values[value]
        if 2 * seen >= values.total():
            median = value
            break
    return {"classes": classes, "median": median, "total": values.total(), "most": max(values)}
