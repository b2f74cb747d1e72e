"""lm-eval's transformers model for a CPU, where it would spend most of the time on answers that have ended."""

from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from eval.decoding import continue_greedily


class GreedyOnCpu(HFLM):
    """lm-eval's transformers model, whose batches shrink as their answers end."""

    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **generation_kwargs: Any
    ) -> torch.Tensor:
        """Prompts (rows, tokens; padded on the left) continued to at most `max_length` tokens, padded on the right."""
        if set(stop) - {self.tok_decode(self.eot_token_id, skip_special_tokens=False)}:
            written: torch.Tensor = super()._model_generate(context, max_length, stop, **generation_kwargs)
            return written
        ends = {self.eot_token_id, *_ids(self.model.generation_config.eos_token_id)}
        mask, pad = generation_kwargs["attention_mask"], int(self.tokenizer.pad_token_id)
        return continue_greedily(self.model, context, mask, max_length, ends, pad)


def _ids(given: int | list[int] | None) -> list[int]:
    return given if isinstance(given, list) else [] if given is None else [given]
