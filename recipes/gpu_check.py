"""What has to be seen on one GPU: every architecture at its real widths with few layers, under its recipe's own settings.

    python -m recipes gpu-check --out runs/gpu_check                 # one H100, about ten minutes
    python -m recipes gpu-check --out runs/gpu_check --cpu           # the same commands with tiny models, as a dry run

For each architecture, full and LoRA, the real recipe runs a few optimiser steps on generated rows: its precision, attention
kernel, template, micro-batch, padding and recomputation. Only the layers are few, so that one card holds the states, and the
batch is eight sequences. The table holds tokens a second, MFU and peak memory against the arithmetic of `recipes.memory`.
Where the recipe's attention kernel is missing, sdpa is taken and the table says so.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tabulate import tabulate

from build.core.errors import RunError
from recipes.installed import attention_fault
from recipes.memory import GIB, Shape, memory_gb
from recipes.rehearse import FOLDERS, RECIPES, ROOT, write_rows
from recipes.tiny_model import tiny_model

LAYERS = 2
STEPS = 4
BATCH = 8

# The real widths, from the models' published configurations.
WIDTHS: dict[str, dict[str, Any]] = {
    "qwen2": {
        "vocab_size": 152_064,
        "hidden_size": 3584,
        "intermediate_size": 18_944,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "head_dim": 128,
    },
    "llama": {
        "vocab_size": 128_256,
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
    },
    "deepseek_v2": {
        "vocab_size": 102_400,
        "hidden_size": 2048,
        "intermediate_size": 10_944,
        "moe_intermediate_size": 1408,
        "n_routed_experts": 64,
        "num_experts_per_tok": 6,
        "n_shared_experts": 2,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "head_dim": 64,
    },
    "gemma2": {
        "vocab_size": 256_000,
        "hidden_size": 4608,
        "intermediate_size": 36_864,
        "num_attention_heads": 32,
        "num_key_value_heads": 16,
        "head_dim": 128,
        "query_pre_attn_scalar": 144,
    },
}


def gpu_check(out: Path, cpu: bool, tell: Callable[[str], None]) -> None:
    """Run every architecture and print the table; what was seen is also written to `out`/gpu_check.json.

    Raises `RunError` where a run fails, after the others have run.
    """
    import torch

    if out.exists():
        raise RunError(f"--out: {out} exists; choose a new folder or delete it")
    if not cpu and not torch.cuda.is_available():
        raise RunError("no GPU is visible; --cpu runs the same commands with tiny models")
    out = out.resolve()
    data = write_rows(out / "data", 64 if cpu else 512, sums=4 if cpu else 40)
    seen: list[dict[str, Any]] = []
    for architecture, folder in FOLDERS.items():
        model = tiny_model(
            architecture, out / architecture, {} if cpu else {**WIDTHS[architecture], "num_hidden_layers": LAYERS}
        )
        for kind in ("full", "lora"):
            row: dict[str, Any] = {"model": folder, "kind": kind}
            try:
                row |= _measure(out / f"{architecture}-{kind}", architecture, kind, model, data, cpu)
            except RunError as error:
                row["error"] = str(error)
            seen.append(row)
            tell(json.dumps(row))
    name = "cpu" if cpu else torch.cuda.get_device_name()
    (out / "gpu_check.json").write_text(json.dumps({"device": name, "runs": seen}, indent=2) + "\n", encoding="utf-8")
    columns = ("model", "kind", "attention", "tokens/s", "MFU", "peak GiB", "planned GiB", "losses", "error")
    tell(
        tabulate(
            [[row.get(column, "") for column in columns] for row in seen], columns, "github", disable_numparse=True
        )
    )
    failed = [row for row in seen if "error" in row]
    if failed:
        raise RunError(f"{len(failed)} of {len(seen)} runs failed")


def _measure(out: Path, architecture: str, kind: str, model: Path, data: Path, cpu: bool) -> dict[str, Any]:
    """One recipe in a process of its own; the figures of its steps after the first."""
    recipe = RECIPES / FOLDERS[architecture] / f"stage1_codeio{'_lora' if kind == 'lora' else ''}.yaml"
    wanted = "flash_attention_2"
    kernel = "eager" if cpu and architecture == "gemma2" else "sdpa" if cpu or attention_fault(wanted) else wanted
    changed = {
        "model_name_or_path": model,
        "output_dir": out,
        "prepared_dir": out.parent / "prepared",
        "datasets": json.dumps({"path": str(data)}),
        "max_steps": STEPS,
        "global_batch_size": BATCH,
        "per_device_train_batch_size": 2,
        "attn_implementation": kernel,
        "save_strategy": "no",
        "merge_adapter": "false",
        "eval_strategy": "no",
        "dataset_num_proc": 1,
    }
    if cpu:
        changed |= {"bf16": "false", "use_cpu": "true", "dtype": "float32", "max_length": 1024}
    options = [part for key, value in changed.items() for part in (f"--{key}", str(value))]
    command = [sys.executable, "-m", "recipes.gpu_check", "--config", str(recipe), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    report = out / "measured.json"
    if done.returncode or not report.is_file():
        words = [line for line in done.stderr.strip().splitlines() if line.strip()] or ["no words"]
        raise RunError(f"exit code {done.returncode}: {words[-1]}")
    found = json.loads(report.read_text(encoding="utf-8"))
    used = found["utilisation"]
    return {
        "attention": kernel,
        "tokens/s": f"{found['speed']:,.0f}",
        "MFU": "" if used is None else f"{used:.1%}",
        "peak GiB": f"{found['peak'] / GIB:.1f}",
        "planned GiB": f"{found['planned']:.1f}",
        "losses": " ".join(f"{loss:.3f}" for loss in found["losses"]),
    }


def _train_and_measure() -> None:
    """What each check starts: the recipe's own training, and then its figures."""
    import resource

    import torch

    from recipes import sft
    from recipes.plan import shape_of

    trainer: Any = sft.train(sys.argv[1:])
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    steady = log[1:] or log
    speed = sum(entry["step_tokens"] for entry in steady) / sum(entry["step_seconds"] for entry in steady)
    lora = any("lora_" in name for name, _ in trainer.model.named_parameters())
    shape: Shape = shape_of(trainer.model.get_base_model() if lora else trainer.model)
    micro = trainer.args.per_device_train_batch_size * trainer.args.max_length
    rank = trainer.model.peft_config["default"].r if lora else None
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {
        "speed": speed,
        "utilisation": trainer.utilisation(speed),
        "peak": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else host,
        "planned": memory_gb(shape, 1, micro, lora_r=rank, sharded=False),
        "losses": [entry["loss"] for entry in log],
    }
    (Path(trainer.args.output_dir) / "measured.json").write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    _train_and_measure()
