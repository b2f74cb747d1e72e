"""Runs vLLM in this process: continuous batching with its prefix cache on, and a seed for each request.

For a batch job on one machine with one worker. For more machines start servers (`vllm serve`) and use the openai teacher.
"""

import json
import os
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from build.core.chat import Completion
from build.core.config import TeacherConfig
from build.core.errors import ConfigError
from build.core.records import Usage
from build.teachers.client import Ask


class VllmModel:
    """The model `recipe.model`, started at the first request that the response cache cannot answer.

    The environment variable CODEIO_VLLM_ARGS may hold further arguments of `vllm.LLM` as JSON, such as
    `{"tensor_parallel_size": 8}`; they concern the machine, so they are no part of a recipe.
    """

    def __init__(self, recipe: TeacherConfig) -> None:
        self.recipe = recipe
        self._llm: Any = None

    def answer(
        self, asks: Sequence[Ask], may_send: Callable[[], bool], heard: Callable[[int, Completion], None]
    ) -> None:
        """See `build.teachers.client.Model`; answers are heard a batch of `concurrency` at a time."""
        if self._llm is None:
            from vllm import LLM

            try:
                further = json.loads(os.environ.get("CODEIO_VLLM_ARGS", "{}"))
            except ValueError as error:
                raise ConfigError(f"CODEIO_VLLM_ARGS: is not valid JSON ({error}).") from error
            try:
                self._llm = LLM(model=self.recipe.model, enable_prefix_caching=True, seed=0, **further)
            except (OSError, ValueError) as error:
                told = " ".join(str(error).split())[:300]
                raise ConfigError(f"`teacher.model`: {self.recipe.model} cannot be loaded ({told}).") from error
        for start in range(0, len(asks), self.recipe.concurrency):
            numbers = range(start, min(start + self.recipe.concurrency, len(asks)))
            batch = list(takewhile(lambda number: may_send(), numbers))
            if not batch:
                return
            for number in [number for number in batch if not self._fits(asks[number])]:
                batch.remove(number)
                heard(number, Completion("", failure="prompt_too_long"))
            params = [self._params(asks[number]) for number in batch]
            outputs = self._llm.chat([_conversation(asks[number]) for number in batch], params, use_tqdm=False)
            for number, output in zip(batch, outputs):
                heard(number, _completion(output))

    def close(self) -> None:
        self._llm = None

    def _fits(self, ask: Ask) -> bool:
        """Whether a prompt leaves room for an answer; vLLM would end the whole batch at one that does not."""
        said = self._llm.get_tokenizer().apply_chat_template(
            _conversation(ask), add_generation_prompt=True, tokenize=True
        )
        tokens = said if isinstance(said, list) else said["input_ids"]
        return len(tokens) < self._llm.llm_engine.model_config.max_model_len

    @staticmethod
    def _params(ask: Ask) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        structured: dict[str, Any] = {}
        if ask.request.schema:
            structured = {"structured_outputs": StructuredOutputsParams(json=ask.request.schema)}
        return SamplingParams(temperature=ask.temperature, max_tokens=ask.max_tokens, seed=ask.seed, **structured)


def _conversation(ask: Ask) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in ask.request.messages]


def _completion(output: Any) -> Completion:
    answer = output.outputs[0]
    usage = Usage(1, len(output.prompt_token_ids or ()), len(answer.token_ids))
    return Completion(answer.text, str(answer.finish_reason or "unknown"), usage)
