"""Each ablation recipe is a few lines over a base, and has the property that it names, in the rows that it publishes.

    CODEIO_DEMO_RUN=runs/demo python -m pytest tests/build/test_ablations.py

holds the same over a copy of a finished run of the demo, which each recipe goes on from: about a quarter of an hour on one core
instead of a minute. The runs stay beside it (runs/demo-ablations), so that the command can be stopped and started again.
"""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from build.core.config import DataRecipe, SourceConfig, read_data_recipe
from build.core.errors import ConfigError
from build.core.records import Dialogue, PredictionInstance, SampledFunction
from build.core.store import Store
from build.engine import run_rank
from build.stages.assemble import SPLITS, rows
from build.stages.questions import questions_about
from tests.build.conftest import write_raw, write_scrambled

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "data" / "ablations"
DEMO = Path(os.environ["CODEIO_DEMO_RUN"]) if "CODEIO_DEMO_RUN" in os.environ else None


@dataclass
class Made:
    """A recipe's run with its rows by config."""

    recipe: DataRecipe
    store: Store

    def rows(self, config: str = "codeio_pp") -> list[dict[str, Any]]:
        shards = range(self.store.shards() or 0)
        return [
            row
            for split in SPLITS
            for shard in shards
            for _, row in rows(config, split, self.store, shard, self.recipe)
        ]

    def text(self, row: dict[str, Any]) -> tuple[str, str]:
        return row["prompt"][0]["content"], row["completion"][0]["content"]

    def instances(self) -> list[PredictionInstance]:
        return [
            each for shard in range(self.store.shards() or 0) for each in self.store.kept(PredictionInstance, shard)
        ]

    def functions(self) -> dict[str, SampledFunction]:
        shards = range(self.store.shards() or 0)
        return {each.function.id: each for shard in shards for each in self.store.kept(SampledFunction, shard)}


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Runs a recipe over the raw code of the tests; runs that differ in their published rows only are one run."""
    plain = read_data_recipe(FOLDER.parent / "demo.yaml")
    if DEMO:
        folder, sources = DEMO.with_name(f"{DEMO.name}-ablations"), plain.sources
    else:
        folder = tmp_path_factory.mktemp("ablations")
        sources = (SourceConfig("folder", str(write_raw(folder / "raw")), "MIT"),)
        write_scrambled(folder / "raw")
    done: dict[str, Store] = {}

    def made(name: str) -> Made:
        read = read_data_recipe(FOLDER / f"{name}.yaml")
        if not name.startswith("mix"):
            read = replace(read, sources=sources)
        asked = replace(read, name="x", rows=plain.rows, run=folder / name)
        key = asked.digest()
        if key not in done:
            if DEMO and read.sources == sources and not asked.run.exists():
                # Linked, not copied: a file of a run is never changed in place.
                shutil.copytree(DEMO, asked.run, copy_function=os.link, ignore=shutil.ignore_patterns("dataset"))
            done[key] = run_rank(asked, 0, 1)
        return Made(read, done[key])

    return made


def base_rows(make: Callable[[str], Made]) -> list[dict[str, Any]]:
    return make("format_query_and_code").rows()


@pytest.mark.parametrize("task", ["input", "output"])
def test_one_task_alone(make: Callable[[str], Made], task: str) -> None:
    assert {row["task"] for row in make(f"{task}_only").rows()} == {task}


def test_wrong_ones_are_dropped(make: Callable[[str], Made]) -> None:
    dropped, every = make("wrong_dropped"), base_rows(make)
    assert all(row["correct"] for row in dropped.rows()) and not all(row["correct"] for row in every)
    assert len(dropped.rows()) == sum(row["correct"] for row in every)
    assert len(dropped.rows("rl")) == len(make("format_query_and_code").rows("rl"))


def test_wrong_ones_are_replaced_by_the_bare_answer(make: Callable[[str], Made]) -> None:
    replaced, every = make("wrong_replaced"), base_rows(make)
    instances = {each.id: each for each in replaced.instances()}
    dialogues = {
        each.id: each for shard in range(replaced.store.shards() or 0) for each in replaced.store.kept(Dialogue, shard)
    }
    assert len(replaced.rows()) == len(every) and all(row["correct"] for row in replaced.rows())
    for row, before in zip(replaced.rows(), every):
        instance = instances[dialogues[row["id"]].instance_id]
        bare = f'{{"{instance.task}": {getattr(instance, instance.task)}}}'
        assert replaced.text(row)[1] == (replaced.text(before)[1] if before["correct"] else bare)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_revisions(make: Callable[[str], Made], count: int) -> None:
    made = make(f"revisions_{count}")
    turns = [len(each.turns) for shard in range(made.store.shards() or 0) for each in made.store.kept(Dialogue, shard)]
    assert max(turns) == count + 1


@pytest.mark.parametrize(
    ("name", "in_prompt", "in_completion", "has_query", "has_answer"),
    [
        ("query_and_code", True, False, True, True),
        ("query", False, False, True, True),
        ("code", True, False, False, True),
        ("query_to_code_and_rationale", False, True, True, True),
        ("query_to_code", False, True, True, False),
    ],
)
def test_formats(
    make: Callable[[str], Made], name: str, in_prompt: bool, in_completion: bool, has_query: bool, has_answer: bool
) -> None:
    made = make(f"format_{name}")
    functions = made.functions()
    for row, before in zip(made.rows(), base_rows(make), strict=True):
        prompt, completion = made.text(row)
        function = functions[row["function_id"]].function
        assert (function.code.strip() in prompt, function.code.strip() in completion) == (in_prompt, in_completion)
        assert (function.query in prompt) == has_query
        assert (made.text(before)[1] in completion) == has_answer


@pytest.mark.parametrize("count", range(1, 7))
def test_instances_a_function(make: Callable[[str], Made], count: int) -> None:
    made = make(f"instances_{count}")
    per_function = Counter(each.function_id for each in made.instances())
    assert max(per_function.values()) == count
    tasks = defaultdict(set)
    for each in made.instances():
        tasks[each.function_id].add(each.task)
    assert set.union(*tasks.values()) == {"input", "output"}
    assert all(len(each) == min(count, 2) for each in tasks.values())


def test_subsets_are_part_of_larger_ones(make: Callable[[str], Made]) -> None:
    whole = {each.id for each in make("format_query_and_code").instances()}
    parts = [{each.id for each in make(f"subset_{percent}").instances()} for percent in ("09", "27", "54")]
    assert all(smaller <= larger for smaller, larger in zip(parts, [*parts[1:], whole]))
    assert 0.2 * len(whole) < len(parts[-1]) < 0.9 * len(whole)


def test_mixes_name_their_sources() -> None:
    one, two = (read_data_recipe(FOLDER / f"mix_{name}.yaml").sources for name in ("one_source", "two_sources"))
    assert one == two[:1] and len({each.name for each in two}) == 2


@pytest.mark.skipif(DEMO is None, reason="needs CODEIO_DEMO_RUN: both packages are read and run whole")
def test_mixes_have_functions_of_their_sources(make: Callable[[str], Made]) -> None:
    one, two = (
        Counter(each.function.source for each in make(f"mix_{name}").functions().values())
        for name in ("one_source", "two_sources")
    )
    assert (
        set(one) == {"algorithms"}
        and set(two) == {"algorithms", "packaging"}
        and one["algorithms"] == two["algorithms"]
    )


def test_every_recipe_is_a_few_lines_over_the_base_and_is_tested() -> None:
    names = {path.stem for path in FOLDER.glob("*.yaml")}
    assert len(names) >= 20
    for path in FOLDER.glob("*.yaml"):
        lines = path.read_text().strip().split("\n")
        assert len(lines) <= 8 and "Li et al., 2025" in lines[0] and lines[1] == "base: ../demo.yaml"
        assert read_data_recipe(path).run.name == path.stem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("base: 7\n", "must be the path of another recipe"),
        ("base: x.yaml\n", "in a circle"),
        ("base: y.yaml\n", "cannot be read"),
    ],
)
def test_a_base_that_cannot_be_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_data_recipe(tmp_path / "x.yaml")


def test_a_cap_on_equal_outputs(make: Callable[[str], Made]) -> None:
    made = make("format_query_and_code")
    rules = replace(made.recipe.questions, pairs_per_function=6, pairs_per_output=1)
    for function in made.functions().values():
        asked = [each for each in questions_about([function], rules, 0) if isinstance(each, PredictionInstance)]
        assert max(Counter(each.output for each in asked if each.task == "output").values()) == 1
