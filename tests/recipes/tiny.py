"""Two-layer models of the recipes' architectures and a dataset folder in the published layout, built here, no download."""

import random
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ARCHITECTURES = ("qwen2", "llama", "deepseek_v2", "gemma2")
SPECIAL = [
    "<pad>",
    "<bos>",
    "<eos>",
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<start_of_turn>",
    "<end_of_turn>",
]
BOS = {"llama": "<|begin_of_text|>", "deepseek_v2": "<｜begin▁of▁sentence｜>", "gemma2": "<bos>"}
EOS = {"qwen2": "<|endoftext|>", "llama": "<|end_of_text|>", "deepseek_v2": "<｜end▁of▁sentence｜>", "gemma2": "<eos>"}


def tiny_model(architecture: str, folder: Path) -> Path:
    """Save a two-layer base model (random weights, seed 0) with a byte-level tokenizer and no chat template."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast

    library: Any = import_module("tokenizers")  # untyped, and not in the core's environment
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=SPECIAL,
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([row["prompt"][0]["content"] for row in rows(40)], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS.get(architecture), eos_token=EOS[architecture], pad_token="<pad>"
    )
    size: dict[str, Any] = {
        "vocab_size": len(fast),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        "pad_token_id": fast.pad_token_id,
        "bos_token_id": fast.bos_token_id,
        "eos_token_id": fast.eos_token_id,
    }
    if architecture == "deepseek_v2":
        size |= {
            "first_k_dense_replace": 1,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_shared_experts": 1,
            "moe_intermediate_size": 16,
            "kv_lora_rank": 8,
            "q_lora_rank": None,
            "qk_nope_head_dim": 8,
            "qk_rope_head_dim": 8,
            "v_head_dim": 16,
            "head_dim": 8,
        }
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[architecture](**size))
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Instances of one toy function in the layout of the `codeio` config."""
    rng = random.Random(seed)
    made = []
    for index in range(count):
        a, b = rng.randrange(50), rng.randrange(50)
        made.append(
            {
                "id": f"{index:020x}",
                "function_id": f"{index // 4:020x}",
                "task": "output",
                "prompt": [{"role": "user", "content": f"What is the sum of {a} and {b}? Answer as JSON."}],
                "completion": [
                    {"role": "assistant", "content": f'Adding {a} and {b} gives {a + b}.\n\n{{"output": {a + b}}}'}
                ],
                "status": "correct",
            }
        )
    return made


def dataset_folder(folder: Path, counts: dict[str, int] | None = None) -> Path:
    """A dataset folder with the configs `codeio`, `codeio_pp`, `rl` and `instructions`, `counts` rows each (64 unless told).

    The first training row of `codeio` and `codeio_pp` is far over any length.
    """
    configs = []
    for name in ("codeio", "codeio_pp", "rl", "instructions"):
        default = "\n  default: true" if name == "codeio_pp" else ""
        configs.append(f"- config_name: {name}{default}\n  data_files:\n")
        for split, seed in (("train", 0), ("test", 1)):
            made = rows((counts or {}).get(name, 64) if split == "train" else 8, seed)
            if name == "rl":
                made = [_rl_row(row, index) for index, row in enumerate(made)]
            elif name == "instructions":
                made = [{"id": row["id"], "messages": row["prompt"] + row["completion"]} for row in made]
            elif split == "train":
                made[0]["completion"][0]["content"] = "and again " * 5000
            path = f"data/{name}/{split}.parquet"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(made), folder / path)
            configs[-1] += f"  - split: {split}\n    path: {path}\n"
    (folder / "README.md").write_text("---\nconfigs:\n" + "".join(configs) + "---\n# toy\n", encoding="utf-8")
    return folder


def _rl_row(row: dict[str, Any], index: int) -> dict[str, Any]:
    words = row["prompt"][0]["content"].split()
    a, b = int(words[5]), int(words[7].rstrip("?"))
    return {
        "id": row["id"],
        "function_id": row["function_id"],
        "task": "output",
        "prompt": row["prompt"],
        "code": "def main_solution(a, b):\n    return a + b\n",
        "input": f'{{"a": {a}, "b": {b}}}',
        "output": str(a + b),
        "pass_rate": (index % 5) / 4,
    }
