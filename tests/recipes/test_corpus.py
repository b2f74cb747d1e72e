"""What the loss falls on, and what is dropped, whatever the template and the source."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from transformers import AutoTokenizer

from recipes.corpus import check_supervision, drop_too_long, load_source, load_sources
from recipes.recipe import Source
from tests.recipes.tiny import ARCHITECTURES, tiny_model

TEMPLATES = Path(__file__).resolve().parents[2] / "recipes" / "templates"
TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "First {question}?"},
    {"role": "assistant", "content": '  An answer {"a": 1}\n'},
    {"role": "user", "content": "Second?"},
    {"role": "assistant", "content": "Done."},
]


def load(architecture: str, template: str, eos: str, folder: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model(architecture, folder / architecture))
    tokenizer.chat_template = (TEMPLATES / f"{template}.jinja").read_text(encoding="utf-8")
    tokenizer.eos_token = eos
    return tokenizer


CASES = list(
    zip(
        ARCHITECTURES,
        ("chatml", "llama3", "deepseek", "gemma2"),
        ("<|im_end|>", "<|eot_id|>", "<｜end▁of▁sentence｜>", "<end_of_turn>"),
    )
)


@pytest.mark.parametrize(("architecture", "template", "eos"), CASES)
def test_loss_is_on_every_response_and_its_end(architecture: str, template: str, eos: str, tmp_path: Path) -> None:
    tokenizer = load(architecture, template, eos, tmp_path)
    encoded = tokenizer.apply_chat_template(TURNS, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    marked = [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"]) if mask]
    space = " " if template == "deepseek" else ""
    assert tokenizer.decode(marked) == "".join(f"{space}{TURNS[i]['content']}{eos}" for i in (2, 4))


@pytest.mark.parametrize(("architecture", "template", "eos"), CASES)
def test_prompt_is_the_beginning_of_the_conversation(
    architecture: str, template: str, eos: str, tmp_path: Path
) -> None:
    tokenizer = load(architecture, template, eos, tmp_path)
    prompt = tokenizer.apply_chat_template(TURNS[:2], tokenize=False, add_generation_prompt=True)
    assert tokenizer.apply_chat_template(TURNS, tokenize=False).startswith(prompt)
    assert "Be brief." in prompt and "First {question}?" in prompt


def test_too_long_is_dropped_and_never_cut(model: Path, data: Path, tmp_path: Path) -> None:
    tokenizer = load("qwen2", "chatml", "<|im_end|>", tmp_path)
    rows = load_source(Source(str(data), "codeio"), "train", 0)
    kept, counted = drop_too_long(rows, tokenizer, 512)
    assert (len(kept), counted.kept, counted.too_long) == (63, 63, 1)
    lengths = [len(tokenizer.apply_chat_template(row["messages"], return_dict=True)["input_ids"]) for row in kept]
    assert max(lengths) <= 512 and counted.tokens == sum(lengths)
    check_supervision(kept, tokenizer)


def test_portion_is_drawn_with_the_seed(data: Path) -> None:
    def drawn(seed: int) -> list[str]:
        rows = load_source(Source(str(data), "codeio_pp", portion=0.25), "train", seed)
        return [row["messages"][0]["content"] for row in rows]

    assert len(drawn(1)) == 16
    assert drawn(1) == drawn(1) != drawn(2)


def test_sources_of_different_layout_are_mixed(data: Path) -> None:
    rows = load_sources([Source(str(data), "codeio", "test"), Source(str(data), "instructions", "test")], seed=3)
    assert rows.column_names == ["messages"] and len(rows) == 16
    assert all([turn["role"] for turn in row["messages"]] == ["user", "assistant"] for row in rows)
