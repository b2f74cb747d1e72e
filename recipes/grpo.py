"""Reinforcement learning on the `rl` config (beyond the paper): TRL's GRPOTrainer with the verifier as the reward.

    accelerate launch --config_file recipes/accelerate/zero3.yaml -m recipes.grpo --config recipes/grpo/<recipe>.yaml

Rows that the teacher always or never solved carry little signal (a group whose completions all get the same reward has
none), so only those with `min_pass_rate` <= pass rate <= `max_pass_rate` are trained on. A run resumes, draws its curves
and writes its card as in `recipes.sft`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer, get_peft_config, get_quantization_config

from recipes.card import write_card
from recipes.corpus import load_rows
from recipes.recipe import GlobalBatch, RecipeError, Source, read_recipe
from recipes.reward import execution_reward
from recipes.sft import card_facts, check_hub, finish, load_tokenizer, model_arguments, resume_point

_COLUMNS = ("prompt", "code", "task", "input", "output")


@dataclass
class GRPORecipe(GlobalBatch, GRPOConfig):
    """TRL's GRPOConfig with `global_batch_size` (completions a step) and the recipe's filters."""

    chat_template_path: str | None = field(
        default=None, metadata={"help": "A Jinja file, for models without a template."}
    )
    eos_token: str | None = field(default=None, metadata={"help": "The token that ends a response."})
    min_pass_rate: float = field(default=0.0, metadata={"help": "Leave out rows that the teacher solved less often."})
    max_pass_rate: float = field(default=1.0, metadata={"help": "Leave out rows that the teacher solved more often."})
    max_prompt_tokens: int = field(
        default=2048, metadata={"help": "Leave out longer prompts (TRL does not cut prompts)."}
    )

    def __post_init__(self) -> None:
        steps = self.apply_global_batch(self.per_device_train_batch_size)
        if steps is not None:
            self.gradient_accumulation_steps = steps
        if not 0 <= self.min_pass_rate <= self.max_pass_rate <= 1:
            raise RecipeError(
                f"min_pass_rate {self.min_pass_rate} and max_pass_rate {self.max_pass_rate}: give 0 <= min <= max <= 1"
            )
        super().__post_init__()


class RecipeGRPOTrainer(GRPOTrainer):
    """GRPOTrainer that writes our model card where TRL would write its own; nothing else differs."""

    card: dict[str, Any]

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        if self.is_world_process_zero():
            write_card(Path(str(self.args.output_dir)), self.card, self.state.log_history)


def load_tasks(source: Source, config: Any, tokenizer: Any) -> Dataset:
    """The rows of the `rl` config within the pass rates and the prompt length. Raises `RecipeError`."""
    rows = load_rows(source, source.split, config.seed)
    missing = [name for name in (*_COLUMNS, "pass_rate") if name not in rows.column_names]
    if missing:
        raise RecipeError(f"datasets: '{source.path}' lacks the columns {', '.join(missing)}; use its config `rl`")
    rates = rows["pass_rate"][:]
    fits = [i for i, rate in enumerate(rates) if rate is None or config.min_pass_rate <= rate <= config.max_pass_rate]
    kept = rows.select(fits).select_columns(list(_COLUMNS))
    kept = kept.filter(_fits, fn_kwargs={"tokenizer": tokenizer, "limit": config.max_prompt_tokens})
    if not len(kept):
        once = "; each instance was answered once, so make the data with `teacher: {samples: 4}` or more"
        raise RecipeError(
            f"min_pass_rate, max_pass_rate: none of the {len(rows)} rows is left; pass rates go from "
            f"{min(rates, default=None)} to {max(rates, default=None)}{once if set(rates) <= {0.0, 1.0} else ''}"
        )
    if config.process_index == 0:
        print(f"{len(kept)} of {len(rows)} rows kept: {len(rows) - len(fits)} by pass rate, the rest by prompt length")
    return kept


def _fits(row: dict[str, Any], tokenizer: Any, limit: int) -> bool:
    encoded = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=True, return_dict=True)
    return len(encoded["input_ids"]) <= limit


def train(arguments: Sequence[str], callbacks: Sequence[TrainerCallback] = ()) -> RecipeGRPOTrainer:
    """Run the recipe that the command line names; returns the trainer. Raises `RecipeError`."""
    data, config, model = read_recipe(GRPORecipe, arguments)
    if len(data.sources) != 1:
        raise RecipeError("datasets: reinforcement learning takes one source, the config `rl` of a dataset")
    tokenizer = load_tokenizer(model, config)
    check_hub(config)
    last, recipe = resume_point(config, model, data)
    with config.main_process_first(desc="preparing the dataset"):
        rows = load_tasks(data.sources[0], config, tokenizer)
    config.model_init_kwargs = model_arguments(config, model)
    reward: Any = execution_reward  # TRL takes asynchronous rewards too; its annotation does not say so
    trainer = RecipeGRPOTrainer(
        model=model.model_name_or_path,
        reward_funcs=reward,
        args=config,
        train_dataset=rows,
        processing_class=tokenizer,
        quantization_config=get_quantization_config(model),
        peft_config=get_peft_config(model),
        callbacks=list(callbacks),
    )
    trainer.card = card_facts(recipe, model, data, None)
    trainer.train(resume_from_checkpoint=last)
    finish(trainer, merge=model.use_peft and data.merge_adapter)
    return trainer


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
