"""Looks at a machine before a run is launched on it: what is there, what is missing, and what to do about each.

    python -m recipes doctor recipes/<model>/<stage>.yaml --gpus 8

Nothing is loaded or written. Each finding is one line; the command exits with 1 when one of them would stop the run.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from build.core.errors import ConfigError
from recipes.config import TrainingConfig
from recipes.installed import attention_fault, has, tracker_fault
from recipes.launch import check_precision, load_tokenizer
from recipes.memory import GIB, checkpoint_gb, memory_gb
from recipes.plan import known_shape
from recipes.prepare import data_digest, prepared_dir
from recipes.supervision import encode_rows

State = Literal["ok", "note", "stop"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: its name, whether it would stop the run, and a sentence."""

    what: str
    state: State
    sentence: str


def examine(config_file: Path, config: TrainingConfig, gpus: int, reachable: bool) -> Iterator[Finding]:
    """Findings on this machine for a run of `config` on `gpus` GPUs of this machine; `reachable`: whether the Hub is."""
    yield _gpus(config_file, config, gpus)
    fault = attention_fault(config.model.attn_implementation)
    yield Finding(
        "attention kernel", "stop" if fault else "ok", fault or f"{config.model.attn_implementation} can be used"
    )
    yield _precision(config)
    yield _disk(config_file, config)
    yield _hub(config, reachable)
    yield _model(config, reachable)
    yield from _tokenizer_and_data(config)
    fault = tracker_fault(config.trainer.report_to)
    named = ", ".join(config.trainer.report_to) or "none"
    yield Finding("tracker", "stop" if fault else "ok", fault or f"report_to: {named}")
    if not has("deepspeed"):
        yield Finding(
            "DeepSpeed", "note", "not installed; recipes/accelerate/zero3.yaml needs it (pip install deepspeed)"
        )


def _gpus(config_file: Path, config: TrainingConfig, gpus: int) -> Finding:
    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not seen:
        return Finding(
            "GPUs", "stop", "none is visible to torch; see `nvidia-smi`, the driver, and CUDA_VISIBLE_DEVICES"
        )
    names = sorted({torch.cuda.get_device_name(index) for index in range(seen)})
    sizes = [torch.cuda.get_device_properties(index).total_memory / GIB for index in range(seen)]
    if seen < gpus:
        return Finding("GPUs", "stop", f"{seen} of {gpus} are visible ({', '.join(names)}); see CUDA_VISIBLE_DEVICES")
    shape, model = known_shape(config_file, config.model), config.model
    if shape is None:
        return Finding("GPUs", "ok", f"{seen} of {min(sizes):.0f} GiB ({', '.join(names)})")
    micro = config.trainer.per_device_train_batch_size * config.trainer.max_length
    rank = model.lora_r if model.use_peft else None
    needed = memory_gb(shape, gpus, micro, lora_r=rank, sharded=shape.sharded(model.use_peft))
    state: State = "ok" if needed < min(sizes) else "stop"
    advice = "" if state == "ok" else "; see the order of knobs in recipes/README.md"
    return Finding(
        "GPUs", state, f"{seen} of {min(sizes):.0f} GiB, about {needed:.0f} needed on each (estimate){advice}"
    )


def _precision(config: TrainingConfig) -> Finding:
    try:
        check_precision(config)
    except (ConfigError, OSError) as error:
        return Finding("precision", "stop", str(error).splitlines()[0])
    return Finding("precision", "ok", f"dtype {config.model.dtype}")


def _disk(config_file: Path, config: TrainingConfig) -> Finding:
    folder = Path(config.trainer.output_dir).absolute()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free / GIB
    shape = known_shape(config_file, config.model)
    if not os.access(there, os.W_OK):
        return Finding("disk", "stop", f"{there} cannot be written to; choose another output_dir")
    if shape is None:
        return Finding(
            "disk", "ok", f"{free:,.0f} GiB free in {there}; this model's checkpoints are not known to the table"
        )
    one = checkpoint_gb(shape, config.model.lora_r if config.model.use_peft else None)
    limit = config.trainer.save_total_limit
    kept = (limit or 10) + 1  # one more while it is written
    weights = 4 * shape.params / GIB
    state: State = "ok" if one * kept + weights < free else "stop"
    advice = "" if state == "ok" else "; lower save_total_limit, or choose another output_dir"
    return Finding(
        "disk",
        state,
        f"{free:,.0f} GiB free in {there}; {kept} checkpoints of {one:,.1f} GiB and the model of {weights:,.0f} GiB "
        f"(estimate){advice}",
    )


def _hub(config: TrainingConfig, reachable: bool) -> Finding:
    push = config.trainer.push_to_hub
    if not reachable:
        state: State = "stop" if push else "note"
        return Finding(
            "Hub", state, "it cannot be reached from here: models and data have to be on this machine already"
        )
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        return Finding("Hub", "stop" if push else "note", "no token; `hf auth login`, for gated models and for pushing")
    return _answered(
        "Hub",
        lambda: f"the token is that of {HfApi(token=config.trainer.hub_token).whoami()['name']}",
        "`hf auth login`",
    )


def _model(config: TrainingConfig, reachable: bool) -> Finding:
    name = str(config.model.model_name_or_path)
    if Path(name).is_dir():
        weights = list(Path(name).glob("*.safetensors")) + list(Path(name).glob("pytorch_model*.bin"))
        if weights:
            return Finding("model", "ok", f"the folder {name}")
        return Finding("model", "stop", f"the folder {name} holds no weights; give the output folder of a finished run")
    if name.count("/") != 1:
        return Finding("model", "stop", f"no folder '{name}'; stage 2 starts from what stage 1 wrote")
    from huggingface_hub import HfApi, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return Finding("model", "ok", f"{name} is in the cache")
    if not reachable:
        return Finding(
            "model", "stop", f"{name} is not in the cache and the Hub cannot be reached; `hf download {name}`"
        )
    advice = f"ask for access at https://huggingface.co/{name} and log in"

    def ask() -> str:
        HfApi().auth_check(name)
        return f"{name} may be read"

    return _answered("model", ask, advice)


def _answered(what: str, ask: Callable[[], str], advice: str) -> Finding:
    """What the Hub answers, or its refusal with what to do."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Finding(what, "ok", ask())
    except (HfHubHTTPError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Finding(what, "stop", f"{reason}; {advice}")


def _tokenizer_and_data(config: TrainingConfig) -> Iterator[Finding]:
    try:
        tokenizer = load_tokenizer(config.model, config.trainer)
    except ConfigError as error:
        yield Finding("chat template", "stop", str(error))
        return
    yield _template(tokenizer, config)
    try:
        folder = prepared_dir(config) / data_digest(config, tokenizer)
    except ConfigError as error:
        yield Finding("data", "stop", str(error))
        return
    if (folder / "manifest.json").is_file():
        yield Finding("prepared data", "ok", f"{folder}")
    else:
        yield Finding(
            "prepared data",
            "note",
            "none for this recipe; `python -m recipes prepare` makes it without paying for GPUs",
        )


def _template(tokenizer: Any, config: TrainingConfig) -> Finding:
    from datasets import Dataset

    turns = [{"role": "user", "content": "Question?"}, {"role": "assistant", "content": "An answer."}]
    rows = Dataset.from_list([{"messages": turns + turns}])
    reason = encode_rows(rows, tokenizer, tokenizer.chat_template, config.trainer.max_length)["dropped"][0]
    if reason:
        return Finding("chat template", "stop", f"{reason}; set chat_template_path to one of recipes/templates")
    return Finding("chat template", "ok", f"the loss falls on each response and {tokenizer.eos_token}")
