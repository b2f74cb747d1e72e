"""Stages of one's own: where they stand, what is refused, and that a record that breaks one costs itself only."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from build.core.config import DataRecipe, read_data_recipe
from build.core.errors import ConfigError
from build.core.records import Reject, UnifiedFunction
from build.engine import run
from build.report.check import check
from build.report.summary import yield_table
from build.sandbox import Limits
from build.stages import STAGES, stages_of
from build.stages.stage import Context, Shard, Stage
from tests.build.conftest import write_recipe

ROOT = Path(__file__).resolve().parents[2]
NAMES = [stage.name for stage in STAGES]


def _run(shard: Shard, context: Context, stats: Counter[str]) -> Iterator[UnifiedFunction | Reject]:
    for function in shard.records:
        stats["seen"] += 1
        if function.name == "climb":
            raise KeyError(function.name)
        if len(function.name) > 12:
            yield Reject("short_names", function.id, "long_name", function.name)
        else:
            yield function


stage = Stage("short_names", UnifiedFunction, UnifiedFunction, _run)
not_a_stage = 7


def with_stages(tmp_path: Path, names: list[str]) -> DataRecipe:
    return read_data_recipe(write_recipe(tmp_path, stages=names))


def own(name: str = __name__) -> list[str]:
    return [*NAMES[:3], name, *NAMES[3:]]


def test_a_filter_of_ones_own_runs_and_is_counted(tmp_path: Path) -> None:
    recipe = with_stages(tmp_path, own())
    store = run(replace(recipe, engine=replace(recipe.engine, workers=1)))
    counts, before = store.totals("short_names"), store.totals("unify")
    assert counts.received == before.kept == counts.kept + sum(counts.rejects.values())
    assert counts.rejects["long_name"] > 0 and counts.rejects["error"] == 1
    assert counts.stats["seen"] == counts.received - 1  # what broke counts nowhere but as a reject
    (broken,) = [
        each
        for shard in range(store.shards() or 0)
        for each in store.rejects("short_names", shard)
        if each.reason == "error"
    ]
    assert "KeyError at test_own_stages.py:" in broken.detail and "climb" in broken.detail
    assert "| short_names " in yield_table(store)
    assert check(store, Limits()).faults == ()


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (own("nowhere.at_all"), "cannot be imported"),
        (own(f"{__name__}.not_a_stage"), "is not a"),
        (own("filtersx"), "no stage and no module is called `filtersx`"),
        (own("dupliactes"), "did you mean `duplicates`?"),
        ([*NAMES, __name__], "`short_names` reads UnifiedFunction, but `revise` before it keeps Dialogue"),
        (NAMES[:-1], "`revise` is missing"),
        (NAMES[1:], "`collect` is missing"),
        ([*NAMES[:2], "type_filter", *NAMES[2:]], "two stages are called `type_filter`"),
    ],
)
def test_stages_that_do_not_fit_are_one_sentence(tmp_path: Path, names: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        stages_of(with_stages(tmp_path, names))
    assert told in str(error.value) and "\n" not in str(error.value)


def test_the_optional_filters_may_be_left_out(tmp_path: Path) -> None:
    names: list[Any] = [name for name in NAMES if not name.endswith("_filter")]
    assert [each.name for each in stages_of(with_stages(tmp_path, names))] == names


FILTER = """
from build.core.records import UnifiedFunction
from build.stages.stage import Stage


def run(shard, context, stats):
    yield from shard.records[:%d]


stage = Stage("first_ones", UnifiedFunction, UnifiedFunction, run)
"""


def test_a_changed_stage_of_ones_own_is_done_again_with_all_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "first_ones.py").write_text(FILTER % 1)
    recipe = with_stages(tmp_path, own("first_ones"))  # a bare module name, in the folder where the command starts
    recipe = replace(recipe, engine=replace(recipe.engine, workers=1))
    few = run(recipe).totals("first_ones").kept
    (tmp_path / "first_ones.py").write_text(FILTER % 9)
    monkeypatch.delitem(sys.modules, "first_ones")
    store = run(recipe)
    assert store.totals("first_ones").kept > few
    assert "first_ones" in capsys.readouterr().err
    assert check(store, Limits()).faults == ()


def test_the_filter_of_the_contributing_page_works_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL)
    (code,) = (text for language, text in blocks if language == "python")
    (entry,) = (text for language, text in blocks if language == "yaml")
    (tmp_path / "my_filter.py").write_text(code.replace("MOST_LINES = 40", "MOST_LINES = 12"))
    monkeypatch.chdir(tmp_path)
    recipe = with_stages(tmp_path, yaml.safe_load(entry)["stages"])
    store = run(replace(recipe, engine=replace(recipe.engine, workers=1)))
    counts = store.totals("my_filter")
    assert counts.kept > 0 and counts.rejects["too_long"] > 0 and counts.stats["lines"] > 0
