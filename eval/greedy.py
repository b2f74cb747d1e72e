"""Greedy decoding on a CPU, where lm-eval's model would spend most of the time on answers that have ended.

transformers decodes a batch until its longest answer ends, and each step reads the keys and values of all its rows. Here a row
leaves the batch with its last token, which gives the same texts.
"""

from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from transformers import DynamicCache


class GreedyOnCpu(HFLM):
    """lm-eval's transformers model, whose batches shrink as their answers end."""

    @torch.inference_mode()
    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **generation_kwargs: Any
    ) -> torch.Tensor:
        """Prompts (rows, tokens; padded on the left) continued to at most `max_length` tokens, padded on the right."""
        if set(stop) - {self.tok_decode(self.eot_token_id, skip_special_tokens=False)}:
            written: torch.Tensor = super()._model_generate(context, max_length, stop, **generation_kwargs)
            return written
        model: Any = self.model
        ends = torch.tensor(sorted({self.eot_token_id, *_ids(model.generation_config.eos_token_id)}))
        written = context.new_full((len(context), max_length), int(self.tokenizer.pad_token_id))
        written[:, : context.shape[1]] = context
        rows, tokens, mask = torch.arange(len(context)), context, generation_kwargs["attention_mask"]
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = DynamicCache(config=model.config)
        for place in range(context.shape[1], max_length):
            logits = model(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                logits_to_keep=1,
            ).logits
            chosen = logits[:, -1].argmax(-1)
            written[rows, place] = chosen
            going = (~torch.isin(chosen, ends)).nonzero().squeeze(1)
            if not len(going):
                return written[:, : place + 1]
            if len(going) < len(rows):
                cache.batch_select_indices(going)
                rows, mask, positions, chosen = rows[going], mask[going], positions[going], chosen[going]
            tokens = chosen.unsqueeze(1)
            mask = torch.cat([mask, mask.new_ones((len(rows), 1))], dim=1)
            positions = positions[:, -1:] + 1
        return written


def _ids(given: int | list[int] | None) -> list[int]:
    return given if isinstance(given, list) else [] if given is None else [given]
