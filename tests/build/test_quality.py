"""Difficulty and shape of questions, the choice of pairs by coverage, the curriculum, and the report on quality."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from build.core.config import DataRecipe, RowsConfig, read_data_recipe
from build.core.records import PredictionInstance
from build.core.shape import lines_of, shape_of
from build.core.store import Store
from build.engine import run_rank
from build.report.quality import quality_of, quality_tables
from build.report.stats import stats
from build.sandbox import Program, Sandbox
from build.stages.assemble import SPLITS, ordered_rows
from build.stages.questions import _covering
from tests.build.conftest import write_recipe

CODE = """
def double(x):
    return x * 2

def main_solution(n):
    total = 0
    for i in range(n):
        if i % 2:
            total += double(i)
    return total
"""


def test_the_shape_of_a_call(sandbox: Sandbox) -> None:
    lines = lines_of(CODE)
    for n, rounds in ((0, 0), (1, 1), (4, 4)):
        shape, _ = shape_of(lines, sandbox.trace(Program(CODE), f'{{"n": {n}}}'))
        assert shape is not None and shape.rounds == shape.branches == rounds
        assert shape.depth == (2 if n > 1 else 1) and not shape.cut
        # total = 0; the head of the loop and the test n times; a statement and a return for each odd number; the end
        assert shape.steps == 1 + n + n + 2 * (n // 2) + 1
    long, _ = shape_of(lines, sandbox.trace(Program(CODE), '{"n": 5000}'))
    assert long is not None and long.cut
    assert shape_of(lines, sandbox.trace(Program(CODE), '{"n": "x"}'))[0] is None


def test_pairs_are_chosen_by_what_they_add() -> None:
    arcs = {
        "a": frozenset({(1, 2)}),
        "b": frozenset({(1, 2), (2, 3)}),
        "c": frozenset({(1, 4)}),
        "d": frozenset({(1, 2)}),
    }
    assert _covering(arcs, 2) == {"b", "c"} and len(_covering(arcs, 9)) == 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataRecipe, Store]:
    recipe = read_data_recipe(write_recipe(tmp_path_factory.mktemp("quality"), questions={"select": "coverage"}))
    return recipe, run_rank(recipe, 0, 1)


def test_questions_carry_their_shape_and_rows_their_columns(made: tuple[DataRecipe, Store]) -> None:
    recipe, store = made
    shards = range(store.shards() or 0)
    instances = [each for shard in shards for each in store.kept(PredictionInstance, shard)]
    assert instances and all(each.shape and each.shape.steps > 0 for each in instances)
    for split in SPLITS:
        for _, row in ordered_rows("codeio", split, store, shards, recipe):
            assert row["steps"] >= row["lines"] > 0 and row["depth"] > 0 and row["code_length"] > 0
            assert row["trivial"] in (True, False) and row["group"] is None


def test_a_curriculum_goes_from_few_steps_to_many(
    made: tuple[DataRecipe, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, store = made
    monkeypatch.setattr("build.stages.assemble._ORDERED_AT_ONCE", 3)
    shards = range(store.shards() or 0)
    plain = dict(ordered_rows("codeio", "train", store, shards, recipe))
    sorted_recipe = replace(recipe, rows=RowsConfig(order="curriculum"))
    ordered = list(ordered_rows("codeio", "train", store, shards, sorted_recipe))
    assert dict(ordered) == plain and len(ordered) == len(plain)
    steps = [row["steps"] for _, row in ordered]
    assert steps == sorted(steps) and steps != [row["steps"] for row in plain.values()]


def test_the_report_counts_what_is_there(made: tuple[DataRecipe, Store], tmp_path: Path) -> None:
    _, store = made
    found = quality_of(store)
    assert found.questions == store.totals("questions").kept and found.licenses == {"Apache-2.0": found.functions}
    assert "No benchmark was checked against." in quality_tables(store, found)
    result = CliRunner().invoke(stats, ["--quality", str(store.root)])
    assert result.exit_code == 0 and "executed steps" in result.output
    assert (store.root / "quality.png").read_bytes().startswith(b"\x89PNG")
