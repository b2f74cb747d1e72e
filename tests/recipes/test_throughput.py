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


def test_on_a_cpu_only_the_positions_under_the_loss_are_scored(tmp_path: Path) -> None:
    import trl.trainer.utils as library
    from trl.trainer.utils import add_fused_lm_head

    from recipes.sft import score_responses_only

    folder = tiny_model("qwen2", tmp_path / "model")
    ids = torch.arange(20, 60).unsqueeze(0)
    labels = torch.where(torch.arange(40) < 30, -100, ids)
    losses, scored = [], list[int]()
    kernel = library._ChunkedLogProbFunction

    class Watched:
        @staticmethod
        def apply(hidden: torch.Tensor, *others: Any) -> Any:
            scored.append(len(hidden))
            return kernel.apply(hidden, *others)

    for prepare in (lambda: None, score_responses_only, score_responses_only):
        prepare()
        model: Any = AutoModelForCausalLM.from_pretrained(folder)
        add_fused_lm_head(model)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(library, "_ChunkedLogProbFunction", Watched)
            loss = model(input_ids=ids, labels=labels, fused_lm_head=True).loss
        loss.backward()
        losses.append((loss.item(), model.get_input_embeddings().weight.grad.clone()))
    assert scored[1:] == [10, 10]
    for loss, gradient in losses[1:]:
        assert loss == pytest.approx(losses[0][0], rel=1e-6)
        torch.testing.assert_close(gradient, losses[0][1], atol=1e-6, rtol=1e-5)
