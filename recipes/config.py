"""Reads the configuration of a training run: one YAML file and the options given on the launch line, as dataclasses.

A file holds the keys of three dataclasses: `RunConfig` (what to train on, and this project's own switches), the trainer's
configuration (TRL's, with `global_batch_size` and its checks added by `GlobalBatch`) and TRL's `ModelConfig`. Any key can
be given again on the command line, where it wins:

    accelerate launch --config_file recipes/accelerate/fsdp2.yaml -m recipes.sft \
        --config recipes/qwen2.5-coder-7b/stage1_codeio.yaml --output_dir runs/try --learning_rate 2.0e-5

What can be wrong in a configuration is found here, before a dataset or a weight is loaded, and said in one sentence.
"""

import argparse
import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from transformers.utils import is_torch_bf16_gpu_available
from trl import GRPOConfig, ModelConfig, SFTConfig, TrlParser

from build.core.errors import ConfigError


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Source:
    """Where rows come from: `path` is a local dataset folder or a Hub repository, `name` its config, `split` its split.

    `portion` (0 to 1) keeps that share of the rows, drawn with the run's `data_seed`. `test_split` is evaluated when
    `eval_strategy` says so.
    """

    path: str
    name: str | None = None
    split: str = "train"
    test_split: str | None = None
    portion: float = Field(default=1.0, gt=0, le=1)


@dataclass
class RunConfig:
    """What to train on, and this project's own switches. Several sources are joined and shuffled into one stage."""

    datasets: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Sources, each a mapping {path, name, split, test_split, portion} (YAML text on the command line)."
        },
    )
    held_out_rows: int = field(
        default=0,
        metadata={
            "help": "Rows taken out of each source that names no test_split, for the held-out loss, a tenth of them at "
            "most; used when eval_strategy asks for one."
        },
    )
    prepared_dir: str | None = field(
        default=None,
        metadata={
            "help": "Folder of tokenised data, shared by all processes; default: codeio/prepared in the user's cache."
        },
    )
    merge_adapter: bool = field(
        default=True,
        metadata={
            "help": "After LoRA, also write base + adapter as one model to <output_dir>/merged, for the next stage."
        },
    )
    allow_bf16_weights: bool = field(
        default=False,
        metadata={"help": "Allow full fine-tuning of 16-bit weights, in which most updates at 1e-5 round to nothing."},
    )
    allow_changes: list[str] = field(
        default_factory=list,
        metadata={"help": "Keys that may differ from those of the run being resumed, for example `code` or `data`."},
    )
    benchmark_steps: int = field(
        default=0, metadata={"help": "Steps between two scores on held-out CODEI/O tasks during training; 0: never."}
    )
    benchmark_rows: int = field(default=64, metadata={"help": "Held-out tasks that each of those scores is over."})
    benchmark_data: str | None = field(
        default=None, metadata={"help": "Dataset with the config `rl` to take them from; default: the first source."}
    )
    benchmark_new_tokens: int = field(default=1024, metadata={"help": "Tokens that an answer of those may have."})
    smoke: bool = field(
        default=False,
        metadata={"help": "Twenty steps of the real launch, measured and projected; nothing of them is kept."},
    )
    price_per_gpu_hour: float | None = field(
        default=None, metadata={"help": "What a GPU costs an hour, in any currency; `smoke` and `plan` multiply it."}
    )

    def __post_init__(self) -> None:
        self.sources = [_source(entry) for entry in self.datasets]
        if not self.sources:
            raise ConfigError(
                "datasets: name at least one source, for example `datasets: [{path: runs/codeio, name: codeio}]`"
            )
        if self.held_out_rows < 0:
            raise ConfigError(f"held_out_rows: {self.held_out_rows} is not a number of rows; give 0 or more")


def _source(entry: Any) -> Source:
    try:
        value = yaml.safe_load(entry) if isinstance(entry, str) else entry
        return TypeAdapter(Source).validate_python(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"datasets: {entry!r} is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        raise ConfigError(
            f"datasets: {value!r} does not name a source: {where}: {first['msg'].lower()} "
            "(keys: path, name, split, test_split, portion)"
        ) from None


def accumulation_steps(global_batch: int, per_device: int, world: int) -> int:
    """Micro-batches that each process sums before a step, so that all processes together make `global_batch` sequences.

    Raises `ConfigError` naming the sizes that would divide.
    """
    if global_batch % (per_device * world) == 0:
        return global_batch // (per_device * world)
    if global_batch % world:
        counts = [n for n in range(1, global_batch + 1) if global_batch % n == 0]
        near = sorted(sorted(counts, key=lambda n: abs(n - world))[:6])
        raise ConfigError(
            f"global_batch_size {global_batch} cannot be split over {world} processes; "
            f"numbers of processes that divide it: {', '.join(map(str, near))}"
        )
    share = global_batch // world
    sizes = ", ".join(str(n) for n in range(1, share + 1) if share % n == 0)
    raise ConfigError(
        f"global_batch_size {global_batch} does not divide by per_device_train_batch_size {per_device} x {world} processes; "
        f"per_device_train_batch_size can be {sizes}"
    )


@dataclass
class GlobalBatch:
    """Mixed in before a TRL config: the batch of the paper, kept whatever the number of processes, and early checks."""

    global_batch_size: int | None = field(
        default=None,
        metadata={
            "help": "Sequences an optimiser step, over all processes; sets gradient_accumulation_steps from WORLD_SIZE."
        },
    )

    def apply_global_batch(self, per_device: int) -> int | None:
        """The accumulation that makes `global_batch_size`, or None where it is not set. Raises `ConfigError`."""
        if per_device < 1:
            raise ConfigError(f"per_device_train_batch_size: {per_device} is not a batch size; give at least 1")
        if self.global_batch_size is None:
            return None
        if self.global_batch_size < 1:
            raise ConfigError(f"global_batch_size: {self.global_batch_size} is not a batch size; give at least 1")
        return accumulation_steps(self.global_batch_size, per_device, int(os.environ.get("WORLD_SIZE", "1")))

    def check_before(self) -> None:
        """What would fail inside TRL or hours later, said first. Raises `ConfigError`."""
        config: Any = self
        steps = self.apply_global_batch(config.per_device_train_batch_size)
        if steps is not None:
            config.gradient_accumulation_steps = steps
        if config.bf16 is not False and not config.fp16 and not config.use_cpu and not is_torch_bf16_gpu_available():
            raise ConfigError(
                "bf16: this machine shows no GPU that computes in bfloat16; run on a machine that has one, or for a trial "
                "on the CPU add `--bf16 false --use_cpu true`"
            )
        for key, value in _as_mapping("lr_scheduler_kwargs", config.lr_scheduler_kwargs).items():
            if isinstance(value, str):  # YAML reads 1e-6 as text, and the scheduler would fail hours later
                raise ConfigError(
                    f"lr_scheduler_kwargs: {key} is the text {value!r}, not a number; write it like 1.0e-6"
                )

    def check_one_device(self) -> None:
        """Raise `ConfigError` where one process would drive several GPUs, which multiplies the batch."""
        count = getattr(self, "_n_gpu", 1)
        if count > 1:
            raise ConfigError(
                f"global_batch_size: this one process sees {count} GPUs and would train with {count} times the batch; start "
                "one process a GPU with `accelerate launch` (recipes/accelerate/), or show it one GPU with "
                "CUDA_VISIBLE_DEVICES=0"
            )

    @property
    def train_batch_size(self) -> int:
        """Sequences of a micro-batch of this process (transformers multiplies by the GPUs that one process sees)."""
        self.check_one_device()
        return int(getattr(self, "per_device_train_batch_size"))  # noqa: B009 - declared by the TRL config


@dataclass
class SFTTrainingConfig(GlobalBatch, SFTConfig):
    """TRL's SFTConfig with `global_batch_size`."""

    def __post_init__(self) -> None:
        self.check_before()
        super().__post_init__()
        self.check_one_device()


@dataclass
class GRPOTrainingConfig(GlobalBatch, GRPOConfig):
    """TRL's GRPOConfig with `global_batch_size` (completions a step) and the filters of the tasks."""

    chat_template_path: str | None = field(
        default=None, metadata={"help": "A Jinja file, for models without a template."}
    )
    eos_token: str | None = field(default=None, metadata={"help": "The token that ends a response."})
    min_pass_rate: float = field(default=0.0, metadata={"help": "Leave out rows that the teacher solved less often."})
    max_pass_rate: float = field(default=1.0, metadata={"help": "Leave out rows that the teacher solved more often."})
    keep_to_band: bool = field(
        default=False,
        metadata={
            "help": "Keep to these pass rates by the rewards of the run itself; the data set's are where it begins."
        },
    )
    max_prompt_tokens: int = field(
        default=2048, metadata={"help": "Leave out longer prompts (TRL does not cut prompts)."}
    )
    verifier_url: str | None = field(
        default=None,
        metadata={
            "help": "A verifier service (`python -m build serve`) that judges; default: a sandbox in each process."
        },
    )
    extra_rewards: list[str] = field(
        default_factory=list,
        metadata={"help": "Rewards beside the verdict: partial_reward, format_reward; `reward_weights` weighs all."},
    )

    def __post_init__(self) -> None:
        self.check_before()
        if not 0 <= self.min_pass_rate <= self.max_pass_rate <= 1:
            raise ConfigError(
                f"min_pass_rate {self.min_pass_rate} and max_pass_rate {self.max_pass_rate}: give 0 <= min <= max <= 1"
            )
        unknown = set(self.extra_rewards) - {"partial_reward", "format_reward"}
        if unknown:
            raise ConfigError(f"extra_rewards: '{min(unknown)}' is none; there are partial_reward and format_reward")
        if self.reward_weights is not None and len(self.reward_weights) != 1 + len(self.extra_rewards):
            raise ConfigError(f"reward_weights: give {1 + len(self.extra_rewards)}, the verdict's first")
        super().__post_init__()
        self.check_one_device()


def _as_mapping(key: str, value: Any) -> dict[str, Any]:
    loaded = yaml.safe_load(value) if isinstance(value, str) else value or {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{key}: {value!r} is not a mapping; write it like `{key}: {{min_lr: 1.0e-6}}`")
    return loaded


class TrainingConfig(NamedTuple):
    """One run: this project's keys, the trainer's (`SFTTrainingConfig` or `GRPOTrainingConfig`), and TRL's ModelConfig."""

    run: RunConfig
    trainer: Any
    model: Any


class _Parser(TrlParser):
    """TRL's parser, with argparse's exit turned into a `ConfigError`."""

    def error(self, message: str) -> Any:
        raise ConfigError(message)


def read_training_config(trainer_type: type, arguments: Sequence[str]) -> TrainingConfig:
    """The configuration of `--config FILE [--key value ...]`; `trainer_type` is the trainer's dataclass.

    Raises `ConfigError` for a missing or unreadable file, an unknown key (with the nearest known one) or a wrong value.
    """
    types: Any = (RunConfig, trainer_type, ModelConfig)
    arguments = [part for given in arguments for part in _split_option(given)]
    known = {f.name for kind in types for f in fields(kind)} | {"env"}
    if arguments[-1:] == ["--config"]:
        raise ConfigError("--config: name a recipe file")
    if "--config" in arguments:
        path = Path(arguments[arguments.index("--config") + 1])
        for key in read_yaml(path):
            if key not in known:
                raise ConfigError(f"{path}: unknown key '{key}'{_nearest(str(key), known)}")
    for argument in arguments:
        key = argument.removeprefix("--").split("=")[0]
        if argument.startswith("--") and key.removeprefix("no_") not in known | {"config", "help"}:
            raise ConfigError(f"unknown option '{argument}'{_nearest(key, known)}")
    try:
        run, trainer, model = _Parser(types).parse_args_and_config(args=arguments)
    except ConfigError:
        raise
    except (ValueError, TypeError, ImportError, argparse.ArgumentError, yaml.YAMLError) as error:
        raise ConfigError(f"a value cannot be used: {' '.join(str(error).split())}") from error
    if model.model_name_or_path is None:
        raise ConfigError("model_name_or_path: give a local folder or a Hub repository")
    return TrainingConfig(run, trainer, model)


def given_keys(arguments: Sequence[str]) -> set[str]:
    """The keys that the recipe file and the command line set, the others being defaults."""
    arguments = [part for given in arguments for part in _split_option(given)]
    keys = {argument.removeprefix("--").removeprefix("no_") for argument in arguments if argument.startswith("--")}
    if "config" in keys:
        keys |= set(read_yaml(Path(arguments[arguments.index("--config") + 1])))
    return keys - {"config", "env"}


def _split_option(argument: str) -> list[str]:
    """`--key=value` as the two words that it stands for."""
    key, equals, value = argument.partition("=")
    return [key, value] if argument.startswith("--") and equals else [argument]


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises `ConfigError` when there is none."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; recipes are in recipes/<model>/*.yaml") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not a readable YAML file: {' '.join(str(error).split())}") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: a recipe is a mapping of keys to values")
    return loaded


def _nearest(key: str, known: set[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else "; see recipes/README.md for the keys"
