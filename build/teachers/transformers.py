"""Runs a model in this process through transformers: for tiny models on a CPU, or one GPU and few requests.

Requests are generated in batches, sorted by length. Each has its own noise from its own seed, so what a batch holds beside
it does not change an answer, up to the rounding of padded arithmetic; one that may reach the end of the model's window, where
a batch would be cut, is generated alone. The weights are loaded at the first request that the
response cache cannot answer.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from build.core.chat import Completion
from build.core.config import TeacherConfig
from build.core.errors import ConfigError
from build.core.records import Usage
from build.teachers.client import Ask

if TYPE_CHECKING:
    import torch


class TransformersModel:
    """The model in the folder, or with the Hub id, `recipe.model`. Raises `ConfigError` when it cannot be loaded."""

    def __init__(self, recipe: TeacherConfig) -> None:
        self.recipe = recipe
        self._model: Any = None
        self._tokenizer: Any = None

    def answer(
        self, asks: Sequence[Ask], may_send: Callable[[], bool], heard: Callable[[int, Completion], None]
    ) -> None:
        """See `build.teachers.client.Model`; the answers of a batch are heard together."""
        self._load()
        texts = [self._text(ask) for ask in asks]
        window = self._model.config.max_position_embeddings
        batches = []
        sizes: dict[int, list[tuple[int, int]]] = {}  # length and number of requests by their max_tokens
        for number, encoded in enumerate(self._tokenizer(texts, add_special_tokens=False)["input_ids"]):
            length, most = len(encoded), asks[number].max_tokens
            if length >= window:
                if may_send():
                    heard(number, Completion("", failure="prompt_too_long"))
            elif length + most > window:
                batches.append([number])
            else:
                sizes.setdefault(most, []).append((length, number))
        for _, alike in sorted(sizes.items()):
            order = [number for _, number in sorted(alike)]
            step = self.recipe.concurrency
            batches += [order[start : start + step] for start in range(0, len(order), step)]
        for planned in batches:
            batch = list(takewhile(lambda _: may_send(), planned))
            if not batch:
                return
            for number, completion in zip(batch, self._generate([asks[n] for n in batch], [texts[n] for n in batch])):
                heard(number, completion)

    def close(self) -> None:
        self._model = None

    def _load(self) -> None:
        if self._model is not None:
            return
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        name = self.recipe.model
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
            model: Any = AutoModelForCausalLM.from_pretrained(
                name, dtype="auto" if torch.cuda.is_available() else torch.float32
            )
        except (OSError, ValueError) as error:
            told = " ".join(str(error).split())[:300]
            raise ConfigError(f"`teacher.model`: {name} cannot be loaded ({told}).") from error
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def _text(self, ask: Ask) -> str:
        messages = [{"role": message.role, "content": message.content} for message in ask.request.messages]
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _generate(self, asks: Sequence[Ask], texts: Sequence[str]) -> list[Completion]:
        import torch
        from transformers import LogitsProcessorList

        encoded = self._tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=False)
        length = encoded["input_ids"].shape[1]
        room = self._model.config.max_position_embeddings - length
        new = min(max(ask.max_tokens for ask in asks), room)
        processors = LogitsProcessorList([_OwnNoise(asks)] if asks[0].temperature else [])
        with torch.inference_mode():
            output = self._model.generate(
                **encoded.to(self._model.device),
                max_new_tokens=new,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                repetition_penalty=1.0,
                pad_token_id=self._tokenizer.pad_token_id,
                logits_processor=processors,
            )
        ends = self._model.generation_config.eos_token_id
        stops = set(ends if isinstance(ends, list) else [ends]) | {self._tokenizer.eos_token_id}
        return [
            self._completion(ask, row[length:].tolist(), int(mask.sum()), stops)
            for ask, row, mask in zip(asks, output, encoded["attention_mask"])
        ]

    def _completion(self, ask: Ask, tokens: list[int], prompt_tokens: int, stops: set[int]) -> Completion:
        end = next((place for place, token in enumerate(tokens) if token in stops), None)
        said = tokens[: ask.max_tokens] if end is None else tokens[: min(end, ask.max_tokens)]
        text = self._tokenizer.decode(said, skip_special_tokens=True)
        reason = "length" if end is None or end > ask.max_tokens else "stop"
        return Completion(text, reason, Usage(1, prompt_tokens, len(said)))


class _OwnNoise:
    """Sampling as the arg max of noisy logits (the Gumbel-max trick), with a generator per row: a logits processor."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        import torch

        self.temperature = asks[0].temperature
        self.generators = [torch.Generator().manual_seed(ask.seed) for ask in asks]

    def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
        import torch

        noise = torch.stack([torch.rand(scores.shape[1], generator=each) for each in self.generators])
        return scores / self.temperature - torch.log(-torch.log(noise.clamp_(1e-20, 1 - 1e-7))).to(scores.device)
