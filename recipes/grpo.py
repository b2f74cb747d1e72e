"""Reinforcement learning on the `rl` config (beyond the paper): TRL's GRPOTrainer with the verifier as the reward.

    accelerate launch --config_file recipes/accelerate/zero3.yaml -m recipes.grpo --config recipes/grpo/<recipe>.yaml

Rows that are always or never solved carry little signal (a group whose completions all get the same reward has none), so
only those with `min_pass_rate` <= pass rate <= `max_pass_rate` are trained on; with `keep_to_band` the rewards of the run
itself say which these are (`recipes.band`). A run resumes, draws its curves and writes its card as in `recipes.sft`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from recipes.installed import exit_missing, has

try:
    from accelerate.utils import gather_object
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOTrainer, get_peft_config, get_quantization_config

    from build.core.errors import ConfigError
    from build.core.records import digest
    from recipes.band import Band, BandSampler
    from recipes.checkpoints import check_unchanged, fixed_record, resume_from, write_record
    from recipes.config import GRPOTrainingConfig, Source, given_keys, read_training_config
    from recipes.corpus import fingerprint, load_rows
    from recipes.judge import use_service
    from recipes.launch import (
        check_machine,
        finish,
        load_tokenizer,
        model_arguments,
        name_the_run,
        recompute_inside_fsdp,
        run_command,
    )
    from recipes.prepare import prepared_dir, waiting_turn
    from recipes.reward import EXTRA_REWARDS, execution_reward
    from recipes.sft import card_facts
    from recipes.supervision import published_template
    from recipes.trainer import RecipeTrainerMixin
except (ImportError, RuntimeError) as missing:  # transformers and trl report a missing package as RuntimeError
    exit_missing(missing)

_COLUMNS = ("id", "prompt", "code", "task", "input", "output")


class RecipeGRPOTrainer(RecipeTrainerMixin, GRPOTrainer):
    """GRPOTrainer with what `recipes.trainer` adds, and a band of pass rates that it keeps to, where there is one."""

    def __init__(self, *positional: Any, band: Band | None = None, **named: Any) -> None:
        self.band = band
        super().__init__(*positional, **named)
        if band is not None:
            self.add_callback(band)

    def _get_train_sampler(self, dataset: Dataset | None = None) -> Any:
        plain = super()._get_train_sampler(dataset)
        return BandSampler(plain, self.band) if self.band is not None else plain

    def _calculate_rewards(self, inputs: Any, *others: Any) -> Any:
        rewards = super()._calculate_rewards(inputs, *others)  # of all processes
        if self.band is not None and self.model.training:
            ids = gather_object([row["id"] for row in inputs])
            self.band.learn(ids, rewards[:, 0].tolist())
            held = sum(map(self.band.holds, range(len(self.band.ids))))
            self._log_metric("band/within", held / len(self.band.ids))
        return rewards


def load_tasks(source: Source, config: Any, tokenizer: Any, tell: Callable[[str], None] = print) -> Dataset:
    """The rows of the `rl` config within the pass rates and the prompt length. Raises `ConfigError`."""
    rows = load_rows(source, source.split, config.seed)
    missing = [name for name in (*_COLUMNS, "pass_rate") if name not in rows.column_names]
    if missing:
        raise ConfigError(f"datasets: '{source.path}' lacks the columns {', '.join(missing)}; use its config `rl`")
    rates = rows["pass_rate"][:]
    low, high = (0.0, 1.0) if config.keep_to_band else (config.min_pass_rate, config.max_pass_rate)
    fits = [i for i, rate in enumerate(rates) if rate is None or low <= rate <= high]
    kept = rows.select(fits).select_columns([*_COLUMNS, "pass_rate"])
    kept = kept.filter(_fits, fn_kwargs={"tokenizer": tokenizer, "limit": config.max_prompt_tokens})
    if not len(kept):
        known = [rate for rate in rates if rate is not None]
        once = "; each instance was answered once, so make the data with `teacher: {samples: 4}` or more"
        raise ConfigError(
            f"min_pass_rate, max_pass_rate: none of the {len(rows)} rows is left; pass rates go from "
            f"{min(known, default=None)} to {max(known, default=None)}{once if set(known) <= {0.0, 1.0} else ''}"
        )
    tell(f"{len(kept)} of {len(rows)} rows kept: {len(rows) - len(fits)} by pass rate, the rest by prompt length")
    return kept


def _fits(row: dict[str, Any], tokenizer: Any, limit: int) -> bool:
    encoded = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=True, return_dict=True)
    return len(encoded["input_ids"]) <= limit


def train(arguments: Sequence[str], callbacks: Sequence[TrainerCallback] = ()) -> RecipeGRPOTrainer:
    """Run the recipe that the command line names; returns the trainer. Raises `ConfigError`."""
    config = read_training_config(GRPOTrainingConfig, arguments)
    run, trainer_config, model = config
    if len(run.sources) != 1:
        raise ConfigError("datasets: reinforcement learning takes one source, the config `rl` of a dataset")
    if run.smoke:
        raise ConfigError("smoke: it measures supervised runs; for reinforcement learning give --max_steps 20")
    if trainer_config.use_vllm and not has("vllm"):
        raise ConfigError("use_vllm: vllm is not installed here; its environment is requirements/serve.txt")
    tokenizer = load_tokenizer(model, trainer_config)
    check_machine(config)
    use_service(trainer_config.verifier_url)
    tell = print if trainer_config.process_index == 0 else _silent
    source = run.sources[0]
    record = fixed_record(config, digest(fingerprint(source), str(source.name), source.split, str(source.portion)))
    check_unchanged(config, record)
    last, passed_over = resume_from(config)
    for line in passed_over:
        tell(line)
    write_record(config, record)
    with waiting_turn(prepared_dir(config) / f"tasks-{record['data']}.lock"):  # one filters, the others read its cache
        rows = load_tasks(source, trainer_config, tokenizer, tell)
    recompute_inside_fsdp(trainer_config, model.use_peft)
    name_the_run(config)
    trainer_config.model_init_kwargs = model_arguments(config)
    tokenizer.chat_template = published_template(tokenizer.chat_template)
    rewards: Any = [execution_reward, *(EXTRA_REWARDS[name] for name in trainer_config.extra_rewards)]
    band = None
    if trainer_config.keep_to_band:
        band = Band(rows["id"][:], rows["pass_rate"][:], trainer_config.min_pass_rate, trainer_config.max_pass_rate)
        if last is not None:
            band.resume(str(trainer_config.output_dir))
    trainer = RecipeGRPOTrainer(
        model=model.model_name_or_path,
        reward_funcs=rewards,
        args=trainer_config,
        train_dataset=rows.remove_columns("pass_rate"),
        processing_class=tokenizer,
        quantization_config=get_quantization_config(model),
        peft_config=get_peft_config(model),
        callbacks=list(callbacks),
        lora=model.use_peft,
        band=band,
    )
    given = {key: record[key] for key in sorted(given_keys(arguments) & set(record))}
    trainer.card = card_facts(config, given, None)
    trainer.train(resume_from_checkpoint=last)
    finish(trainer, merge=model.use_peft and run.merge_adapter)
    return trainer


def _silent(line: str) -> None:
    """Only the first process speaks."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; see the module."""
    run_command(train, arguments)


if __name__ == "__main__":
    main()
