"""Supervised fine-tuning, stage 1 or stage 2: TRL's SFTTrainer on one recipe.

    accelerate launch --config_file recipes/accelerate/fsdp2.yaml -m recipes.sft --config recipes/<model>/<stage>.yaml

Launched again with the same output_dir, a run goes on from its newest whole checkpoint; one that would go on differently is
refused. The output folder ends up with the model, `recipe.json` (what was run), `curves.png` (loss and learning rate) and a
model card. Errors of the configuration come before any weight is loaded, as one sentence and exit code 2.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from recipes.installed import exit_missing

try:
    from transformers import IntervalStrategy, TrainerCallback
    from trl import SFTTrainer, get_peft_config, get_quantization_config

    from build.core.errors import ConfigError
    from recipes.benchmark import held_out_benchmark
    from recipes.checkpoints import check_unchanged, fixed_record, resume_from, write_record
    from recipes.config import SFTTrainingConfig, TrainingConfig, given_keys, read_training_config
    from recipes.launch import (
        check_machine,
        finish,
        load_tokenizer,
        model_arguments,
        name_the_run,
        recompute_inside_fsdp,
        run_command,
    )
    from recipes.plan import data_warnings
    from recipes.prepare import Counted, Prepared, data_digest, prepare
    from recipes.smoke import report_smoke, set_up_smoke
    from recipes.supervision import published_template
    from recipes.trainer import RecipeTrainerMixin
except (ImportError, RuntimeError) as missing:  # transformers and trl report a missing package as RuntimeError
    exit_missing(missing)


class RecipeTrainer(RecipeTrainerMixin, SFTTrainer):
    """SFTTrainer with what `recipes.trainer` adds."""


def train(arguments: Sequence[str], callbacks: Sequence[TrainerCallback] = ()) -> RecipeTrainer:
    """Run the recipe that the command line names, to its end; returns the trainer.

    Raises `ConfigError`, and `recipes.trainer.TrainingStopped` for a run that was stopped.
    """
    config = read_training_config(SFTTrainingConfig, arguments)
    run, trainer_config, model = config
    if trainer_config.max_length is None:
        raise ConfigError("max_length: set it (the paper: 4096); longer samples are dropped")
    tokenizer = load_tokenizer(model, trainer_config)
    check_machine(config)
    tell = print if trainer_config.process_index == 0 else _silent
    if trainer_config.dataset_num_proc == 1:
        trainer_config.dataset_num_proc = None  # in this process: datasets would start a pool of one
    last = None
    record = fixed_record(config, data_digest(config, tokenizer, training_only=True))
    if not run.smoke:
        check_unchanged(config, record)
        last, passed_over = resume_from(config)
        for line in passed_over:
            tell(line)
        write_record(config, record)
    prepared = prepare(config, tokenizer, tell)
    for line in data_warnings(prepared.counted.sequences, config):
        tell(f"warning: {line}")
    if trainer_config.eval_strategy != "no" and not prepared.held_out:
        tell("no held-out loss: no source names a test_split, and held_out_rows takes none")
        trainer_config.eval_strategy, trainer_config.eval_on_start = IntervalStrategy.NO, False
    if run.smoke:
        set_up_smoke(config)
    benchmark = None if run.smoke else held_out_benchmark(run, trainer_config)
    trainer = make_trainer(config, tokenizer, prepared, [*callbacks, benchmark] if benchmark else callbacks)
    if benchmark:
        benchmark.trainer = trainer
    given = {key: record[key] for key in sorted(given_keys(arguments) & set(record))}
    trainer.card = card_facts(config, given, prepared.counted)
    trainer.train(resume_from_checkpoint=last)
    if run.smoke:
        report_smoke(trainer, config, prepared.counted, tell)
    else:
        finish(trainer, merge=model.use_peft and run.merge_adapter)
    return trainer


def make_trainer(
    config: TrainingConfig, tokenizer: Any, prepared: Prepared, callbacks: Sequence[TrainerCallback] = ()
) -> RecipeTrainer:
    """The trainer on prepared data. The tokenizer is saved with the published form of its template."""
    trainer_config, model = config.trainer, config.model
    recompute_inside_fsdp(trainer_config, model.use_peft)
    name_the_run(config)
    trainer_config.model_init_kwargs = model_arguments(config)
    trainer_config.dataset_kwargs = {"skip_prepare_dataset": True}  # it has labels already
    trainer_config.chat_template_path = None  # TRL would put the template with the training tags back
    trainer_config.eval_packing = False
    max_length, trainer_config.max_length = trainer_config.max_length, None  # held to in `prepare`; TRL refuses both
    if trainer_config.packing:
        trainer_config.max_length = max_length
    tokenizer.chat_template = published_template(tokenizer.chat_template)
    score_responses_only()
    trainer = RecipeTrainer(
        model=model.model_name_or_path,
        args=trainer_config,
        train_dataset=prepared.train,
        eval_dataset=(prepared.held_out or None) if trainer_config.eval_strategy != "no" else None,
        processing_class=tokenizer,
        quantization_config=get_quantization_config(model),
        peft_config=get_peft_config(model),
        callbacks=list(callbacks),
        lora=model.use_peft,
    )
    trainer.args.max_length = max_length
    return trainer


def score_responses_only() -> None:
    """On a CPU, too, let TRL's fused loss compute the logits of the positions under the loss alone, as it does on GPUs.

    Elsewhere TRL scores every position, prompts included, to keep the shapes of compiled kernels; a CPU compiles none. With a
    vocabulary as large as SmolLM2's and 30 % of the tokens under the loss, a step takes a third less time.
    """
    library: Any = import_module("trl.trainer.utils")
    if not getattr(library._use_triton, "also_on_a_cpu", False):
        where_trl_does = library._use_triton

        def where(device: Any) -> bool:
            return device.type == "cpu" or bool(where_trl_does(device))

        setattr(where, "also_on_a_cpu", True)  # noqa: B010 - mypy knows no attributes of functions
        library._use_triton = where


def card_facts(config: TrainingConfig, given: dict[str, Any], counted: Counted | None) -> dict[str, Any]:
    """What the model card states; see `recipes.model_card`."""
    return {
        "base_model": config.model.model_name_or_path,
        "use_peft": config.model.use_peft,
        "sources": config.run.sources,
        "counted": counted,
        "recipe": given,
    }


def _silent(line: str) -> None:
    """Only the first process speaks."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; see the module."""
    run_command(train, arguments)


if __name__ == "__main__":
    main()
