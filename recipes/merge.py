"""Merges a LoRA adapter into its base: one model folder that every server loads, and where the next stage starts.

    python -m recipes merge runs/qwen2.5-coder-7b/stage1_codeio_lora          # writes .../merged

It runs on the CPU, in the dtype that the base has on disk, and outside of any launcher: loading a model inside a sharded
run (ZeRO-3, FSDP) would wait for processes that are not loading one.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

from build.core.errors import ConfigError, RunError

# What launchers put into the environment of each process.
_LAUNCHER = (
    "ACCELERATE_",
    "FSDP_",
    "DEEPSPEED_",
    "TORCHELASTIC_",
    "GROUP_",
    "ROLE_",
    "LOCAL_",
    "MASTER_",
    "PARALLELISM_",
)
_LAUNCHER_NAMES = ("RANK", "WORLD_SIZE", "NODE_RANK", "CROSS_RANK")


def merge_adapter(folder: Path, out: Path | None = None) -> Path:
    """Write base + adapter of `folder` to `out` (default: `folder`/merged) and return it. Raises `ConfigError`.

    An earlier merged model is replaced once the new one is whole.
    """
    note = folder / "adapter_config.json"
    if not note.is_file():
        raise ConfigError(
            f"{folder}: no adapter_config.json; give the output folder of a LoRA run, or one of its checkpoints"
        )
    base = json.loads(note.read_text(encoding="utf-8")).get("base_model_name_or_path")
    out = out or folder / "merged"
    try:
        merged = AutoPeftModelForCausalLM.from_pretrained(folder, dtype="auto").merge_and_unload()
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{folder}: the adapter or its base '{base}' cannot be loaded: {reason}") from None
    merged.generation_config.eos_token_id = tokenizer.eos_token_id
    beside = out.with_name(f"{out.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    merged.save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)
    return out


def merge_after_run(folder: Path) -> None:
    """`merge_adapter` at the end of a run: in a process of its own where a launcher shards models, else here.

    Raises RunError when that process fails; its words are on stderr.
    """
    sharded = any(os.environ.get(f"ACCELERATE_USE_{kind}") == "true" for kind in ("FSDP", "DEEPSPEED"))
    if not sharded and os.environ.get("WORLD_SIZE", "1") == "1":
        merge_adapter(folder)
        return
    command = [sys.executable, "-m", "recipes", "merge", str(folder.resolve())]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, env={**_plain_environment(), "CUDA_VISIBLE_DEVICES": ""}, check=False)
    if done.returncode:
        raise RunError(f"the adapter is saved in {folder}, but merging it failed; `python -m recipes merge {folder}`")


def _plain_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_LAUNCHER) and name not in _LAUNCHER_NAMES
    }
