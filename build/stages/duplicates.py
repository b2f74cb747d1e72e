"""Stage 4, duplicates: finds functions that the run, or another data set, has already, and drops them.

Doubles are exact, normalised (equal but for names, layout and the like, `build.matching.normal_form`) or near (shingles of
their normal forms overlap by the recipe's `duplicates.similarity`). They are found over the whole run: each shard is sketched,
and one pass over all sketches writes RUN/duplicates/groups.jsonl, a line for each function in a group. The first function of a
group stays, and which others do says `duplicates.drop`; those that stay carry the group, so that a split cannot part them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from build.core.config import DataRecipe, SourceConfig
from build.core.errors import ConfigError
from build.core.records import RawCode, Reject, UnifiedFunction
from build.core.store import Store
from build.matching.groups import Kind, group
from build.matching.sketches import Program, sketch
from build.sources.rows import read_source_rows
from build.stages.stage import Context, Shard, Stage, Survey

STAGE = "duplicates"
GROUPS = "groups.jsonl"

_AT_ONCE = 2000  # functions of another data set in one sketch
_DROPPED: dict[str, tuple[Kind, ...]] = {
    "near": ("exact", "normalised", "near"),
    "normalised": ("exact", "normalised"),
    "exact": ("exact",),
    "none": (),
}


@dataclass(frozen=True, slots=True)
class Double:
    """A function in a group, as a line of the groups file has it. `known`: it doubles one of another data set."""

    group: str
    id: str
    function: str
    kind: Kind
    of: str
    similarity: float
    known: bool


def run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[UnifiedFunction | Reject]:
    """The functions of a shard with their groups, or rejects: exact_double, normalised_double, near_double, or known_double
    where another data set has the function.
    """
    rules = context.recipe.duplicates
    path = shard.store.file(STAGE, GROUPS)
    doubles = _open(path, path.stat().st_mtime_ns)
    for function in shard.records:
        double = doubles.get(function.id)
        if double is None:
            yield function
            continue
        stats[f"in_groups_{double.kind}"] += 1
        if double.kind in _DROPPED[rules.drop]:
            reason = "known_double" if double.known else f"{double.kind}_double"
            likeness = f" ({double.similarity:.0%})" if double.kind == "near" else ""
            yield Reject(STAGE, function.id, reason, f"{function.path}:{function.name} doubles {double.of}{likeness}")
        else:
            yield replace(function, group=double.group)


def doubles_in(path: Path) -> Iterator[Double]:
    """The lines of a groups file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Double(**json.loads(line))


@lru_cache(maxsize=1)
def _open(path: Path, written: int) -> dict[str, Double]:
    """The groups file of a run by function, read once by a process. `written` tells another file at the same place apart."""
    return {double.id: double for double in doubles_in(path)}


def _sketch(shard: Shard, context: Context) -> bytes:
    return sketch(Program(each.id, f"{each.path}:{each.name}", each.code) for each in shard.records)


def _gather(store: Store, recipe: DataRecipe) -> bytes:
    """The groups file. Other data sets come before the run, so that their functions stand for the groups that they are in."""
    rules = recipe.duplicates
    known = [path for number, source in enumerate(rules.against) for path in _known(store, number, source)]
    paths = known + [store.sketch(STAGE, shard) for shard in range(store.shards() or 0)]
    lines = []
    label_of: dict[str, str] = {}
    part_of: dict[str, int] = {}
    for member in group(paths, rules.similarity):
        if member.kind == "first":
            label_of, part_of = {}, {}
        label_of[member.id], part_of[member.id] = member.label, member.part
        if member.part >= len(known):
            is_known = bool(member.of) and part_of[member.of] < len(known)
            of = label_of.get(member.of, "")
            double = Double(member.group, member.id, member.label, member.kind, of, member.similarity, is_known)
            lines.append(json.dumps(asdict(double), sort_keys=True, ensure_ascii=False) + "\n")
    return "".join(lines).encode("utf-8", "replace")


def _known(store: Store, number: int, source: SourceConfig) -> Iterator[Path]:
    """The sketches of another data set, made where they are not there yet."""
    number_of_parts = store.file(STAGE, f"against-{number}.parts")
    if not number_of_parts.exists():
        programs = _programs(source)
        parts = 0
        while some := list(islice(programs, _AT_ONCE)):
            store.write(store.file(STAGE, f"against-{number}-{parts:05d}.npz"), sketch(some))
            parts += 1
        store.write(number_of_parts, f"{parts}\n")
    for part in range(int(number_of_parts.read_text("utf-8"))):
        yield store.file(STAGE, f"against-{number}-{part:05d}.npz")


def _programs(source: SourceConfig) -> Iterator[Program]:
    """The functions of another data set; a row that cannot be read is none."""
    found: Iterable[RawCode | Reject] = read_source_rows(source)
    for number, raw in enumerate(found):
        if source.limit is not None and number >= source.limit:
            return
        if isinstance(raw, RawCode):
            code = _refcode(raw.content) if raw.kind == "unified" else raw.content
            yield Program(raw.id, f"{source.name}/{raw.path}", code)


def _refcode(content: str) -> str:
    row: dict[str, Any] = json.loads(content)
    code = row.get("refcode")
    if not isinstance(code, str):
        raise ConfigError("`duplicates.against`: a row of the official raw schema has no `refcode`.")
    return code


stage = Stage(STAGE, UnifiedFunction, UnifiedFunction, run, Survey(GROUPS, _gather, _sketch))
