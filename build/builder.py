"""Makes the published dataset of a data recipe: the builder class, and the folder that `load_dataset` reads.

The expensive work happens in the resumable run folder (`build.engine`); the builder only assembles it, because a builder
throws its unfinished folder away on any error.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import datasets
from datasets import Features, Value
from datasets.arrow_writer import ParquetWriter
from tqdm import tqdm

from build.core.config import DataRecipe, read_data_recipe
from build.core.errors import RunError
from build.core.prompts import PROMPT_VERSION
from build.core.records import digest
from build.core.store import Store
from build.core.version import VERSION
from build.engine import AVAILABLE, Isolation, run
from build.report.attribution import attribution
from build.report.card import write_card
from build.report.folder import dataset_faults, name_files
from build.stages import run_digest
from build.stages.assemble import CONFIGS, SPLITS, as_made, ordered_rows, rows

_PART_BYTES = 400_000_000  # of a file, from where the next row goes into another one
_GROUP_ROWS = 1000  # that the Hub's viewer reads at once

R = TypeVar("R")

_TEXT = Value("string")
_COUNT = Value("int32")
_MESSAGES = [{"role": _TEXT, "content": _TEXT}]
_ABOUT = {"id": _TEXT, "function_id": _TEXT, "task": _TEXT, "prompt": _MESSAGES}
_TRAINING = _ABOUT | {
    "completion": _MESSAGES,
    "correct": Value("bool"),
    "verdict_1": _TEXT,
    "verdict_2": _TEXT,
    "verdict_3": _TEXT,
    "complete": Value("bool"),
    "proof": _TEXT,
    "reasoning": _TEXT,
    "sample": Value("int32"),
    "finish_reason": _TEXT,
    "pass_rate": Value("float64"),
    "constant": Value("bool"),
    "trivial": Value("bool"),
    **dict.fromkeys(("steps", "lines", "branches", "depth", "rounds", "code_length"), Value("int32")),
    "cut": Value("bool"),
    "group": _TEXT,
    "teacher": _TEXT,
    "source": _TEXT,
    "path": _TEXT,
    "license": _TEXT,
}
_RL = _ABOUT | {"code": _TEXT, "input": _TEXT, "output": _TEXT, "pass_rate": Value("float64")}
_TURNS = ("id", "prompt", "turn_1", "feedback_1", "turn_2", "feedback_2")
_FUNCTION = (
    *("id", "problem_description", "io_requirements", "refcode", "funcname", "ios", "input_generator", "constant"),
    *("types", "branch_coverage", "source", "category", "license", "meta"),
)
FEATURES: dict[str, dict[str, Any]] = {
    "codeio": _TRAINING,
    "codeio_pp": _TRAINING,
    "turns": dict.fromkeys(_TURNS, _TEXT),
    "functions": dict.fromkeys(_FUNCTION, _TEXT) | {"constant": Value("bool"), "branch_coverage": Value("float64")},
    "rl": _RL,
    "steps": _RL | {"kind": _TEXT, "line": _COUNT, "visit": _COUNT, "variable": _TEXT, "from_end": _COUNT},
    "traces": dict.fromkeys(("id", "function_id", "input", "output", "prompt", "completion"), _TEXT)
    | {"frames": _COUNT},
}


class CodeIOConfig(datasets.BuilderConfig):
    """One published config of one data recipe; `recipe` is the path of its YAML file."""

    def __init__(self, recipe: str = "recipes/data/demo.yaml", **kwargs: Any) -> None:
        super().__init__(version=datasets.Version(VERSION), **kwargs)
        self.recipe = recipe


class CodeIO(datasets.GeneratorBasedBuilder):
    """Builds the configs of `build.stages.assemble` (splits `train`, `test`) of a data recipe.

    Brings the recipe's run to its end first, so a second build of the same recipe runs nothing again. Raises `ConfigError`
    or `RunError` with one sentence.
    """

    BUILDER_CONFIG_CLASS = CodeIOConfig
    BUILDER_CONFIGS = [CodeIOConfig(name=name) for name in CONFIGS]  # noqa: RUF012
    DEFAULT_CONFIG_NAME = "codeio_pp"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        recipe = read_data_recipe(Path(kwargs.get("recipe") or CodeIOConfig().recipe))
        # The builder's cache goes by name and arguments; the digest makes it go by the recipe's content too,
        # and the run's place, since sources that have changed are read anew under another `run`.
        content = digest(run_digest(recipe), PROMPT_VERSION, str(recipe.run.resolve()))
        super().__init__(*args, **{"dataset_name": "codeio_dataset", **kwargs, "hash": content})

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=Features(FEATURES[self.config.name]))

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        store = run(read_data_recipe(Path(self.config.recipe)))
        shards = list(range(store.shards() or 0))
        return [datasets.SplitGenerator(split, gen_kwargs={"shards": shards, "split": split}) for split in SPLITS]

    def _generate_examples(self, shards: list[int], split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        recipe = read_data_recipe(Path(self.config.recipe))
        store = Store(recipe.run)
        yield from ordered_rows(self.config.name, split, store, shards, recipe)


def materialise(path: Path, isolation: Isolation = AVAILABLE) -> tuple[DataRecipe, Store, Path]:
    """Run a recipe to its end and write RUN/dataset, which `load_dataset(folder, config)` reads.

    The folder appears as a whole or not at all; one that is complete is left as it is. Raises `RunError` when it cannot be
    written; a run without a single answer has none.
    """
    recipe = read_data_recipe(path)
    store = run(recipe, isolation)
    folder = recipe.run / "dataset"
    if folder.exists() and (faults := dataset_faults(folder)):
        raise RunError(f"{faults[0]}; remove {folder} and run the same command again.")
    if not folder.exists() and store.totals("answer").kept:
        try:
            _write(recipe, store, folder)
        except (OSError, ValueError) as error:  # pyarrow's are of these kinds
            raise RunError(
                f"{folder}: cannot be written ({error}); mend that and run the same command again."
            ) from error
    return recipe, store, folder


def _write(recipe: DataRecipe, store: Store, folder: Path) -> None:
    beside = recipe.run / "dataset.tmp"
    shutil.rmtree(beside, ignore_errors=True)
    examples = _write_tables(recipe, _LastShard(store.root), beside)
    write_card(recipe, store, beside, examples)
    store.write(beside / "ATTRIBUTION.md", attribution(store))
    beside.rename(folder)


def _write_tables(recipe: DataRecipe, store: Store, folder: Path) -> dict[str, dict[str, int]]:
    """The Parquet files of all configs, in one pass over the run but for those that a curriculum orders; the numbers of rows by
    config and split.
    """
    shards = range(store.shards() or 0)
    tables = {(config, split): _Table(folder / config, config, split) for config in CONFIGS for split in SPLITS}
    in_order = {name: table for name, table in tables.items() if as_made(name[0], recipe)}
    for shard in tqdm(shards, desc="dataset", unit="shard"):
        for (config, split), table in in_order.items():
            for _, row in rows(config, split, store, shard, recipe):
                table.write(row)
    for (config, split), table in tables.items():
        if (config, split) not in in_order:
            for _, row in ordered_rows(config, split, store, shards, recipe):
                table.write(row)
        table.close()
    for config in CONFIGS:
        name_files(folder, config)
    return {config: {split: tables[config, split].count for split in SPLITS} for config in CONFIGS}


class _LastShard(Store):
    """A store that keeps the records of the last shard that was read, for all configs that are made of them."""

    _shard = -1

    def kept(self, kind: type[R], index: int, before: str = "") -> Iterator[R]:
        if index != self._shard:
            self._shard, self._kept = index, dict[tuple[type, str], list[Any]]()
        if (kind, before) not in self._kept:
            self._kept[kind, before] = list(super().kept(kind, index, before))
        return iter(self._kept[kind, before])


class _Table:
    """The Parquet files of a split of a config, of a size that the Hub likes."""

    def __init__(self, folder: Path, config: str, split: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._begins, self._features = folder / f"{config}-{split}", Features(FEATURES[config])
        self._writer: ParquetWriter | None = None
        self._parts = self.count = 0

    def write(self, row: dict[str, Any]) -> None:
        if self._writer is not None and self._writer.stream.tell() > _PART_BYTES:
            self.close()
        if self._writer is None:
            path = self._begins.with_name(f"{self._begins.name}-{self._parts:05d}.parquet")
            self._writer = ParquetWriter(path=str(path), features=self._features, writer_batch_size=_GROUP_ROWS)
            self._parts += 1
        self._writer.write(self._features.encode_example(row))
        self.count += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.finalize()
            self._writer.close()
            self._writer = None
