"""Greedy decoding of a batch whose rows leave it as they end.

transformers decodes a batch until its longest answer ends, and each step reads the keys and values of all its rows, which is
most of the time on a CPU. The texts are the same.
"""

from typing import Any

import torch
from transformers import DynamicCache


@torch.no_grad()
def continue_greedily(
    model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, max_length: int, ends: set[int], pad: int
) -> torch.Tensor:
    """Prompts (rows, tokens; padded on the left, with the mask 0 there) continued to a token of `ends`, which stays, or to
    `max_length` tokens; returns both, padded on the right."""
    stops = torch.tensor(sorted(ends))
    written = input_ids.new_full((len(input_ids), max_length), pad)
    written[:, : input_ids.shape[1]] = input_ids
    rows, tokens, mask = torch.arange(len(input_ids)), input_ids, attention_mask
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)
    for place in range(input_ids.shape[1], max_length):
        logits = model(
            input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1
        ).logits
        chosen = logits[:, -1].argmax(-1)
        written[rows, place] = chosen
        going = (~torch.isin(chosen, stops)).nonzero().squeeze(1)
        if not len(going):
            return written[:, : place + 1]
        if len(going) < len(rows):
            cache.batch_select_indices(going)
            rows, mask, positions, chosen = rows[going], mask[going], positions[going], chosen[going]
        tokens = chosen.unsqueeze(1)
        mask = torch.cat([mask, mask.new_ones((len(rows), 1))], dim=1)
        positions = positions[:, -1:] + 1
    return written
