"""What supervised and reinforcement runs share: the checks before any weight is loaded, and the end of a run."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer
from trl import ModelConfig

from build.core.errors import ConfigError
from recipes.config import TrainingConfig
from recipes.curves import draw_curves
from recipes.installed import attention_fault, tracker_fault
from recipes.merge import merge_after_run
from recipes.trainer import TrainingStopped

SAVED_AND_STOPPED = 75  # the exit code of a run that was asked to stop and can go on (EX_TEMPFAIL of sysexits.h)


def load_tokenizer(model: ModelConfig, config: Any) -> Any:
    """The model's tokenizer with the recipe's chat template and end-of-turn token. Raises `ConfigError`."""
    name = str(model.model_name_or_path)
    try:
        AutoConfig.from_pretrained(name, revision=model.model_revision)
        tokenizer = AutoTokenizer.from_pretrained(name, revision=model.model_revision)
    except (OSError, ValueError) as error:
        local = name.count("/") != 1 or Path(name).is_dir()
        why = "" if local else f" ({(str(error).strip().splitlines() or [type(error).__name__])[0]})"
        raise ConfigError(
            f"model_name_or_path: no model at '{name}'{why}; give a folder that holds one "
            "(stage 2 starts from what stage 1 wrote) or a Hub repository that you may read"
        ) from None
    if not tokenizer.is_fast:
        raise ConfigError(f"model_name_or_path: '{name}' has no tokenizer.json (a fast tokenizer), which is needed")
    if config.eos_token is not None:
        if config.eos_token not in tokenizer.get_vocab():
            raise ConfigError(f"eos_token: '{config.eos_token}' is not in the vocabulary of '{name}'")
        tokenizer.eos_token = config.eos_token
    template = config.chat_template_path
    if template is not None:
        if not Path(template).is_file():
            raise ConfigError(f"chat_template_path: no file '{template}'; templates are in recipes/templates")
        tokenizer.chat_template = Path(template).read_text(encoding="utf-8")
    if tokenizer.chat_template is None:
        raise ConfigError(f"chat_template_path: '{name}' has no chat template of its own; set one of recipes/templates")
    return tokenizer


def check_machine(config: TrainingConfig) -> None:
    """Make sure that this machine has what the run needs, before its data is read. Raises `ConfigError`."""
    fault = attention_fault(config.model.attn_implementation)
    if fault:
        raise ConfigError(f"attn_implementation: {fault}")
    fault = tracker_fault(config.trainer.report_to)
    if fault:
        raise ConfigError(f"report_to: {fault}")
    check_precision(config)
    check_hub(config.trainer)
    if config.trainer.process_index == 0 and config.trainer.device.type == "cpu" and not config.trainer.use_cpu:
        print("warning: no GPU is visible, so this run trains on the CPU (say so with --use_cpu true)", file=sys.stderr)


def check_precision(config: TrainingConfig) -> None:
    """Refuse full fine-tuning of 16-bit weights unless asked for: at a rate of 1e-5 most updates round to nothing.

    DeepSpeed is left alone, since it keeps float32 weights of its own. Raises `ConfigError`.
    """
    run, model = config.run, config.model
    if model.use_peft or run.allow_bf16_weights or config.trainer.deepspeed or launched_with("DEEPSPEED"):
        return
    dtype = (config.trainer.model_init_kwargs or {}).get("dtype", model.dtype)
    if dtype == "auto":
        found = AutoConfig.from_pretrained(str(model.model_name_or_path), revision=model.model_revision)
        dtype = str(getattr(found, "dtype", None)).removeprefix("torch.")
    if str(dtype).removeprefix("torch.") in ("bfloat16", "float16"):
        raise ConfigError(
            f"dtype: full fine-tuning of {dtype} weights loses most updates to rounding (at a learning rate of 1e-5 about "
            "nine weights in ten do not move); set dtype: float32 (bf16: true still computes in bfloat16), or ask for it "
            "with allow_bf16_weights: true"
        )


def check_hub(config: Any) -> None:
    """Make sure before hours of training that the model can be pushed. Raises `ConfigError`."""
    if not config.push_to_hub or config.process_index:
        return
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        HfApi(token=config.hub_token).whoami()
    except (HfHubHTTPError, LocalTokenNotFoundError, OSError) as error:
        raise ConfigError(
            f"push_to_hub: the Hub does not accept the token ({str(error).strip().splitlines()[0]}); "
            "run `hf auth login` or set HF_TOKEN"
        ) from None


def launched_with(kind: str) -> bool:
    """Whether accelerate launched this process with FSDP or DEEPSPEED."""
    return os.environ.get(f"ACCELERATE_USE_{kind}", "false").lower() == "true"


def recompute_inside_fsdp(config: Any, lora: bool) -> None:
    """Under FSDP let FSDP recompute the activations: transformers' own way gathers each layer's weights once more.

    Not with LoRA: peft 0.21 does not find the adapter inside FSDP's wrappers and would save an empty one.
    """
    if launched_with("FSDP") and not lora and (config.activation_checkpointing or config.gradient_checkpointing):
        os.environ["FSDP_ACTIVATION_CHECKPOINTING"] = "true"
        config.activation_checkpointing = config.gradient_checkpointing = False


def name_the_run(config: TrainingConfig) -> None:
    """Give the tracker a project and a run name out of the output folder, unless the recipe or the user has set them."""
    trainer = config.trainer
    folder = Path(trainer.output_dir)
    if not trainer.run_name or trainer.run_name == trainer.output_dir:
        trainer.run_name = f"{folder.parent.name}/{folder.name}" if folder.parent.name else folder.name
    if trainer.project == "huggingface":
        trainer.project = "codeio"
    os.environ.setdefault("WANDB_PROJECT", trainer.project)


def model_arguments(config: TrainingConfig) -> dict[str, Any]:
    """Keyword arguments for loading the weights."""
    return {
        "revision": config.model.model_revision,
        "attn_implementation": config.model.attn_implementation,
        "dtype": config.model.dtype,
        **(config.trainer.model_init_kwargs or {}),
    }


def finish(trainer: Any, merge: bool) -> None:
    """Save the model, draw the curves, merge an adapter, push when asked. Every process calls it.

    Raises `TrainingStopped` instead where the run was asked to stop before its end: its checkpoint is saved.
    """
    folder = Path(trainer.args.output_dir)
    if trainer.stop_request.reason:
        raise TrainingStopped(
            f"stopped by {trainer.stop_request.reason} after step {trainer.state.global_step}; a checkpoint is saved in "
            f"{folder}, and the same command goes on from it"
        )
    if trainer.is_fsdp_enabled:  # the final model is one model, whatever the checkpoints are
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(folder), _internal_call=True)
    if trainer.is_world_process_zero():
        trainer.state.save_to_json(str(folder / "trainer_state.json"))
        draw_curves(trainer.state.log_history, folder / "curves.png")
        trainer.create_model_card()
        if merge:
            merge_after_run(folder)
    if trainer.args.push_to_hub:
        trainer.push_to_hub()
    trainer.accelerator.wait_for_everyone()


def run_command(train: Callable[[Sequence[str]], Any], arguments: Sequence[str] | None) -> None:
    """The command line of a training module: one sentence and exit code 2 for a configuration that cannot run.

    A run that was stopped, by a signal or by its own alarm, says so and exits with 75 or 3.
    """
    try:
        trainer = train(sys.argv[1:] if arguments is None else arguments)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except TrainingStopped as error:
        print(f"stopped: {error}", file=sys.stderr)
        raise SystemExit(SAVED_AND_STOPPED if "a checkpoint is saved" in str(error) else 3) from None
    trainer.accelerator.end_training()
