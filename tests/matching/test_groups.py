"""Planted doubles are found with their kind, whatever shards they are in, and nothing else is."""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from build.bench.rewriting import REWRITINGS
from build.matching.groups import Member, group
from build.matching.normal_form import program_form
from build.matching.sketches import Program, shingles, sketch
from tests.matching.corpus import programs


def groups_of(folder: Path, parts: Sequence[Sequence[Program]], similarity: float = 0.8) -> list[Member]:
    paths = []
    for number, part in enumerate(parts):
        paths.append(folder / f"{number:05d}.npz")
        paths[-1].write_bytes(sketch(part))
    return list(group(paths, similarity))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Functions without doubles among them."""
    every = programs()
    members = groups_of(
        tmp_path_factory.mktemp("single"), [[Program(str(n), "", code) for n, code in enumerate(every)]]
    )
    doubles = {int(member.id) for member in members if member.kind != "first"}
    return [code for number, code in enumerate(every) if number not in doubles]


def planted(single: list[str], kind: str) -> tuple[list[Program], set[frozenset[str]]]:
    """All functions and rewritten copies of some, in random order, and the pairs that are to be found."""
    rng = random.Random(kind)
    picked = rng.sample(range(len(single)), min(100, len(single)))
    copies = [Program(f"copy{n}", f"copy of {n}", REWRITINGS[kind](single[n], random.Random(n))) for n in picked]
    mixed = [Program(f"own{n}", f"file:{n}", code) for n, code in enumerate(single)] + copies
    rng.shuffle(mixed)
    return mixed, {frozenset((f"own{n}", f"copy{n}")) for n in picked}


def found_pairs(members: Sequence[Member]) -> set[frozenset[str]]:
    by_group = defaultdict(list)
    for member in members:
        by_group[member.group].append(member.id)
    return {
        frozenset((one, other)) for ids in by_group.values() for place, one in enumerate(ids) for other in ids[:place]
    }


@pytest.mark.parametrize("kind", list(REWRITINGS))
def test_planted_doubles_are_found_over_four_parts(single: list[str], kind: str, tmp_path: Path) -> None:
    mixed, wanted = planted(single, kind)
    found = found_pairs(groups_of(tmp_path, [mixed[part::4] for part in range(4)]))
    recall, precision = len(found & wanted) / len(wanted), len(found & wanted) / len(found)
    assert precision >= 0.98
    assert recall >= (0.98 if kind != "edited" else 0.5)


def test_the_groups_do_not_depend_on_how_the_run_is_cut(single: list[str], tmp_path: Path) -> None:
    mixed, _ = planted(single, "edited")
    told = []
    for size in (len(mixed), 7, 50):
        parts = [mixed[low : low + size] for low in range(0, len(mixed), size)]
        (folder := tmp_path / str(size)).mkdir()
        told.append([(m.group, m.id, m.kind, m.of, m.similarity, m.label) for m in groups_of(folder, parts)])
    assert told[0] == told[1] == told[2]


def test_every_pair_over_the_threshold_is_in_one_group(single: list[str], tmp_path: Path) -> None:
    mixed = planted(single, "edited")[0][:200]
    sets = [set(shingles(program_form(each.code)).tolist()) for each in mixed]
    group_of = {member.id: member.group for member in groups_of(tmp_path, [mixed])}
    pairs = [(one, other) for one in range(len(mixed)) for other in range(one)]
    near = [(one, other) for one, other in pairs if len(sets[one] & sets[other]) >= 0.8 * len(sets[one] | sets[other])]
    assert near
    assert all(group_of.get(mixed[one].id, "") == group_of.get(mixed[other].id) for one, other in near)


def test_kinds_and_the_first_of_a_group(tmp_path: Path) -> None:
    code = programs()[0]
    copy = REWRITINGS["renamed"](code, random.Random(1))
    near = REWRITINGS["edited"](max(programs(), key=len), random.Random(1))
    parts = [[Program("a", "A", code), Program("b", "B", max(programs(), key=len))],
             [Program("c", "C", copy), Program("d", "D", code), Program("e", "E", near), Program("f", "F", "def broken(:")],
             [], [Program("g", "G", "def broken(:")]]  # fmt: skip
    found = [(member.id, member.kind, member.of, member.part, member.label) for member in groups_of(tmp_path, parts)]
    assert found == [
        ("a", "first", "", 0, "A"),
        ("c", "normalised", "a", 1, "C"),
        ("d", "exact", "a", 1, "D"),
        ("b", "first", "", 0, "B"),
        ("e", "near", "b", 1, "E"),
        ("f", "first", "", 1, "F"),
        ("g", "exact", "f", 3, "G"),
    ]


def test_a_sketch_has_the_same_bytes_again_and_none_needs_no_function() -> None:
    some = [Program(str(n), f"label\nover lines {n}", code) for n, code in enumerate(programs()[:20])]
    assert sketch(some) == sketch(some)
    assert len(np.load(__import__("io").BytesIO(sketch([])))["ids"]) == 0
