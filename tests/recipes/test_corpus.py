"""What the loss falls on, and what is dropped, whatever the template and the source."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from transformers import AutoTokenizer

from recipes.config import SFTTrainingConfig, Source, read_training_config
from recipes.corpus import load_rows
from recipes.launch import load_tokenizer
from recipes.prepare import Prepared, prepare
from recipes.supervision import IGNORED
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


def prepared(arguments: list[str], sources: list[Any], *extra: str) -> Prepared:
    """What the recipe of `arguments` trains on when its sources are these."""
    texts = [json.dumps(source) for source in sources]
    config = read_training_config(SFTTrainingConfig, [*arguments, *extra, "--datasets", *texts])
    return prepare(config, load_tokenizer(config.model, config.trainer))


def test_too_long_is_dropped_and_never_cut(arguments: list[str], data: Path) -> None:
    made = prepared(arguments, [{"path": str(data), "name": "codeio"}])
    assert (len(made.train), made.counted.samples, made.counted.too_long) == (63, 63, 1)
    lengths = [len(row["input_ids"]) for row in made.train]
    assert max(lengths) <= 512 and made.counted.tokens == sum(lengths)
    assert made.counted.supervised == sum(label != IGNORED for row in made.train for label in row["labels"])


def test_portion_is_drawn_with_the_seed(data: Path) -> None:
    def drawn(seed: int) -> list[str]:
        rows = load_rows(Source(str(data), "codeio_pp", portion=0.25), "train", seed)
        return [row["prompt"][0]["content"] for row in rows]

    assert len(drawn(1)) == 16
    assert drawn(1) == drawn(1) != drawn(2)


def test_sources_of_different_layout_are_mixed(arguments: list[str], data: Path) -> None:
    both = [{"path": str(data), "name": name, "split": "test"} for name in ("codeio", "instructions")]
    made = prepared(arguments, both)
    alone = prepared(arguments, both[:1])
    assert len(made.train) == 16 and len(alone.train) == 8
    assert sorted(map(tuple, made.train["input_ids"])) == sorted(2 * list(map(tuple, alone.train["input_ids"])))
