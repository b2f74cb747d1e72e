"""Counts what a prefix cache can save: the share of prompt tokens that a server has read before, for each order of the parts.

    python -m build prefixes --run runs/demo --tokenizer MODEL_FOLDER

Counts the first turns of a finished run, as a cache without limits would see them: of each prompt the longest prefix that an
earlier prompt began with, in whole blocks as vLLM keeps them.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import get_args

import click
from tabulate import tabulate

from build.bench.prefix_cache import served_tokens
from build.core.errors import RunError
from build.core.prompts import Order, prediction_prompt
from build.core.records import PredictionInstance, SampledFunction
from build.core.store import Store

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
@click.option(
    "--endpoint", help="A vLLM server of that model, such as http://localhost:8000/v1: ask it, report its hits."
)
def prefixes(root: Path, tokenizer: str, limit: int, endpoint: str | None) -> None:
    """Report the share of prompt tokens that a prefix cache serves, by prompt order.

    With a server, each prompt is also sent to it, for an answer of one token, and its own counters are read.
    """
    try:
        from transformers import AutoTokenizer

        encoder = AutoTokenizer.from_pretrained(tokenizer)
    except ImportError as error:
        raise click.ClickException(f"{error}; pip install -r requirements/transformers.txt") from error
    except (OSError, ValueError) as error:
        told = " ".join(str(error).split())[:300]
        raise click.ClickException(f"--tokenizer: {tokenizer} cannot be loaded ({told}).") from error
    if Store(root).shards() is None:
        raise click.ClickException(f"--run: {root} holds no run that has been collected.")
    table = []
    for order in get_args(Order):
        texts = list(islice(_prompts(Store(root), order), limit))
        prompts = []
        for text in texts:
            message = [{"role": "user", "content": text}]
            said = encoder.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
            prompts.append(encoder(said, add_special_tokens=False)["input_ids"])
        total, shared = sum(map(len, prompts)), shared_tokens(prompts)
        row = [order, len(prompts), total, shared, f"{shared / max(total, 1):.1%}"]
        if endpoint:
            try:
                queried, hit = served_tokens(texts, endpoint, tokenizer)
            except (RunError, ValueError) as error:
                raise click.ClickException(f"{endpoint}: {error}") from error
            row += [queried, hit, f"{hit / max(queried, 1):.1%}"]
        table.append(row)
    headers = ["order", "prompts", "tokens", "shared", "share", "server: tokens", "hits", "share"]
    print(tabulate(table, headers[: len(table[0])], tablefmt="github"))


def _prompts(store: Store, order: Order) -> Iterator[str]:
    """The first turns of a run, as they are asked without `teacher.grounding`."""
    for shard in range(store.shards() or 0):
        functions = {record.function.id: record.function for record in store.kept(SampledFunction, shard)}
        for instance in store.kept(PredictionInstance, shard):
            yield prediction_prompt(functions[instance.function_id], instance, order)


if __name__ == "__main__":
    prefixes()
