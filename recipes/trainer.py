"""What both trainers of this project add to TRL's: whole checkpoints, a clean stop, measured throughput, early alarms.

- A checkpoint is declared whole only once every process has written it, and older ones are removed only then.
- SIGTERM, SIGUSR1 or a file `<output_dir>/stop` ends the run after the current step with a checkpoint; all processes agree
  on the step first. Launched again, the run goes on.
- Every log entry has tokens a second, the share of the hardware's peak (MFU), tokens seen, and the shares of tokens under the
  loss and of padding. MFU counts 6 FLOPs a token and active parameter (LoRA: 4), without attention, as `recipes.plan` does.
- A loss or gradient norm that is not a number stops the run by name, before a checkpoint of it is written; a sudden rise of
  the gradient norm is warned of.
"""

import math
import shutil
import signal
import statistics
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors import safe_open
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, rotate_checkpoints

from build.core.errors import RunError
from recipes.checkpoints import checkpoint_folders, fault_of, mark_whole
from recipes.memory import PEAK_FLOPS
from recipes.model_card import write_card

SPIKE = 5.0  # times the median gradient norm of the last steps that is warned of
_WINDOW = 50


class TrainingStopped(RunError):
    """Training cannot go on, or was asked to stop; the message is one sentence that says why and what to do."""


class StopRequest(TrainerCallback):
    """Ends the run after the current step, with a checkpoint, once a signal or the file `stop` in output_dir asks for it."""

    def __init__(self) -> None:
        self.reason = ""
        self._asked = ""
        self._handlers: dict[int, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGUSR1):
            try:
                self._handlers[number] = signal.signal(number, self._note)
            except ValueError:  # not in the main thread, where signals cannot be caught
                return

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = signal.Signals(number).name

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        stop_file = Path(args.output_dir) / "stop"
        if args.process_index == 0 and not self._asked and stop_file.exists():
            stop_file.unlink(missing_ok=True)
            self._asked = "the file stop"
        if self._any(bool(self._asked), args.device):
            self.reason = self._asked or "a signal to another process"
            control.should_save = True
            control.should_training_stop = True

    @staticmethod
    def _any(asked: bool, device: torch.device) -> bool:
        if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
            return asked
        flag = torch.tensor(float(asked), device=device)
        torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
        return bool(flag.item())

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)


class _Clock(TrainerCallback):
    """Seconds spent in optimiser steps, without evaluation, saving and pushing."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self._begun = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - self._begun


class RecipeTrainerMixin:
    """Mixed in before a TRL trainer; see the module."""

    card: dict[str, Any]
    args: Any
    state: Any
    control: Any
    model: Any
    accelerator: Any
    is_world_process_zero: Callable[[], bool]

    def __init__(self, *positional: Any, lora: bool = False, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.args.logging_nan_inf_filter = False  # it would log the last good loss in place of NaN
        self.stop_request, self._clock = StopRequest(), _Clock()
        for callback in (self.stop_request, self._clock):
            self.add_callback(callback)  # type: ignore[attr-defined]
        self.extra_logs: dict[str, float] = {}  # what callbacks add to the next entry of the log
        self._flops = (4 if lora else 6) * active_parameters(self.model)
        self._counts = torch.zeros(3, dtype=torch.float64)  # tokens, under the loss, with padding: of this process
        self._window = [0.0, 0.0, 0.0]  # the same of all processes, since the last log entry
        self.totals = {"tokens": 0.0, "supervised": 0.0, "padded": 0.0, "seconds": 0.0}
        self._norms: deque[float] = deque(maxlen=_WINDOW)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write our card where TRL would write its own."""
        if self.is_world_process_zero():
            write_card(Path(str(self.args.output_dir)), self.card, self.state.log_history)

    def training_step(self, model: Any, inputs: Any, *others: Any, **named: Any) -> Any:
        if isinstance(inputs, dict) and "labels" in inputs:
            ids, mask = inputs["input_ids"], inputs.get("attention_mask")
            tokens = ids.numel() if mask is None else int(mask.sum())
            counted = (tokens, int((inputs["labels"] != -100).sum()), ids.numel())
            self._counts += torch.tensor(counted, dtype=torch.float64)
        return super().training_step(model, inputs, *others, **named)  # type: ignore[misc]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            self._raise_unless_finite("the loss", logs["loss"])
            logs.update(self._throughput())
            logs.update(self.extra_logs)
            self.extra_logs.clear()
        super().log(logs, start_time)  # type: ignore[misc]

    def _throughput(self) -> dict[str, float]:
        self._collect_counts()
        tokens, supervised, padded = self._window
        self._window = [0.0, 0.0, 0.0]
        seconds, self._clock.seconds = self._clock.seconds, 0.0
        for name, value in zip(self.totals, (tokens, supervised, padded, seconds)):
            self.totals[name] += value
        if not tokens or not seconds:
            return {}
        found = {
            "tokens_per_second": tokens / seconds,
            "tokens_seen": float(self.state.num_input_tokens_seen),
            "supervised_share": supervised / tokens,
            "padding_share": 1 - tokens / padded,
            "step_tokens": tokens,
            "step_seconds": seconds,
        }
        share = self.utilisation(tokens / seconds)
        return found if share is None else {**found, "mfu": share}

    def _collect_counts(self) -> None:
        """Add up what all processes have counted since the last call."""
        counts = self._counts.to(torch.float32).to(self.args.device)
        total = self.accelerator.reduce(counts, reduction="sum").cpu().tolist()
        self._counts.zero_()
        self._window = [before + float(more) for before, more in zip(self._window, total)]
        self.state.num_input_tokens_seen += int(total[0])

    def utilisation(self, tokens_per_second: float) -> float | None:
        """The share of the GPUs' bf16 peak that the model's arithmetic uses (MFU); None where the peak is not known."""
        name = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
        peak = next((value for part, value in PEAK_FLOPS.items() if part in name), None)
        return None if peak is None else self._flops * tokens_per_second / (peak * self.args.world_size)

    def _run_epoch(self, *others: Any, **named: Any) -> None:
        """Train as TRL does; a run resumed after its last step has none left (transformers would train one more)."""
        if 0 < self.state.max_steps <= self.state.global_step:
            self.control.should_training_stop = True
            return
        super()._run_epoch(*others, **named)  # type: ignore[misc]

    def _maybe_log_save_evaluate(self, tr_loss: Any, grad_norm: Any, *others: Any, **named: Any) -> None:
        if grad_norm is not None:
            norm = float(grad_norm)
            self._raise_unless_finite("the gradient norm", norm)
            usual = statistics.median(self._norms) if len(self._norms) >= 10 else math.inf
            if norm > SPIKE * usual and self.is_world_process_zero():
                print(
                    f"warning: step {self.state.global_step}: gradient norm {norm:.3g}, usually {usual:.3g}", flush=True
                )
            self._norms.append(norm)
        super()._maybe_log_save_evaluate(tr_loss, grad_norm, *others, **named)  # type: ignore[misc]

    def _raise_unless_finite(self, what: str, value: float) -> None:
        if math.isfinite(value):
            return
        folders = checkpoint_folders(Path(self.args.output_dir))
        whole = next((folder.name for folder in folders if not fault_of(folder)), None)
        advice = f"the last whole checkpoint is {whole}" if whole else "no checkpoint has been written"
        raise TrainingStopped(
            f"{what} is {value} at step {self.state.global_step}; {advice}. Lower learning_rate, look at the rows of this "
            "step, and see whether float32 weights (dtype) and max_grad_norm are set"
        )

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save as TRL does, and make sure that an adapter has weights: sharding wrappers can hide it from peft."""
        super()._save(output_dir, state_dict)  # type: ignore[misc]
        adapter = Path(output_dir or self.args.output_dir) / "adapter_model.safetensors"
        if self.args.should_save and adapter.is_file():
            with safe_open(adapter, framework="pt") as tensors:
                if not list(tensors.keys()):
                    raise RunError(
                        f"the adapter in {adapter.parent} was saved without a single weight; the run is of no use"
                    )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save as TRL does, then declare the checkpoint whole, push it, and only then remove older ones."""
        args, folder = self.args, Path(self.args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        self._collect_counts()  # so that the saved state knows the tokens seen
        if folder.exists() and fault_of(folder) and self.is_world_process_zero():
            shutil.rmtree(folder)  # half written by a run that was killed
        self.accelerator.wait_for_everyone()
        limit, push = args.save_total_limit, args.push_to_hub
        args.save_total_limit, args.push_to_hub = None, False
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
        finally:
            args.save_total_limit, args.push_to_hub = limit, push
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            mark_whole(folder, self.state.global_step)
        self.accelerator.wait_for_everyone()
        if push:
            self._push_from_checkpoint(str(folder))  # type: ignore[attr-defined]
        if args.should_save:
            rotate_checkpoints(args.output_dir, limit, self.state.best_model_checkpoint, use_mtime=False)


def active_parameters(model: Any) -> float:
    """Parameters that one token uses: of routed experts, the share that the router picks. Embeddings are counted."""
    config = model.config.get_text_config()
    routed = getattr(config, "n_routed_experts", None) or getattr(config, "num_local_experts", None)
    used = (getattr(config, "num_experts_per_tok", None) or 0) / routed if routed else 1.0
    total = 0.0
    for name, weight in model.named_parameters():
        if "lora_" not in name:
            size = getattr(weight, "ds_numel", None) or weight.numel()  # ZeRO-3 empties the parameters
            total += size * (used if ".experts." in name else 1.0)
    return total
