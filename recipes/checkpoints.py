"""Which checkpoint a run goes on from, and what may not have changed since it was written.

A checkpoint is whole when its `whole.json` lists every file with its size and the digest of its ends, and the files agree.
That list is written last, after every process has written its part and the files are on the disk, so a run killed at any
moment leaves either a whole checkpoint or one that the next launch recognises as half written and passes over.

    <output_dir>/checkpoint-200/whole.json     {"step": 200, "files": {"model.safetensors": [size, digest], ...}}
    <output_dir>/recipe.json                   what the run depends on; a launch that differs is refused by key
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from build.core.errors import ConfigError
from build.core.records import digest
from recipes.config import TrainingConfig

WHOLE = "whole.json"
_END = 2**20  # bytes at either end of a file that the list has a digest of
_SHAPING = (
    *("config", "corpus", "grpo", "judge", "launch", "partial_credit", "prepare", "reward", "sft", "supervision"),
    "trainer",
)
_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")

# What may differ between a run and its resumption: where it runs and what it reports. Everything else is fixed.
_MAY_CHANGE = """
output_dir run_name project report_to log_level log_level_replica log_on_each_node logging_dir logging_strategy
logging_steps logging_first_step disable_tqdm trackio_space_id trackio_bucket_id trackio_static_space_id debug
log_completions log_multimodal num_completions_to_print log_unique_prompts log_completions_hub_repo
skip_memory_metrics include_num_input_tokens_seen price_per_gpu_hour smoke merge_adapter allow_changes
prepared_dir save_strategy save_steps save_total_limit save_on_each_node enable_jit_checkpoint
resume_from_checkpoint push_to_hub hub_model_id hub_strategy hub_token hub_private_repo hub_always_push
hub_revision eval_strategy eval_steps eval_delay eval_on_start eval_accumulation_steps
per_device_eval_batch_size eval_packing eval_do_concat_batches eval_use_gather_object batch_eval_metrics
prediction_loss_only include_for_metrics bf16_full_eval fp16_full_eval num_generations_eval benchmark_steps
benchmark_data benchmark_new_tokens benchmark_rows verifier_url do_train do_eval do_predict local_rank use_cpu
dataset_num_proc dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers
dataloader_prefetch_factor dataloader_multiprocessing_context per_device_train_batch_size
gradient_accumulation_steps auto_find_batch_size torch_empty_cache_steps activation_checkpointing
activation_checkpointing_kwargs gradient_checkpointing gradient_checkpointing_kwargs activation_offloading
attn_implementation padding_free pad_to_multiple_of use_liger_kernel liger_kernel_config torch_compile
torch_compile_backend torch_compile_mode ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers
ddp_static_graph ddp_backend ddp_timeout fsdp fsdp_config deepspeed accelerator_config parallelism_config
restore_callback_states_from_checkpoint dataset_kwargs ds3_gather_for_generation use_vllm vllm_mode
vllm_model_impl vllm_enable_sleep_mode vllm_server_base_url vllm_server_host vllm_server_port
vllm_server_timeout vllm_group_port vllm_gpu_memory_utilization vllm_max_model_length vllm_tensor_parallel_size
cache_implementation use_transformers_continuous_batching transformers_continuous_batching_config
use_transformers_paged
"""
MAY_CHANGE = frozenset(_MAY_CHANGE.split())


def fixed_record(config: TrainingConfig, data: str) -> dict[str, Any]:
    """All that a run depends on, as JSON values: every key but `MAY_CHANGE`, the data's digest, and the code's version."""
    record: dict[str, Any] = {}
    for part in config:
        values = part.to_dict() if hasattr(part, "to_dict") else asdict(part)
        record |= {key: value for key, value in values.items() if key not in MAY_CHANGE}
    trainer = config.trainer
    if trainer.global_batch_size is None:
        steps = trainer.per_device_train_batch_size * trainer.gradient_accumulation_steps
        record["global_batch_size"] = steps * int(os.environ.get("WORLD_SIZE", "1"))
    record["datasets"] = [asdict(source) | {"path": None, "test_split": None} for source in config.run.sources]
    template = record.pop("chat_template_path", None)
    record["chat_template"] = digest(Path(template).read_text(encoding="utf-8")) if template else None
    record["data"] = data
    record["code"] = code_version()
    record["libraries"] = {name: version(name) for name in _LIBRARIES}
    return dict(json.loads(json.dumps(record, default=str)))


def code_version() -> str:
    """A digest of the modules that shape a run: the same code has the same version, whatever the commit."""
    folder = Path(__file__).resolve().parent
    return digest(*(part for name in _SHAPING for part in (name, (folder / f"{name}.py").read_text(encoding="utf-8"))))


def check_unchanged(config: TrainingConfig, record: dict[str, Any]) -> None:
    """Hold `record` against that of the run in output_dir, if it has checkpoints. Raises `ConfigError` naming the keys."""
    folder = Path(config.trainer.output_dir)
    note = folder / "recipe.json"
    if not _folders(folder) or not note.is_file():
        return
    try:
        before = json.loads(note.read_text(encoding="utf-8"))
    except ValueError:
        raise ConfigError(
            f"output_dir: {note} is not readable; choose another output_dir, or delete that one"
        ) from None
    defaults = _defaults(config)
    allowed = set(config.run.allow_changes)
    changed = sorted(
        key
        for key in record.keys() | before.keys()
        if key not in MAY_CHANGE | allowed and record.get(key, defaults.get(key)) != before.get(key, defaults.get(key))
    )
    if changed:
        shown = "; ".join(f"{key} was {_short(before.get(key))}, is {_short(record.get(key))}" for key in changed)
        raise ConfigError(
            f"output_dir: {folder} holds checkpoints of another run ({shown}); choose another output_dir, delete that one, "
            f"or go on with the change by `--allow_changes {' '.join(changed)}`"
        )


def write_record(config: TrainingConfig, record: dict[str, Any]) -> None:
    """Keep `record` as recipe.json in output_dir (the first process only)."""
    if config.trainer.process_index == 0:
        folder = Path(config.trainer.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "recipe.json", record)


def _defaults(config: TrainingConfig) -> dict[str, Any]:
    """The defaults of every key, as JSON values: a key that an older record lacks counts as its default."""
    found: dict[str, Any] = {}
    for part in config:
        for f in fields(part):
            value = (
                f.default if f.default is not MISSING else f.default_factory() if callable(f.default_factory) else None
            )
            found[f.name] = json.loads(json.dumps(value, default=str))
    return found


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def resume_from(config: TrainingConfig) -> tuple[str | None, list[str]]:
    """The checkpoint to go on from, or None, and a line on each one passed over. Every process comes to the same answer.

    Raises `ConfigError` where a checkpoint that was whole has been damaged and no other whole one is left: to start
    again from nothing has to be a person's decision. One that was never finished is passed over.
    """
    asked = config.trainer.resume_from_checkpoint
    if asked:
        fault = fault_of(Path(asked))
        if fault:
            raise ConfigError(f"resume_from_checkpoint: {asked} is not a whole checkpoint: {fault}")
        return str(asked), []
    lines: list[str] = []
    damaged: list[str] = []
    for folder in _folders(Path(config.trainer.output_dir)):
        fault = fault_of(folder)
        if not fault:
            return str(folder), [f"{line}; going on from {folder.name}" for line in lines]
        lines.append(f"{folder.name} is not a whole checkpoint: {fault}")
        if (folder / WHOLE).is_file():
            damaged.append(lines[-1])
    if damaged:
        raise ConfigError(
            f"output_dir: {config.trainer.output_dir}: {'; '.join(damaged)}, and there is no other to go on from; bring the "
            "file back, or delete the folder to start again"
        )
    return None, [f"{line}; starting from the first step" for line in lines]


def fault_of(folder: Path) -> str:
    """Why a checkpoint is not whole, or the empty string."""
    if not folder.is_dir():
        return "there is no such folder"
    try:
        listed = json.loads((folder / WHOLE).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        return f"{WHOLE} is missing, so its writing was not finished"
    except (ValueError, KeyError, TypeError):
        return f"{WHOLE} is not readable"
    for name, (size, ends) in listed.items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != size:
            return f"{name} has {file.stat().st_size} bytes and not {size}"
        if _ends(file) != ends:
            return f"{name} is not what was written"
    return ""


def mark_whole(folder: Path, step: int) -> None:
    """Declare a checkpoint whole, after all its files are on the disk. One process calls it, once all have written."""
    listed = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != WHOLE):
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        listed[file.relative_to(folder).as_posix()] = [file.stat().st_size, _ends(file)]
    _write_json(folder / WHOLE, {"step": step, "files": listed})


def step_of(folder: Path) -> int:
    """The optimiser step of a checkpoint folder; `last-checkpoint` (from the Hub) says it in its list of files."""
    tail = folder.name.rpartition("-")[2]
    if tail.isdigit():
        return int(tail)
    try:
        return int(json.loads((folder / WHOLE).read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1


def checkpoint_folders(output_dir: Path) -> Sequence[Path]:
    """The checkpoints of a run, whole or not, newest first."""
    return _folders(output_dir)


def _folders(output_dir: Path) -> list[Path]:
    if not output_dir.is_dir():
        return []
    found = [
        path
        for path in output_dir.iterdir()
        if path.is_dir()
        and (
            (path.name.startswith(f"{PREFIX_CHECKPOINT_DIR}-") and path.name.rpartition("-")[2].isdigit())
            or path.name == "last-checkpoint"
        )
    ]
    return sorted(found, key=lambda path: (-step_of(path), path.name))


def _ends(file: Path) -> str:
    state = hashlib.sha256()
    with file.open("rb") as stream:
        state.update(stream.read(_END))
        stream.seek(max(_END, file.stat().st_size - _END))
        state.update(stream.read())
    return state.hexdigest()[:20]


def _write_json(path: Path, value: Any) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(value, indent=1, sort_keys=True) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
