"""Run every recipe for two steps on a two-layer model of its architecture; started by `accelerate launch` from a test.

    accelerate launch --cpu --num_processes 1 -m tests.recipes.dry_run WORK

Only what a CPU forces is overridden (model, data, precision, attention kernel, vLLM); what the trainer then really used
is written to WORK/seen.json, by recipe.
"""

import gc
import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from transformers import TrainerCallback

from recipes import grpo, sft
from tests.recipes.tiny import ARCHITECTURES, dataset_folder, tiny_model

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FOLDERS = {
    "qwen2.5-coder-7b": "qwen2",
    "llama-3.1-8b": "llama",
    "deepseek-coder-v2-lite": "deepseek_v2",
    "gemma-2-27b": "gemma2",
    "smollm2-135m": "llama",
    "grpo": "qwen2",
}
ROWS = 1088  # of the config `codeio`: one step of 1024 and the beginning of a second


def recipe_files() -> list[Path]:
    """Every training recipe of the repository."""
    return sorted(path for folder in FOLDERS for path in (RECIPES / folder).glob("*.yaml"))


class Watch(TrainerCallback):
    """Counts the sequences of each optimiser step, and stops after two steps."""

    def __init__(self) -> None:
        self.sequences: list[int] = []
        self.pending = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **others: Any) -> None:
        model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, model: Any, positional: Any, named: dict[str, Any]) -> None:
        places = named.get("position_ids")  # rows without padding: each sample begins at place 0
        self.pending += len(named["input_ids"]) if places is None else int((places == 0).sum())

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self.sequences.append(self.pending)
        self.pending = 0
        control.should_training_stop = state.global_step >= 2


def overrides(path: Path, work: Path) -> Iterator[str]:
    """What a CPU forces, as command-line keys."""
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    architecture = FOLDERS[path.parent.name]
    wanted: dict[str, Any] = {
        "model_name_or_path": work / architecture,
        "output_dir": work / "runs" / path.parent.name / path.stem,
        "use_cpu": "true",
        "bf16": "false",
        "dtype": "float32",
        "attn_implementation": "eager" if architecture == "gemma2" else "sdpa",
        "save_strategy": "no",
        "prepared_dir": work / "prepared",
    }
    if path.parent.name == "grpo":
        wanted |= {"use_vllm": "false", "global_batch_size": 4, "per_device_train_batch_size": 4, "num_generations": 2}
    if path.stem.startswith("grpo") or path.parent.name == "grpo":
        wanted |= {
            "max_completion_length": 4,
            "chat_template_path": "recipes/templates/chatml.jinja",
            "eos_token": "<|im_end|>",
        }
    else:
        wanted |= {"dataset_num_proc": 1, "eval_strategy": "no", "eval_on_start": "false"}
        if path.stem == "stage1_codeio":
            wanted["per_device_train_batch_size"] = 16
        elif path.stem in ("mixed", "gpu_stage1"):  # few packed rows: two steps must fit into an epoch
            wanted |= {"global_batch_size": 1, "per_device_train_batch_size": 1}
        elif "stage1" in path.stem:
            wanted["global_batch_size"] = recipe["per_device_train_batch_size"]
    for key, value in wanted.items():
        yield from (f"--{key}", str(value))
    yield "--datasets"
    for source in recipe["datasets"]:
        name = source.get("name") or "instructions"
        if "mixed" in path.stem:
            name = name.replace("codeio", "codeio_pp")
        yield json.dumps({**source, "path": str(work / "data"), "name": name, "test_split": None})


def seen(path: Path, work: Path) -> dict[str, Any]:
    """Run one recipe and say what its trainer used."""
    watch = Watch()
    module: Any = grpo if "grpo" in (path.parent.name, path.stem) else sft
    trainer = module.train(["--config", str(path), *overrides(path, work)], callbacks=[watch])
    scheduler = getattr(trainer.lr_scheduler, "scheduler", trainer.lr_scheduler)
    peak, steps = trainer.args.learning_rate, trainer.state.max_steps
    longest = 0 if module is grpo else max(len(row) for row in trainer.train_dataset["input_ids"])
    return {
        "steps_done": trainer.state.global_step,
        "sequences": watch.sequences,
        "losses": [entry["loss"] for entry in trainer.state.log_history if "loss" in entry],
        "logged_rates": [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry],
        "rates": [peak * scheduler.lr_lambdas[0](step) for step in (0, 1, steps // 2, steps)],
        "scheduler": str(trainer.args.lr_scheduler_type.value),
        "max_steps": steps,
        "epochs": trainer.args.num_train_epochs,
        "fixed_steps": trainer.args.max_steps > 0,
        "batch": trainer.args.per_device_train_batch_size * trainer.args.gradient_accumulation_steps,
        "warmup": trainer.args.get_warmup_steps(steps),
        "max_length": getattr(trainer.args, "max_length", None),
        "longest": longest,
        "model": type(trainer.accelerator.unwrap_model(trainer.model)).__name__,
        "files": sorted(str(p.relative_to(trainer.args.output_dir)) for p in Path(trainer.args.output_dir).rglob("*")),
    }


def main(work: Path) -> None:
    """Build the models and the data, run every recipe, write what was seen or the error."""
    for architecture in ARCHITECTURES:
        tiny_model(architecture, work / architecture)
    dataset_folder(work / "data", {"codeio": ROWS, "instructions": 24})
    gc.freeze()  # every trainer ends in a full collection, which would walk over torch's objects again and again
    found: dict[str, Any] = {}
    for path in recipe_files():
        try:
            found[f"{path.parent.name}/{path.stem}"] = seen(path, work)
        except Exception:
            found[f"{path.parent.name}/{path.stem}"] = {"error": traceback.format_exc()}
    (work / "seen.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
