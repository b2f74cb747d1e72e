"""On a CPU answers leave their batch when they end, and the texts are those of transformers' own decoding."""

from typing import Any

import pytest

pytest.importorskip("lm_eval")

import torch
from lm_eval.models.huggingface import HFLM

from eval.greedy import GreedyOnCpu
from recipes.tiny_model import tiny_model

PROMPTS = ["What is the sum of 3 and 10?", "Answer", "sum of 4, as JSON, and of 30 and of 3"]


@pytest.fixture(scope="module", params=["qwen2", "gemma2"])
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = str(tiny_model(request.param, tmp_path_factory.mktemp("greedy") / request.param))
    return (
        HFLM(pretrained=folder, device="cpu", batch_size=3),
        GreedyOnCpu(pretrained=folder, device="cpu", batch_size=3),
    )


@pytest.mark.parametrize("ends", [[], [0], [1, 2]])
def test_the_texts_are_those_of_transformers(models: tuple[Any, Any], ends: list[int], patch_seen: list[int]) -> None:
    theirs, ours = models
    context, mask = ours.tok_batch_encode(PROMPTS)
    plain = theirs._model_generate(context, context.shape[1] + 24, [], attention_mask=mask)
    extra = [int(plain[row, context.shape[1] + 3 + 2 * row]) for row in ends]  # the rows end at different steps
    for model in models:
        model.model.generation_config.eos_token_id = [model.eot_token_id, *extra]
    stop = [ours.tok_decode(ours.eot_token_id, skip_special_tokens=False)]
    wanted = theirs._model_generate(context, context.shape[1] + 24, stop, attention_mask=mask)
    watched = ours.model.forward

    def forward(*args: Any, **named: Any) -> Any:
        patch_seen.append(len(named["input_ids"]))
        return watched(*args, **named)

    ours.model.forward = forward
    try:
        found = ours._model_generate(context, context.shape[1] + 24, stop, attention_mask=mask)
    finally:
        ours.model.forward = watched
    torch.testing.assert_close(found[:, : wanted.shape[1]], wanted)
    if ends:
        assert patch_seen[-1] < 3 or len(patch_seen) < 24


@pytest.fixture
def patch_seen() -> list[int]:
    """The rows of each forward pass."""
    return []
