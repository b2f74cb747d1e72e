"""Supervised fine-tuning, stage 1 or stage 2: TRL's SFTTrainer on one recipe.

    accelerate launch --config_file recipes/accelerate/fsdp2.yaml -m recipes.sft --config recipes/<model>/<stage>.yaml

Launched again with the same output_dir, a run goes on from its last checkpoint; a recipe that changed in between is refused.
The output folder ends up with the model, `recipe.json` (what was run), `curves.png` (loss and learning rate) and a model
card. Recipe errors come before any weight is loaded, as one sentence and exit code 2.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peft import AutoPeftModelForCausalLM
from transformers import AutoConfig, AutoTokenizer, TrainerCallback
from transformers.trainer_utils import get_last_checkpoint
from trl import ModelConfig, SFTTrainer, get_peft_config, get_quantization_config

from build.core.records import digest
from recipes.card import write_card
from recipes.corpus import Counted, check_supervision, drop_too_long, load_source, load_sources
from recipes.curves import draw_curves
from recipes.recipe import DataArguments, RecipeError, SFTRecipe, read_recipe

# What may not change between a run and its resumption; numbers of processes and micro-batches may.
_FIXED = [
    "learning_rate",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "warmup_steps",
    "max_steps",
    "num_train_epochs",
    "global_batch_size",
    "max_length",
    "packing",
    "packing_strategy",
    "weight_decay",
    "adam_beta1",
    "adam_beta2",
    "max_grad_norm",
    "optim",
    "seed",
    "data_seed",
    "eos_token",
    "shuffle_dataset",
    # of reinforcement learning
    "beta",
    "epsilon",
    "loss_type",
    "scale_rewards",
    "num_generations",
    "num_iterations",
    "max_completion_length",
    "max_prompt_tokens",
    "min_pass_rate",
    "max_pass_rate",
    "temperature",
    "top_p",
]
_FIXED_MODEL = [
    "model_name_or_path",
    "model_revision",
    "dtype",
    "use_peft",
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "lora_target_modules",
]


class RecipeTrainer(SFTTrainer):
    """SFTTrainer that writes our model card where TRL would write its own; nothing else differs."""

    card: dict[str, Any]

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        if self.is_world_process_zero():
            write_card(Path(str(self.args.output_dir)), self.card, self.state.log_history)


def load_tokenizer(model: ModelConfig, config: Any) -> Any:
    """The model's tokenizer with the recipe's chat template and end-of-turn token. Raises `RecipeError`."""
    name = str(model.model_name_or_path)
    try:
        AutoConfig.from_pretrained(name, revision=model.model_revision)
        tokenizer = AutoTokenizer.from_pretrained(name, revision=model.model_revision)
    except (OSError, ValueError) as error:
        local = name.count("/") != 1 or Path(name).is_dir()
        why = "" if local else f" ({str(error).strip().splitlines()[0]})"
        raise RecipeError(
            f"model_name_or_path: no model at '{name}'{why}; give a folder that holds one "
            "(stage 2 starts from what stage 1 wrote) or a Hub repository that you may read"
        ) from None
    if getattr(config, "eos_token", None) is not None:
        if config.eos_token not in tokenizer.get_vocab():
            raise RecipeError(f"eos_token: '{config.eos_token}' is not in the vocabulary of '{name}'")
        tokenizer.eos_token = config.eos_token
    template = config.chat_template_path
    if template is not None:
        if not Path(template).is_file():
            raise RecipeError(f"chat_template_path: no file '{template}'; templates are in recipes/templates")
        tokenizer.chat_template = Path(template).read_text(encoding="utf-8")
    if tokenizer.chat_template is None:
        raise RecipeError(f"chat_template_path: '{name}' brings no chat template; set one of recipes/templates")
    return tokenizer


def resume_point(config: Any, model: ModelConfig, data: DataArguments) -> tuple[str | None, dict[str, Any]]:
    """The last checkpoint in output_dir, or None, and what is kept of the recipe there, in `recipe.json`.

    Raises `RecipeError` when the recipe has changed. On several machines each looks into its own output_dir, which has to be
    a folder that all of them share.
    """
    folder = Path(config.output_dir)
    fixed = {
        **{key: getattr(config, key) for key in _FIXED if hasattr(config, key)},
        **{key: getattr(model, key) for key in _FIXED_MODEL},
        "datasets": [asdict(source) for source in data.sources],
    }
    if config.chat_template_path is not None:
        fixed["chat_template"] = digest(Path(config.chat_template_path).read_text(encoding="utf-8"))
    fixed = json.loads(json.dumps(fixed, default=str))
    note = folder / "recipe.json"
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if last is not None and note.is_file():
        before = json.loads(note.read_text(encoding="utf-8"))
        changed = sorted(key for key in fixed if fixed[key] != before.get(key))
        if changed:
            raise RecipeError(
                f"output_dir: {folder} holds checkpoints of another recipe ({', '.join(changed)} differ); choose another "
                "output_dir, or delete that one"
            )
    if config.process_index == 0:
        folder.mkdir(parents=True, exist_ok=True)
        beside = note.with_suffix(".tmp")  # other processes may be reading
        beside.write_text(json.dumps(fixed, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        beside.replace(note)
    return last, fixed


def check_hub(config: Any) -> None:
    """Make sure before hours of training that the model can be pushed."""
    if not config.push_to_hub or config.process_index:
        return
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        HfApi(token=config.hub_token).whoami()
    except (HfHubHTTPError, LocalTokenNotFoundError, OSError) as error:
        raise RecipeError(
            f"push_to_hub: the Hub does not accept the token ({str(error).strip().splitlines()[0]}); "
            "run `hf auth login` or set HF_TOKEN"
        ) from None


def model_arguments(config: Any, model: ModelConfig) -> dict[str, Any]:
    """Keyword arguments for loading the weights."""
    return {
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        "dtype": model.dtype,
        **(config.model_init_kwargs or {}),
    }


def train(arguments: Sequence[str], callbacks: Sequence[TrainerCallback] = ()) -> RecipeTrainer:
    """Run the recipe that the command line names, to its end; returns the trainer. Raises `RecipeError`."""
    data, config, model = read_recipe(SFTRecipe, arguments)
    if config.max_length is None:
        raise RecipeError("max_length: set it (the paper: 4096); longer samples are dropped")
    tokenizer = load_tokenizer(model, config)
    config.assistant_only_loss = True
    if config.dataset_num_proc == 1:
        config.dataset_num_proc = None  # in this process: datasets would start a pool of one
    check_hub(config)
    last, recipe = resume_point(config, model, data)
    seed = config.data_seed if config.data_seed is not None else config.seed
    with config.main_process_first(desc="preparing the dataset"):
        rows = load_sources(data.sources, seed, config.dataset_num_proc)
        check_supervision(rows, tokenizer)
        rows, counted = drop_too_long(rows, tokenizer, config.max_length, config.dataset_num_proc)
        held_out = {}
        for source in data.sources:
            if source.test_split is not None and config.eval_strategy != "no":
                test = load_source(source, source.test_split, seed, config.dataset_num_proc)
                held_out[source.name or "test"] = drop_too_long(test, tokenizer, config.max_length)[0]
    if config.process_index == 0:
        print(
            f"{counted.kept} samples, {counted.tokens} tokens; {counted.too_long} over {config.max_length} tokens dropped"
        )

    config.model_init_kwargs = model_arguments(config, model)
    trainer = RecipeTrainer(
        model=model.model_name_or_path,
        args=config,
        train_dataset=rows,
        eval_dataset=held_out or None,
        processing_class=tokenizer,
        quantization_config=get_quantization_config(model),
        peft_config=get_peft_config(model),
        callbacks=list(callbacks),
    )
    trainer.card = card_facts(recipe, model, data, counted)
    trainer.train(resume_from_checkpoint=last)
    finish(trainer, merge=model.use_peft and data.merge_adapter)
    return trainer


def card_facts(
    recipe: dict[str, Any], model: ModelConfig, data: DataArguments, counted: Counted | None
) -> dict[str, Any]:
    """What the model card states; see `recipes.card`."""
    return {
        "base_model": model.model_name_or_path,
        "sources": data.sources,
        "counted": counted,
        "recipe": recipe,
    }


def finish(trainer: Any, merge: bool) -> None:
    """Save the model, draw the curves, merge an adapter, push when asked. Every process calls it."""
    folder = Path(trainer.args.output_dir)
    trainer.save_model(str(folder))
    if trainer.is_world_process_zero():
        trainer.state.save_to_json(str(folder / "trainer_state.json"))
        draw_curves(trainer.state.log_history, folder / "curves.png")
        trainer.create_model_card()
        if merge:
            merge_adapter(folder, trainer.processing_class)
    if trainer.args.push_to_hub:
        trainer.push_to_hub()
    trainer.accelerator.wait_for_everyone()


def merge_adapter(folder: Path, tokenizer: Any) -> None:
    """Write base + adapter of `folder` to `folder`/merged, on the CPU, in the dtype that the base has on disk."""
    merged = AutoPeftModelForCausalLM.from_pretrained(folder, dtype="auto").merge_and_unload()
    merged.generation_config.eos_token_id = tokenizer.eos_token_id
    merged.save_pretrained(folder / "merged")
    tokenizer.save_pretrained(folder / "merged")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; see the module."""
    try:
        trainer = train(sys.argv[1:] if arguments is None else arguments)
    except RecipeError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main()
