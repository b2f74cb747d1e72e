"""Two-layer models of the recipes' architectures with a byte-level tokenizer, made on the spot: for tests and rehearsals."""

from importlib import import_module
from pathlib import Path
from typing import Any

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


def tiny_model(architecture: str, folder: Path, widths: dict[str, Any] | None = None) -> Path:
    """Save a two-layer base model (random weights, seed 0) with a byte-level tokenizer and no chat template.

    `widths` are values of its configuration that replace the tiny ones.
    """
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
    tokenizer.train_from_iterator([f"What is the sum of {a} and {a + 7}? Answer as JSON." for a in range(40)], trainer)
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
    size |= widths or {}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[architecture](**size))
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
