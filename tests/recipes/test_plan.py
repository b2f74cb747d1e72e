"""The plan counts what the data really holds, and the README's table is the stated arithmetic."""

import os
from math import ceil
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("trl")

from recipes.__main__ import main
from recipes.memory import SHAPES, Shape, cpu_hours, cpu_memory_gb, hours, memory_gb, readme_table
from recipes.plan import plan, rows_of

MEASURED_GIB, MEASURED_TOKENS_A_SECOND = 3.7, 62.0  # one core, rows of at most 768 tokens, one at a time


def test_epoch_of_unpacked_rows(arguments: list[str]) -> None:
    made = plan(Path(arguments[1]), 2, ("--max_steps", "-1", "--num_train_epochs", "2"))
    assert made.samples == 63 and made.too_long == pytest.approx(1 / 64)
    assert made.accumulation == 1
    assert made.steps == 32  # 63 rows in steps of 4, twice, the last one short
    assert made.tokens == pytest.approx(2 * 63 * made.mean_tokens)


def test_steps_of_packed_rows_become_epochs(arguments: list[str]) -> None:
    made = plan(Path(arguments[1]), 1, ("--packing", "true", "--max_steps", "10"))
    assert made.steps == 10
    assert made.fill is not None and 0.8 < made.fill <= 1
    assert made.epochs == pytest.approx(10 / ceil(made.sequences / 4))
    assert made.sequences * 512 * made.fill == pytest.approx(63 * made.mean_tokens, rel=0.01)


def test_command_prints_the_plan_or_one_sentence(arguments: list[str]) -> None:
    good = CliRunner().invoke(main, ["plan", arguments[1], "--gpus", "2"])
    assert good.exit_code == 0 and "tokens trained" in good.output
    bad = CliRunner().invoke(main, ["plan", arguments[1], "--gpus", "3"])
    assert bad.exit_code == 1 and "cannot be split over 3 processes" in bad.output


def test_a_recipe_for_a_cpu_is_planned_on_its_cores(arguments: list[str]) -> None:
    """SmolLM2-135M as it was measured: see recipes/smollm2-135m/LOG.md."""
    small = Shape(134.5e6, 134.5e6, 30, 576, 49152, 0)
    assert cpu_memory_gb(small, 768) == pytest.approx(MEASURED_GIB, rel=0.25)
    assert 1 / (3600 * cpu_hours(small, 1, 1)) == pytest.approx(MEASURED_TOKENS_A_SECOND, rel=0.25)
    recipe = Path(arguments[1])
    made = plan(recipe, 1)
    recipe.write_text(recipe.read_text("utf-8").replace("use_cpu: true\n", ""), encoding="utf-8")
    on_gpus = plan(recipe, 1)
    assert made.cores == os.cpu_count() and made.hours > on_gpus.hours and made.memory < on_gpus.memory
    rows = dict(rows_of(made))
    assert (
        on_gpus.cores is None
        and f"hours on {made.cores} cores" in rows
        and "memory, GiB" in rows
        and "hours on H100s" not in rows
    )


@given(st.sampled_from(sorted(SHAPES)), st.integers(1, 64))
def test_more_gpus_cost_less_of_each(name: str, gpus: int) -> None:
    shape = SHAPES[name]
    assert memory_gb(shape, 2 * gpus, 4096) < memory_gb(shape, gpus, 4096)
    assert memory_gb(shape, gpus, 4096, lora_r=8) < memory_gb(shape, gpus, 4096)
    assert hours(shape, 2 * gpus, 1e9) == pytest.approx(hours(shape, gpus, 1e9) / 2)


def test_readme_table_is_the_arithmetic() -> None:
    readme = (Path(__file__).resolve().parents[2] / "recipes" / "README.md").read_text(encoding="utf-8")
    assert readme_table() in readme
