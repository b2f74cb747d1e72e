"""Twenty steps of the real launch on the real machines, measured, and what the whole run will take at that speed.

    accelerate launch ... -m recipes.sft --config recipes/<model>/<stage>.yaml --smoke

Nothing of it is kept: no checkpoint, no model, no push. The first steps (allocation, compilation) are left out of the speed.
"""

from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from recipes.config import TrainingConfig
from recipes.memory import GIB, hours, memory_gb
from recipes.plan import shape_of
from recipes.prepare import Counted

SMOKE_STEPS = 20
_WARM_UP = 3


def set_up_smoke(config: TrainingConfig) -> None:
    """Turn a run into its first twenty steps, in the folder `smoke` of output_dir."""
    trainer = config.trainer
    trainer.whole_run = (trainer.max_steps, trainer.num_train_epochs)
    trainer.max_steps, trainer.logging_steps = SMOKE_STEPS, 1
    trainer.output_dir = str(Path(trainer.output_dir) / "smoke")
    trainer.save_strategy = trainer.eval_strategy = "no"
    trainer.eval_on_start = trainer.push_to_hub = False
    trainer.report_to = []


def report_smoke(trainer: Any, config: TrainingConfig, counted: Counted, tell: Callable[[str], None]) -> None:
    """Print what the steps measured, with the projection of the whole run beside the plan's. Every process calls it."""
    args, model = config.trainer, config.model
    log = [entry for entry in trainer.state.log_history if "tokens_per_second" in entry]
    steady = log[_WARM_UP:] or log
    spent = sum(entry["step_seconds"] for entry in steady)
    speed = sum(entry["step_tokens"] for entry in steady) / spent
    world = args.world_size
    batch = args.per_device_train_batch_size * args.gradient_accumulation_steps * world
    max_steps, epochs = args.whole_run
    an_epoch = ceil(counted.sequences / batch)
    epochs = max_steps / an_epoch if max_steps > 0 else epochs
    tokens = counted.tokens * epochs
    base = trainer.accelerator.unwrap_model(trainer.model)
    shape = shape_of(base.get_base_model() if model.use_peft else base)
    micro = args.per_device_train_batch_size * args.max_length
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    planned = memory_gb(shape, world, micro, lora_r=model.lora_r if model.use_peft else None, sharded=sharded)
    projected = tokens / speed / 3600
    used = trainer.utilisation(speed)
    rows = [
        ("tokens a second", f"{speed:,.0f}", ""),
        ("MFU", "not known for this device" if used is None else f"{used:.1%}", "35.0%"),
        ("peak memory, GiB", _peak_memory(trainer), f"{planned:.1f}"),
        ("tokens under the loss", f"{steady[-1]['supervised_share']:.1%}", ""),
        ("padding", f"{sum(e['padding_share'] for e in steady) / len(steady):.1%}", ""),
        ("tokens of the whole run", f"{tokens:,.0f}", ""),
        ("hours of the whole run", f"{projected:,.3g}", f"{hours(shape, world, tokens, lora=model.use_peft):,.3g}"),
        ("GPU-hours", f"{projected * world:,.3g}", ""),
    ]
    if config.run.price_per_gpu_hour:
        rows.append(("cost", f"{projected * world * config.run.price_per_gpu_hour:,.2f}", ""))
    tell(
        tabulate(rows, (f"{len(log)} steps on {world} processes", "measured", "planned (H100)"), disable_numparse=True)
    )


def _peak_memory(trainer: Any) -> str:
    """The highest peak among the processes; on a CPU the most that the process has held."""
    if torch.cuda.is_available():
        peak = torch.tensor(float(torch.cuda.max_memory_reserved()), device=trainer.args.device)
        return f"{float(trainer.accelerator.gather(peak).max()) / GIB:.1f}"
    import resource

    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB:.1f} (of the process, on a CPU)"
