"""The held-out CODEI/O benchmark during training: every `benchmark_steps` steps the model answers tasks that it is not
trained on, greedily, and `build.verify.verify` judges the answers, as it does for `python -m eval`.

The tasks are the first `benchmark_rows` of the test split of the config `rl`. Each process answers its share, on the model
as it stands (FSDP and ZeRO-3 gather the weights for it), so a score costs about as much as generating those answers.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import TrainerCallback
from trl.models import unwrap_model_for_generation

from build.core.errors import ConfigError
from build.sandbox import Program
from build.verify import Check
from eval.decoding import continue_greedily
from recipes.config import RunConfig, Source
from recipes.corpus import load_rows
from recipes.judge import judge


class HeldOutBenchmark(TrainerCallback):
    """Scores the model every `steps` steps on `tasks` (rows of the config `rl`) and logs the share of right answers."""

    def __init__(self, tasks: Sequence[dict[str, Any]], steps: int, new_tokens: int, batch_size: int) -> None:
        self.tasks, self.steps = tasks, steps
        self.new_tokens, self.batch_size = new_tokens, batch_size
        self.trainer: Any = None

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        if state.global_step % self.steps == 0:
            self.trainer.extra_logs["benchmark_accuracy"] = self.score()
            control.should_log = True

    def score(self) -> float:
        """The share of right answers, over all processes."""
        accelerator = self.trainer.accelerator
        share = self.tasks[accelerator.process_index :: accelerator.num_processes]
        training = self.trainer.model.training
        with unwrap_model_for_generation(self.trainer.model_wrapped, accelerator) as model:
            model.eval()
            texts = [
                text
                for start in range(0, len(share), self.batch_size)
                for text in self._answers(model, share[start : start + self.batch_size])
            ]
            model.train(training)
        checks = [
            Check(Program(task["code"]), task["task"], task["input"], task["output"], text)
            for task, text in zip(share, texts)
        ]
        right = sum(verdict.correct for verdict in judge(checks)) if checks else 0
        counted = torch.tensor([float(right), float(len(share))], device=accelerator.device)
        right_in_all, tasks = accelerator.reduce(counted, reduction="sum").tolist()
        return float(right_in_all / tasks)

    def _answers(self, model: Any, tasks: Sequence[dict[str, Any]]) -> list[str]:
        tokenizer = self.trainer.processing_class
        side, tokenizer.padding_side = tokenizer.padding_side, "left"
        prompts = tokenizer.apply_chat_template(
            [task["prompt"] for task in tasks],
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
            padding=True,
        ).to(model.device)
        tokenizer.padding_side = side
        width = prompts["input_ids"].shape[1]
        if model.device.type == "cpu" and self.trainer.accelerator.num_processes == 1:
            longest, ends = width + self.new_tokens, {int(tokenizer.eos_token_id)}
            texts = continue_greedily(model, **prompts, max_length=longest, ends=ends, pad=int(tokenizer.pad_token_id))
            return list(tokenizer.batch_decode(texts[:, width:], skip_special_tokens=True))
        with torch.no_grad():
            written = model.generate(
                **prompts,
                max_new_tokens=self.new_tokens,
                do_sample=False,
                repetition_penalty=1.0,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        return list(tokenizer.batch_decode(written[:, width:], skip_special_tokens=True))


def held_out_benchmark(run: RunConfig, trainer_config: Any) -> HeldOutBenchmark | None:
    """The benchmark that a recipe asks for, or None. Raises `ConfigError` when its tasks cannot be had."""
    if run.benchmark_steps < 1:
        return None
    path = run.benchmark_data or run.sources[0].path
    try:
        rows = load_rows(Source(path, "rl"), "test", 0)
    except ConfigError as error:
        raise ConfigError(f"benchmark_data: {error}") from None
    tasks = list(rows.select(range(min(len(rows), run.benchmark_rows))))
    return HeldOutBenchmark(
        tasks, run.benchmark_steps, run.benchmark_new_tokens, trainer_config.per_device_eval_batch_size
    )
