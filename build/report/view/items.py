"""Defines what the page shows: files, functions, questions with their turns, and examples of what was dropped."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from build.core.store import Counts


@dataclass(frozen=True, slots=True)
class File:
    """A file of raw code."""

    id: str
    source: str
    path: str
    license: str
    content: str


@dataclass(frozen=True, slots=True)
class Pair:
    id: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Function:
    """A unified function, with the pairs that it was left with. `file`: the id of its raw file, "" where that is not known."""

    id: str
    file: str
    source: str
    path: str
    license: str
    name: str
    code: str
    query: str
    description: str
    generator: str | None
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a response; for one that is proved, the code lines and the events of the run behind it."""

    text: str
    lines: tuple[int, ...] | None = None
    events: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A response and what execution said about it; `id` is "" where it is not published."""

    id: str
    parts: tuple[Part, ...]
    verdict: str
    feedback: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A question and its conversation. `steps`: executed steps of the call, None where they were not counted."""

    id: str
    question: str
    function: str
    pair: str
    task: str
    input: str
    output: str
    prompt: str
    teacher: str
    turns: tuple[Turn, ...]
    steps: int | None
    split: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An example of a reject: where it lies as far as is known, and the ids of what it came from."""

    stage: str
    reason: str
    parent: str
    detail: str
    path: str = ""
    line: int | None = None
    file: str = ""
    function: str = ""


Item: TypeAlias = File | Function | Row | Dropped


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page is made of. `items`: whatever an item names comes before it. `stages`: the yield, empty where it is not
    known; `notes`: sentences for the reader.
    """

    title: str
    items: Iterator[Item]
    stages: dict[str, Counts] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def parts_of(response: str, proof: list[dict[str, Any]]) -> tuple[tuple[Part, ...], list[dict[str, Any]]]:
    """A response cut into its proved sentences and what lies between them, and the proofs that are not of this response.

    The parts put together are the response.
    """
    parts: list[Part] = []
    place = 0
    for number, one in enumerate(proof):
        start = response.find(one["sentence"], place)
        if start < 0:
            proof = proof[number:]
            break
        if start > place:
            parts.append(Part(response[place:start]))
        place = start + len(one["sentence"])
        parts.append(Part(one["sentence"], tuple(one["lines"]), tuple(one["events"])))
    else:
        proof = []
    if place < len(response):
        parts.append(Part(response[place:]))
    return tuple(parts), proof


def type_of(value: str) -> str:
    """The JSON type of a canonical JSON text."""
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "list", dict: "object"}
    return names.get(type(json.loads(value)), "null")
