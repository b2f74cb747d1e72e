"""Without padding, and packed, every token has the loss that it has alone: in each architecture, whatever the lengths."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("trl")

from datasets import Dataset
from transformers import AutoModelForCausalLM
from trl import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from tests.recipes.tiny import ARCHITECTURES, tiny_model

_models: dict[str, Any] = {}


@pytest.fixture(params=ARCHITECTURES, scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny model of each architecture, in the attention kernel that the tests of its recipes use."""
    name = request.param
    if name not in _models:
        kernel = "eager" if name == "gemma2" else "sdpa"
        folder = tiny_model(name, tmp_path_factory.mktemp("throughput") / name)
        _models[name] = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=kernel).eval()
    return _models[name]


def token_losses(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    """The loss of each supervised token of a batch, in the order of the samples."""
    labels = batch.pop("labels")
    with torch.no_grad():
        logits = model(**batch, use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:], reduction="none")
    return losses[labels[:, 1:] != -100]


@given(lengths=st.lists(st.integers(2, 40), min_size=1, max_size=6), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_losses_of_tokens(model: Any, lengths: list[int], seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    rows = [{"input_ids": torch.randint(20, 300, (n,), generator=drawn).tolist()} for n in lengths]
    for row in rows:
        row["labels"] = [-100, *row["input_ids"][1:]]
    alone = torch.cat([token_losses(model, DataCollatorForLanguageModeling(0)([row])) for row in rows])
    padded = token_losses(model, DataCollatorForLanguageModeling(0)(rows))
    flat = token_losses(model, DataCollatorForLanguageModeling(0, padding_free=True)(rows))
    torch.testing.assert_close(padded, alone, atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(flat, alone, atol=2e-5, rtol=1e-5)
    packed_rows = list(pack_dataset(Dataset.from_list(rows), 48, "bfd"))
    assert sum(len(row["input_ids"]) for row in packed_rows) == sum(lengths)  # no sample is cut
    collator = DataCollatorForLanguageModeling(0, padding_free=True)
    packed = torch.cat([token_losses(model, collator([row])) for row in packed_rows])
    torch.testing.assert_close(packed.sort().values, alone.sort().values, atol=2e-5, rtol=1e-5)


def test_every_stage_1_recipe_trains_without_padding() -> None:
    import yaml

    recipes = Path(__file__).resolve().parents[2] / "recipes"
    found = [yaml.safe_load(path.read_text("utf-8")) for path in recipes.glob("*-*/stage1*.yaml")]
    big = [recipe for recipe in found if not recipe.get("use_cpu")]
    assert len(big) == 16 and all(recipe["padding_free"] or recipe["packing"] for recipe in big)
