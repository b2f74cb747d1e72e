"""What a recipe will cost, from the dataset itself, before anyone pays for a node.

Sequences are counted, token lengths measured on a sample with the recipe's own tokenizer and template, packing is done on that
sample; memory and hours come from the arithmetic of `recipes.memory`.
"""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

from datasets import Dataset
from transformers import AutoConfig, AutoModelForCausalLM
from trl import ModelConfig, pack_dataset

from recipes.corpus import load_sources, token_lengths
from recipes.memory import SHAPES, Shape, hours, memory_gb
from recipes.recipe import RecipeError, SFTRecipe, accumulation_steps, read_recipe
from recipes.sft import load_tokenizer


@dataclass(frozen=True, slots=True)
class Plan:
    """The figures of one run. Shares are 0 to 1; memory in GiB; `fill` is the share of a packed row that holds tokens."""

    samples: int
    too_long: float
    mean_tokens: float
    sequences: int
    fill: float | None
    accumulation: int
    steps: int
    epochs: float
    tokens: float
    memory: float
    hours: float


def plan(config_file: Path, gpus: int, overrides: tuple[str, ...] = (), sample: int = 2000) -> Plan:
    """Plan an SFT recipe for `gpus` GPUs; `overrides` are command-line keys. Raises `RecipeError`."""
    if gpus < 1:
        raise RecipeError("--gpus: at least 1")
    arguments = ["--config", str(config_file), *overrides, "--bf16", "false", "--use_cpu", "true"]
    data, config, model = read_recipe(SFTRecipe, arguments)  # as one process; the GPUs come below
    batch = config.global_batch_size or config.per_device_train_batch_size * gpus * config.gradient_accumulation_steps
    accumulation = accumulation_steps(batch, config.per_device_train_batch_size, gpus)
    tokenizer = load_tokenizer(model, config)
    rows = load_sources(data.sources, config.data_seed or config.seed)
    drawn = rows.shuffle(seed=0).select(range(min(sample, len(rows))))
    lengths = token_lengths(drawn, tokenizer)
    kept = [length for length in lengths if length <= config.max_length]
    if not kept:
        raise RecipeError(f"max_length: none of {len(lengths)} drawn samples has at most {config.max_length} tokens")
    samples = round(len(rows) * len(kept) / len(lengths))
    mean = sum(kept) / len(kept)
    sequences, fill = samples, None
    if config.packing:
        packed = pack_dataset(Dataset.from_dict({"input_ids": [[0] * n for n in kept]}), config.max_length, "bfd")
        sequences = ceil(samples * len(packed) / len(kept))
        fill = sum(kept) / (len(packed) * config.max_length)
    steps = config.max_steps if config.max_steps > 0 else ceil(sequences / batch * config.num_train_epochs)
    epochs = steps * batch / sequences if config.max_steps > 0 else config.num_train_epochs
    tokens = epochs * samples * mean
    shape = _shape(config_file, model)
    return Plan(
        samples=samples,
        too_long=1 - len(kept) / len(lengths),
        mean_tokens=mean,
        sequences=sequences,
        fill=fill,
        accumulation=accumulation,
        steps=steps,
        epochs=epochs,
        tokens=tokens,
        memory=memory_gb(
            shape,
            gpus,
            config.per_device_train_batch_size * config.max_length,
            lora_r=model.lora_r if model.use_peft else None,
            sharded=shape.sharded(model.use_peft),
        ),
        hours=hours(shape, gpus, tokens, lora=model.use_peft),
    )


def rows_of(made: Plan) -> list[tuple[str, str]]:
    """The plan as labelled figures, for a table."""
    packed = [] if made.fill is None else [("packed rows", f"{made.sequences:,}, {made.fill:.1%} full")]
    return [
        ("samples", f"{made.samples:,} (over-length {made.too_long:.1%} dropped)"),
        ("tokens a sample", f"{made.mean_tokens:,.0f}"),
        *packed,
        ("gradient accumulation", str(made.accumulation)),
        ("steps", f"{made.steps:,}"),
        ("epochs", f"{made.epochs:.2f}"),
        ("tokens trained", f"{made.tokens:,.0f}"),
        ("memory a GPU, GiB", f"{made.memory:.0f} (estimate)"),
        ("hours on H100s", f"{made.hours:.2g} (estimate)"),
    ]


def _shape(config_file: Path, model: ModelConfig) -> Shape:
    """The shape of a model with a recipe folder from the table, of any other from its configuration."""
    if config_file.resolve().parent.name in SHAPES:
        return SHAPES[config_file.resolve().parent.name]
    import torch

    config = AutoConfig.from_pretrained(str(model.model_name_or_path))
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config)
    params = sum(weight.numel() for weight in empty.parameters())
    linear = [m for n, m in empty.named_modules() if isinstance(m, torch.nn.Linear) and "lm_head" not in n]
    adapted = sum(m.in_features + m.out_features for m in linear)
    text = config.get_text_config()
    return Shape(params, params, text.num_hidden_layers, text.hidden_size, text.vocab_size, adapted)
