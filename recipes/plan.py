"""What a recipe will cost, from the dataset itself, before anyone pays for a node.

Rows are counted, and a sample of them is tokenised with the recipe's own tokenizer and template, checked and packed as the
run would; memory and hours come from the arithmetic of `recipes.memory`. For the four base models no Hub is needed: their
shapes are in the table there, and where the tokenizer is not at hand either, tokens are estimated from characters.
"""

import os
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

from datasets import Dataset, concatenate_datasets
from transformers import AutoConfig, AutoModelForCausalLM
from trl import ModelConfig, pack_dataset

from build.core.errors import ConfigError
from recipes.config import SFTTrainingConfig, TrainingConfig, accumulation_steps, read_training_config, read_yaml
from recipes.corpus import label, load_rows
from recipes.installed import attention_fault
from recipes.launch import check_precision, load_tokenizer
from recipes.memory import BASE_MODELS, SHAPES, Shape, checkpoint_gb, cpu_hours, cpu_memory_gb, hours, memory_gb
from recipes.prepare import data_seed
from recipes.supervision import TOO_LONG, check_columns, conversation_columns, encode_rows

CHARACTERS_A_TOKEN = 3.2  # of code and prose mixed; used only where no tokenizer can be had
FILL = 0.97  # of packed rows, where the data is not at hand
MANY_EPOCHS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """The figures of one run. Shares are 0 to 1, memory and disk in GiB; `fill` is the share of tokens in a packed row,
    and None stands for what is not known."""

    samples: int | None
    too_long: float
    odd: float
    mean_tokens: float
    supervised: float | None
    padding: float
    sequences: int
    fill: float | None
    accumulation: int
    steps: int
    epochs: float | None
    tokens: float
    memory: float
    checkpoint: float
    hours: float
    gpus: int
    price: float | None
    notes: tuple[str, ...]
    cores: int | None = None  # of a run on the CPU: this machine's


def plan(config_file: Path, gpus: int, overrides: tuple[str, ...] = (), sample: int = 2000) -> Plan:
    """Plan an SFT recipe for `gpus` GPUs; `overrides` are command-line keys. Raises `ConfigError`."""
    if gpus < 1:
        raise ConfigError("--gpus: at least 1")
    config = read_on_a_cpu(config_file, overrides)  # as one process; the GPUs come below
    trainer, model = config.trainer, config.model
    batch = (
        trainer.global_batch_size or trainer.per_device_train_batch_size * gpus * trainer.gradient_accumulation_steps
    )
    accumulation = accumulation_steps(batch, trainer.per_device_train_batch_size, gpus)
    notes: list[str] = []
    shape = known_shape(config_file, model)
    tokenizer = _tokenizer(config, shape, notes)
    if shape is None or tokenizer is not None:
        check_precision(config)
    try:
        total, lengths, supervised, odd = _measured(config, tokenizer, sample)
    except ConfigError as error:
        if shape is None or not trainer.packing or trainer.max_steps < 1:
            raise
        return _without_data(config, shape, gpus, accumulation, batch, [*notes, str(error)])
    kept = [length for length in lengths if length <= trainer.max_length]
    if not kept:
        raise ConfigError(f"max_length: none of {len(lengths)} drawn samples has at most {trainer.max_length} tokens")
    samples = round(total * len(kept) / (len(lengths) + odd))
    mean = sum(kept) / len(kept)
    sequences, fill = samples, None
    if trainer.packing:
        packed = pack_dataset(Dataset.from_dict({"input_ids": [[0] * n for n in kept]}), trainer.max_length, "bfd")
        sequences = ceil(samples * len(packed) / len(kept))
        fill = sum(kept) / (len(packed) * trainer.max_length)
    an_epoch = ceil(sequences / batch)
    steps = trainer.max_steps if trainer.max_steps > 0 else ceil(an_epoch * trainer.num_train_epochs)
    epochs = steps / an_epoch
    shape = shape or _measured_shape(model)
    notes += data_warnings(sequences, config, batch)
    fault = attention_fault(model.attn_implementation)
    if fault:
        notes.append(f"on this machine attn_implementation {fault}")
    unpadded = trainer.packing or trainer.padding_free
    tokens = epochs * samples * mean
    rank = model.lora_r if model.use_peft else None
    micro = trainer.per_device_train_batch_size * trainer.max_length
    cores = (os.cpu_count() or 1) if read_yaml(config_file).get("use_cpu") else None
    if cores:
        memory = cpu_memory_gb(shape, micro, lora_r=rank)
        spent = cpu_hours(shape, cores, tokens, lora=model.use_peft)
    else:
        memory = memory_gb(shape, gpus, micro, lora_r=rank, sharded=shape.sharded(model.use_peft))
        spent = hours(shape, gpus, tokens, lora=model.use_peft)
    return Plan(
        samples=samples,
        too_long=(len(lengths) - len(kept)) / (len(lengths) + odd),
        odd=odd / (len(lengths) + odd),
        mean_tokens=mean,
        supervised=supervised,
        padding=0.0 if unpadded else _padding(kept, trainer.per_device_train_batch_size),
        sequences=sequences,
        fill=fill,
        accumulation=accumulation,
        steps=steps,
        epochs=epochs,
        tokens=tokens,
        memory=memory,
        checkpoint=checkpoint_gb(shape, rank),
        hours=spent,
        gpus=gpus,
        price=config.run.price_per_gpu_hour,
        notes=tuple(notes),
        cores=cores,
    )


def _without_data(
    config: TrainingConfig, shape: Shape, gpus: int, accumulation: int, batch: int, notes: list[str]
) -> Plan:
    """The plan of a packed run of max_steps whose data is not at hand: its tokens are the rows of its steps, nearly full."""
    trainer, model = config.trainer, config.model
    rank = model.lora_r if model.use_peft else None
    tokens = trainer.max_steps * batch * trainer.max_length * FILL
    micro = trainer.per_device_train_batch_size * trainer.max_length
    notes.append(f"without the data, packed rows are taken as {FILL:.0%} full, and samples and epochs are not known")
    return Plan(
        samples=None,
        too_long=0.0,
        odd=0.0,
        mean_tokens=0.0,
        supervised=None,
        padding=0.0,
        sequences=0,
        fill=None,
        accumulation=accumulation,
        steps=trainer.max_steps,
        epochs=None,
        tokens=tokens,
        memory=memory_gb(shape, gpus, micro, lora_r=rank, sharded=shape.sharded(model.use_peft)),
        checkpoint=checkpoint_gb(shape, rank),
        hours=hours(shape, gpus, tokens, lora=model.use_peft),
        gpus=gpus,
        price=config.run.price_per_gpu_hour,
        notes=tuple(notes),
    )


def read_on_a_cpu(config_file: Path, overrides: tuple[str, ...] = ()) -> TrainingConfig:
    """An SFT recipe read on a machine without a GPU. Raises `ConfigError`."""
    arguments = ["--config", str(config_file), *overrides, "--bf16", "false", "--use_cpu", "true"]
    config = read_training_config(SFTTrainingConfig, arguments)
    if config.trainer.max_length is None:
        raise ConfigError("max_length: set it (the paper: 4096); longer samples are dropped")
    return config


def data_warnings(sequences: int, config: TrainingConfig, batch: int | None = None) -> list[str]:
    """What a person should know when data and batch do not fit; `batch` is the sequences of a step (else: as launched)."""
    trainer = config.trainer
    world = int(os.environ.get("WORLD_SIZE", "1"))
    batch = batch or trainer.per_device_train_batch_size * trainer.gradient_accumulation_steps * world
    lines = []
    if sequences < batch:
        lines.append(
            f"the data has {sequences} sequences and a step is meant to have {batch}: every step will have {sequences}; "
            "lower global_batch_size, or add data"
        )
    epochs = trainer.max_steps / ceil(sequences / batch) if trainer.max_steps > 0 else trainer.num_train_epochs
    if epochs > MANY_EPOCHS:
        key = "max_steps" if trainer.max_steps > 0 else "num_train_epochs"
        lines.append(f"{key} makes {epochs:,.0f} epochs of this data; lower it unless you mean to memorise the data")
    return lines


def rows_of(made: Plan) -> list[tuple[str, str]]:
    """The plan as labelled figures, for a table."""
    packed = [] if made.fill is None else [("packed rows", f"{made.sequences:,}, {made.fill:.1%} full")]
    odd = f", unusable {made.odd:.1%}" if made.odd else ""
    cost = f", {made.hours * made.gpus * made.price:,.0f} at {made.price:g} a GPU-hour" if made.price else ""
    share = [] if made.supervised is None else [("tokens under the loss", f"{made.supervised:.0%}")]
    rows = [("samples", "not known")]
    if made.samples is not None:
        rows = [
            ("samples", f"{made.samples:,} (dropped: over-length {made.too_long:.1%}{odd})"),
            ("tokens a sample", f"{made.mean_tokens:,.0f}"),
        ]
    where = ("hours on H100s", f"{made.hours:.2g} (estimate), {made.hours * made.gpus:,.2g} GPU-hours{cost}")
    if made.cores:
        rate = made.tokens / made.hours / 3600
        where = (f"hours on {made.cores} cores", f"{made.hours:.2g} (estimate, {rate:.0f} tokens/s)")
    return [
        *rows,
        *share,
        *packed,
        ("padding", f"{made.padding:.0%}"),
        ("gradient accumulation", str(made.accumulation)),
        ("steps", f"{made.steps:,}"),
        ("epochs", "not known" if made.epochs is None else f"{made.epochs:.2f}"),
        ("tokens trained", f"{made.tokens:,.0f}"),
        ("memory, GiB" if made.cores else "memory a GPU, GiB", f"{made.memory:.{1 if made.cores else 0}f} (estimate)"),
        ("disk a checkpoint, GiB", f"{made.checkpoint:.1f} (estimate)"),
        where,
        *(("note", line) for line in made.notes),
    ]


def _tokenizer(config: TrainingConfig, shape: Shape | None, notes: list[str]) -> Any:
    """The recipe's tokenizer, or None for a base model of the table whose tokenizer is not at hand."""
    try:
        return load_tokenizer(config.model, config.trainer)
    except ConfigError as error:
        if shape is None or not str(error).startswith("model_name_or_path: no model"):
            raise
    notes.append(
        f"the tokenizer of '{config.model.model_name_or_path}' is not at hand, so tokens are estimated at "
        f"{CHARACTERS_A_TOKEN} characters each, and rows are not checked"
    )
    return None


def _measured(config: TrainingConfig, tokenizer: Any, sample: int) -> tuple[int, list[int], float | None, int]:
    """Rows in all; of the drawn ones the lengths in tokens, the share under the loss, and how many cannot be trained on."""
    seed, parts = data_seed(config.trainer), []
    for source in config.run.sources:
        rows = load_rows(source, source.split, seed)
        check_columns(rows, label(source))
        parts.append(rows)
    total = sum(map(len, parts))
    drawn = [
        rows.shuffle(seed=0).select(range(min(len(rows), max(1, round(sample * len(rows) / total))))) for rows in parts
    ]
    if tokenizer is None:
        return total, [length for rows in drawn for length in _lengths_in_characters(rows)], None, 0
    template, limit = tokenizer.chat_template, config.trainer.max_length
    encoded = concatenate_datasets([encode_rows(rows, tokenizer, template, limit) for rows in drawn])
    reasons, tokens = encoded["dropped"][:], encoded["tokens"][:]
    lengths = [length for length, reason in zip(tokens, reasons) if reason in ("", TOO_LONG)]
    supervised = sum(encoded["supervised"][:])
    kept = sum(length for length, reason in zip(tokens, reasons) if not reason)
    return total, lengths, supervised / kept if kept else None, len(tokens) - len(lengths)


def _lengths_in_characters(rows: Dataset) -> list[int]:
    columns = conversation_columns(rows)
    return [
        ceil(
            sum(len(turn["content"] or "") + 20 for column in columns for turn in row[column] or [])
            / CHARACTERS_A_TOKEN
        )
        for row in rows.select_columns(columns)
    ]


def _padding(lengths: list[int], size: int) -> float:
    """The share of padding in micro-batches of `size` samples drawn at random."""
    shuffled = Random(0).sample(lengths, len(lengths))
    padded = sum(max(shuffled[i : i + size]) * len(shuffled[i : i + size]) for i in range(0, len(shuffled), size))
    return 1 - sum(lengths) / padded


def known_shape(config_file: Path, model: ModelConfig) -> Shape | None:
    """The shape of one of the four base models, by the recipe's folder or the model's name; else None."""
    folder = config_file.resolve().parent.name
    name = BASE_MODELS.get(str(model.model_name_or_path), folder)
    return SHAPES.get(name)


def _measured_shape(model: ModelConfig) -> Shape:
    """The shape of any other model, from its configuration."""
    import torch

    config = AutoConfig.from_pretrained(str(model.model_name_or_path))
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config)
    return shape_of(empty)


def shape_of(model: Any) -> Shape:
    """The shape of a loaded (or empty) model."""
    import torch

    from recipes.trainer import active_parameters

    params = sum(getattr(weight, "ds_numel", None) or weight.numel() for weight in model.parameters())
    linear = [m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and "lm_head" not in n]
    adapted = sum(m.in_features + m.out_features for m in linear)
    text = model.config.get_text_config()
    return Shape(params, active_parameters(model), text.num_hidden_layers, text.hidden_size, text.vocab_size, adapted)
