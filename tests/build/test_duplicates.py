"""Doubles and leaks in a whole run: in one process or four jobs, over shards, against other data sets, and across the split."""

import inspect
import json
import random
from pathlib import Path
from typing import Any

import pytest

from build.bench.rewriting import REWRITINGS
from build.core.config import DataRecipe, read_data_recipe
from build.core.errors import ConfigError
from build.core.records import SampledFunction, UnifiedFunction
from build.core.store import Store
from build.engine import run_rank, unsurveyed
from build.report.check import check
from build.sandbox import Limits
from build.stages import duplicates
from build.stages.assemble import split_of
from tests.build.conftest import write_recipe
from tests.kill_and_resume import digests

ENTRY = "def main_solution(number, text):\n    return work(number, text)\n"


def codes() -> list[str]:
    """Small programs of two functions that differ in what they compute."""
    bodies = [
        "total = 0\n    for each in text:\n        total += ord(each) * number\n    return total",
        "kept = [each for each in text if each.isalpha()]\n    return ''.join(sorted(kept))[:number]",
        "seen = {}\n    for place, each in enumerate(text):\n        seen.setdefault(each, place + number)\n    return seen",
        "words = text.split()\n    words.reverse()\n    return ' '.join(words) + str(number)",
        "while number > 3:\n        number, rest = divmod(number, 3)\n        text += str(rest)\n    return text",
        "pairs = zip(text, text[1:])\n    return sum(first == second for first, second in pairs) + number",
    ]
    return [f"def work(number, text):\n    {body}\n\n\n{ENTRY}" for body in bodies]


def row(code: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(code, scope)
    entry = scope["main_solution"]
    values = ((1, "ab ba"), (4, "xyz zz"), (7, "hello there"), (12, "a"))
    ios = [{"input": dict(zip(inspect.signature(entry).parameters, each)), "output": entry(*each)} for each in values]
    return {
        "problem_description": "What comes out?",
        "io_requirements": "Input and output.",
        "refcode": code,
        "ios": ios,
    }


def recipe_over(folder: Path, rows: list[dict[str, Any]], run: str = "run", **changes: Any) -> DataRecipe:
    (folder / "rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    sources = [{"kind": "functions", "name": str(folder / "rows.jsonl")}]
    return read_data_recipe(write_recipe(folder, run, sources=sources, **changes))


def kept(store: Store, stage: str) -> list[UnifiedFunction]:
    return [each for shard in range(store.shards() or 0) for each in store.read(stage, shard, UnifiedFunction)]


def planted() -> list[dict[str, Any]]:
    own = codes()
    copies = [REWRITINGS[kind](own[place], random.Random(1)) for place, kind in enumerate(("renamed", "reformatted"))]
    return [row(code) for code in (*own, *copies, own[3] + "\n# again\n")]


def test_four_jobs_find_what_one_finds_with_the_same_bytes(tmp_path: Path) -> None:
    alone = run_rank(recipe_over(tmp_path, planted()), 0, 1)
    assert alone.totals("duplicates").rejects == {"normalised_double": 3}
    assert [each.code for each in kept(alone, "duplicates")] == [each["refcode"] for each in planted()[:6]]
    recipe = recipe_over(tmp_path, planted(), "four")
    for rank in (0, 3, 1, 2):
        store = run_rank(recipe, rank, 4)
    assert digests(store.root) == digests(alone.root)
    assert check(store, Limits()).faults == ()


def test_a_rank_takes_over_what_others_have_not_sketched(tmp_path: Path) -> None:
    recipe = recipe_over(tmp_path, planted())
    store = run_rank(recipe, 0, 4)
    assert unsurveyed(duplicates.stage, store) == [] and store.file("duplicates", "groups.jsonl").exists()
    assert store.done("duplicates", 0) is not None and store.done("duplicates", 1) is None


@pytest.mark.parametrize(("drop", "left"), [("near", 6), ("normalised", 6), ("exact", 9), ("none", 9)])
def test_doubles_that_stay_are_on_one_side_of_the_split(tmp_path: Path, drop: str, left: int) -> None:
    recipe = recipe_over(tmp_path, planted(), duplicates={"drop": drop}, test_fraction=0.5)
    store = run_rank(recipe, 0, 1)
    functions = kept(store, "duplicates")
    assert len(functions) == left
    sides: dict[str, set[str]] = {}
    for shard in range(store.shards() or 0):
        for sampled in store.kept(SampledFunction, shard):
            sides.setdefault(sampled.function.group or sampled.id, set()).add(split_of(sampled, recipe))
    assert all(len(side) == 1 for side in sides.values())
    assert set.union(*sides.values()) == {"train", "test"}
    assert {len([each for each in functions if each.group == group]) for group in sides} <= {0, 1, 2}


def test_what_another_data_set_has_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text(
        json.dumps({"content": REWRITINGS["renamed"](codes()[2], random.Random(2))}) + "\n"
    )
    against = [{"kind": "jsonl", "name": str(tmp_path / "other.jsonl")}]
    store = run_rank(recipe_over(tmp_path, planted(), duplicates={"against": against}), 0, 1)
    assert store.totals("duplicates").rejects == {"known_double": 1, "normalised_double": 3}
    (reject,) = [
        each
        for shard in range(store.shards() or 0)
        for each in store.rejects("duplicates", shard)
        if each.reason == "known_double"
    ]
    assert "other.jsonl" in reject.detail


def test_a_killed_survey_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_over(tmp_path, planted())
    whole = run_rank(recipe_over(tmp_path, planted(), "whole"), 0, 1)
    monkeypatch.setattr("build.engine.gather", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run_rank(recipe, 0, 1)
    monkeypatch.undo()
    assert digests(run_rank(recipe, 0, 1).root) == digests(whole.root)


def test_leaks_are_dropped_and_named(tmp_path: Path) -> None:
    item = codes()[4].replace("def work", "def f").rpartition("def main_solution")[0]
    (tmp_path / "own.jsonl").write_text(json.dumps({"body": item, "words": "unrelated"}) + "\n")
    own = [{"name": "mine", "path": str(tmp_path / "own.jsonl"), "code": ["body"], "text": ["words"]}]
    store = run_rank(recipe_over(tmp_path, planted(), leaks={"own": own}), 0, 1)
    totals = store.totals("leaks")
    assert totals.rejects == {"leak_code": 1} and totals.stats == {"of_mine": 1}
    (reject,) = [each for shard in range(store.shards() or 0) for each in store.rejects("leaks", shard)]
    assert "repeats mine 0" in reject.detail
    assert check(store, Limits()).faults == ()


def test_a_benchmark_that_cannot_be_had_stops_the_run(tmp_path: Path) -> None:
    recipe = recipe_over(tmp_path, planted()[:2], leaks={"benchmarks": ["gsm8k"], "data": str(tmp_path)})
    with pytest.raises(ConfigError, match=r"`leaks.data`: .*gsm8k.jsonl is missing"):
        run_rank(recipe, 0, 1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"leaks": {"benchmarks": ["humaneval"]}}, "leaks.benchmarks"),
        ({"leaks": {"own": [{"name": "x", "path": "y"}]}}, "names no column"),
        ({"duplicates": {"against": [{"kind": "folder", "name": "x"}]}}, "give a table of functions"),
        ({"duplicates": {"similarity": 2}}, "duplicates.similarity"),
    ],
)
def test_bad_keys_are_one_sentence(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_data_recipe(write_recipe(tmp_path, **changes))
    assert told in str(error.value) and "\n" not in str(error.value)
