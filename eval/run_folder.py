"""Reads and writes the folder of an evaluation run, the only place where eval/ writes results.

RUN/manifest.json             the model, its revision and template, settings, package versions
RUN/responses/NAME.jsonl      one line a response, appended as it comes: raw text, never changed by scoring
RUN/scores/NAME.jsonl         one line an item, written by `score`
RUN/summary.json              a figure a benchmark, written by `score`
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError


class BadRun(RuntimeError):
    """A run folder that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Response:
    """A raw response. `truncated`: it was cut at the length limit; `prompt_cut`: its prompt did not fit the context."""

    id: str
    prompt_sha: str
    text: str
    truncated: bool
    prompt_cut: bool = False


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """An item's score: `group` is the benchmark's (passage, problem, task, ...).

    `row_sha` is the digest of the row, by which items of two benchmarks over the same rows are matched.
    """

    id: str
    group: str
    value: float
    answered: bool
    truncated: bool
    other: dict[str, float] = field(default_factory=dict)
    row_sha: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A benchmark's figure, in percent with its standard error, over `n` of `items` items (rates in percent too)."""

    name: str
    column: str
    n: int
    items: int
    value: float
    se: float
    low: float
    high: float
    no_answer: float
    truncated: float
    prompts_cut: int
    scorer_version: int
    other: dict[str, float] = field(default_factory=dict)
    groups: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """`score`'s result. `average` is the mean of the 14 columns, None while one is missing."""

    columns: list[Column]
    average: float | None
    average_se: float | None
    unavailable: dict[str, str] = field(default_factory=dict)


class Run:
    """A run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        return (self.path / "manifest.json").is_file()

    def manifest(self) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadRun(f"{self.path} is no run folder: its manifest.json cannot be read ({error})") from error
        return manifest

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        self._replace("manifest.json", json.dumps(manifest, indent=2, sort_keys=True, default=str) + "\n")

    def benchmarks(self) -> list[str]:
        """The names that have responses."""
        return sorted(path.stem for path in (self.path / "responses").glob("*.jsonl"))

    def responses(self, name: str) -> dict[str, Response]:
        """The stored responses by id. A last line that a killed run left unfinished is removed."""
        path = self.path / "responses" / f"{name}.jsonl"
        if not path.exists():
            return {}
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with path.open("r+b") as file:
                file.truncate(len(whole))
        found = (_record(Response, line, path) for line in whole.decode("utf-8").split("\n") if line)
        return {response.id: response for response in found}

    def append(self, name: str, responses: Iterable[Response]) -> None:
        """Add responses; they are on disk when this returns."""
        path = self.path / "responses" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            for response in responses:
                file.write(json.dumps(asdict(response)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def scores(self, name: str) -> list[ScoredItem]:
        path = self.path / "scores" / f"{name}.jsonl"
        if not path.exists():
            return []
        return [_record(ScoredItem, line, path) for line in path.read_text(encoding="utf-8").split("\n") if line]

    def write_scores(self, name: str, items: Iterable[ScoredItem]) -> None:
        self._replace(f"scores/{name}.jsonl", "".join(json.dumps(asdict(item)) + "\n" for item in items))

    def summary(self) -> Summary:
        path = self.path / "summary.json"
        if not path.exists():
            raise BadRun(f"{self.path} has no summary.json: run `python -m eval score {self.path}` first")
        return _record(Summary, path.read_text(encoding="utf-8"), path)

    def write_summary(self, summary: Summary) -> None:
        self._replace("summary.json", json.dumps(asdict(summary), indent=2) + "\n")

    def _replace(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def _record(kind: type[Any], text: str, path: Path) -> Any:
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise BadRun(f"{path}: not a {kind.__name__} ({error.errors()[0]['msg']})") from error
