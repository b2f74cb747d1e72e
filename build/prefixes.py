"""What a prefix cache saves: the share of prompt tokens that a server has read before, in either order of the prompt's parts.

    python -m build.prefixes --run runs/demo --tokenizer MODEL_FOLDER

Counts the first turns of a finished run, as a cache without limits would see them: of each prompt the longest prefix that an
earlier prompt began with, in whole blocks as vLLM keeps them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click
from tabulate import tabulate

from build.prompts import Order, prediction_prompt
from build.records import PredictionInstance, SampledFunction
from build.store import Store

BLOCK = 16  # tokens; vLLM's default


def shared_tokens(prompts: Sequence[Sequence[int]], block: int = BLOCK) -> int:
    """How many tokens of some prompts, taken in order, lie in blocks that an earlier one began with."""
    seen: set[tuple[int, ...]] = set()
    shared = 0
    for prompt in prompts:
        blocks = [tuple(prompt[start : start + block]) for start in range(0, len(prompt) - block + 1, block)]
        path: tuple[int, ...] = ()
        fresh = False
        for tokens in blocks:
            path = (hash((path, tokens)),)  # a block counts only behind the same blocks
            fresh = fresh or path not in seen
            shared += 0 if fresh else block
            seen.add(path)
    return shared


@click.command("prefixes")
@click.option("--run", "root", type=click.Path(exists=True, path_type=Path), required=True, help="A run folder.")
@click.option("--tokenizer", required=True, help="A model folder or Hub id; its tokenizer and chat template count.")
@click.option("--limit", default=2000, show_default=True, help="Prompts to count at the most.")
def prefixes(root: Path, tokenizer: str, limit: int) -> None:
    """Report the share of prompt tokens that a prefix cache serves, by prompt order."""
    from transformers import AutoTokenizer

    encoder = AutoTokenizer.from_pretrained(tokenizer)
    store = Store(root)
    table = []
    for order in get_args(Order):
        prompts: list[list[int]] = []
        for shard in range(store.shards() or 0):
            functions = {
                record.function.id: record.function for record in store.read("sample_io", shard, SampledFunction)
            }
            for instance in store.read("instances", shard, PredictionInstance):
                if len(prompts) < limit:
                    text = prediction_prompt(functions[instance.function_id], instance, order)
                    message = [{"role": "user", "content": text}]
                    said = encoder.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
                    prompts.append(encoder(said, add_special_tokens=False)["input_ids"])
        total, shared = sum(map(len, prompts)), shared_tokens(prompts)
        table.append([order, len(prompts), total, shared, f"{shared / max(total, 1):.1%}"])
    print(tabulate(table, ["order", "prompts", "tokens", "shared", "share"], tablefmt="github"))


if __name__ == "__main__":
    prefixes()
