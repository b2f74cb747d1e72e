"""A recipe: the YAML file of one training run, as dataclasses, read with errors that a person can act on.

One file holds the keys of three dataclasses: `DataArguments` (what to train on), the trainer's own configuration (TRL's,
with `global_batch_size` added by `GlobalBatch`) and TRL's `ModelConfig`. Any key can be given again on the command line,
where it wins:

    accelerate launch --config_file recipes/accelerate/fsdp2.yaml -m recipes.sft \
        --config recipes/qwen2.5-coder-7b/stage1_codeio.yaml --output_dir runs/try --learning_rate 2.0e-5

Everything that can be wrong in a recipe is found here, before a dataset or a weight is loaded.
"""

import argparse
import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from trl import ModelConfig, SFTConfig, TrlParser


class RecipeError(ValueError):
    """A recipe that cannot be run; the message is one sentence that says which key and what to do."""


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Source:
    """Where rows come from: `path` is a local dataset folder or a Hub repository, `name` its config, `split` its split.

    `portion` (0 to 1) keeps that share of the rows, drawn with the recipe's `data_seed`. `test_split` is evaluated when
    `eval_strategy` says so.
    """

    path: str
    name: str | None = None
    split: str = "train"
    test_split: str | None = None
    portion: float = Field(default=1.0, gt=0, le=1)


@dataclass
class DataArguments:
    """What to train on. Several sources are joined and shuffled into one stage."""

    datasets: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Sources, each a mapping {path, name, split, test_split, portion} (YAML text on the command line)."
        },
    )
    merge_adapter: bool = field(
        default=True,
        metadata={
            "help": "After LoRA, also write base + adapter as one model to <output_dir>/merged, for the next stage."
        },
    )

    def __post_init__(self) -> None:
        self.sources = [_source(entry) for entry in self.datasets]
        if not self.sources:
            raise RecipeError(
                "datasets: name at least one source, for example `datasets: [{path: runs/codeio, name: codeio}]`"
            )


def _source(entry: Any) -> Source:
    value = yaml.safe_load(entry) if isinstance(entry, str) else entry
    try:
        return TypeAdapter(Source).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        raise RecipeError(
            f"datasets: {value!r} is no source: {where}: {first['msg'].lower()} "
            "(keys: path, name, split, test_split, portion)"
        ) from None


def accumulation_steps(global_batch: int, per_device: int, world: int) -> int:
    """Micro-batches a process sums before a step, so that all processes together make `global_batch` sequences.

    Raises `RecipeError` naming the sizes that would divide.
    """
    if global_batch % (per_device * world) == 0:
        return global_batch // (per_device * world)
    if global_batch % world:
        counts = [n for n in range(1, global_batch + 1) if global_batch % n == 0]
        near = sorted(sorted(counts, key=lambda n: abs(n - world))[:6])
        raise RecipeError(
            f"global_batch_size {global_batch} cannot be split over {world} processes; "
            f"numbers of processes that divide it: {', '.join(map(str, near))}"
        )
    share = global_batch // world
    sizes = ", ".join(str(n) for n in range(1, share + 1) if share % n == 0)
    raise RecipeError(
        f"global_batch_size {global_batch} does not divide by per_device_train_batch_size {per_device} x {world} processes; "
        f"per_device_train_batch_size can be {sizes}"
    )


@dataclass
class GlobalBatch:
    """Mixed in before a TRL config: the batch of the paper, kept whatever the number of processes."""

    global_batch_size: int | None = field(
        default=None,
        metadata={
            "help": "Sequences an optimiser step, over all processes; sets gradient_accumulation_steps from WORLD_SIZE."
        },
    )

    def apply_global_batch(self, per_device: int) -> int | None:
        if per_device < 1:
            raise RecipeError(f"per_device_train_batch_size: {per_device} is no batch; give at least 1")
        if self.global_batch_size is None:
            return None
        if self.global_batch_size < 1:
            raise RecipeError(f"global_batch_size: {self.global_batch_size} is no batch; give at least 1")
        return accumulation_steps(self.global_batch_size, per_device, int(os.environ.get("WORLD_SIZE", "1")))


@dataclass
class SFTRecipe(GlobalBatch, SFTConfig):
    """TRL's SFTConfig with `global_batch_size`."""

    def __post_init__(self) -> None:
        steps = self.apply_global_batch(self.per_device_train_batch_size)
        if steps is not None:
            self.gradient_accumulation_steps = steps
        for key, value in _as_mapping("lr_scheduler_kwargs", self.lr_scheduler_kwargs).items():
            if isinstance(value, str):  # YAML reads 1e-6 as text, and the scheduler would fail hours later
                raise RecipeError(
                    f"lr_scheduler_kwargs: {key} is the text {value!r}, not a number; write it like 1.0e-6"
                )
        super().__post_init__()


def _as_mapping(key: str, value: Any) -> dict[str, Any]:
    loaded = yaml.safe_load(value) if isinstance(value, str) else value or {}
    if not isinstance(loaded, dict):
        raise RecipeError(f"{key}: {value!r} is no mapping; write it like `{key}: {{min_lr: 1.0e-6}}`")
    return loaded


class _Parser(TrlParser):
    """TRL's parser, with argparse's exit turned into a `RecipeError`."""

    def error(self, message: str) -> Any:
        raise RecipeError(message)


def read_recipe(config_type: type, arguments: Sequence[str]) -> tuple[DataArguments, Any, Any]:
    """The dataclasses of `--config FILE [--key value ...]`, ModelConfig last; `config_type` is the trainer's class.

    Raises `RecipeError` for a missing or unreadable file, an unknown key (with the nearest known one) or a wrong value.
    """
    types: Any = (DataArguments, config_type, ModelConfig)
    arguments = [part for given in arguments for part in _split_option(given)]
    known = {f.name for kind in types for f in fields(kind)} | {"env"}
    if arguments[-1:] == ["--config"]:
        raise RecipeError("--config: name a recipe file")
    if "--config" in arguments:
        path = Path(arguments[arguments.index("--config") + 1])
        for key in read_yaml(path):
            if key not in known:
                raise RecipeError(f"{path}: unknown key '{key}'{_nearest(str(key), known)}")
    for argument in arguments:
        key = argument.removeprefix("--").split("=")[0]
        if argument.startswith("--") and key.removeprefix("no_") not in known | {"config", "help"}:
            raise RecipeError(f"unknown option '{argument}'{_nearest(key, known)}")
    try:
        data, config, model = _Parser(types).parse_args_and_config(args=arguments)
    except RecipeError:
        raise
    except (ValueError, TypeError, argparse.ArgumentError, yaml.YAMLError) as error:
        raise RecipeError(f"the recipe does not parse: {' '.join(str(error).split())}") from error
    if model.model_name_or_path is None:
        raise RecipeError("model_name_or_path: give a local folder or a Hub repository")
    return data, config, model


def _split_option(argument: str) -> list[str]:
    """`--key=value` as the two words that it stands for."""
    key, equals, value = argument.partition("=")
    return [key, value] if argument.startswith("--") and equals else [argument]


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises `RecipeError` when there is none."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such file; recipes are in recipes/<model>/*.yaml") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: not a readable YAML file: {' '.join(str(error).split())}") from None
    if not isinstance(loaded, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys to values")
    return loaded


def _nearest(key: str, known: set[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else "; see recipes/README.md for the keys"
