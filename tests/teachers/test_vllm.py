"""The vllm teacher with a stand-in for the engine; `make vllm` runs the real one, in an environment of its own."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from build.core.chat import Message, Request
from build.core.config import BudgetConfig, DataRecipe, SourceConfig, TeacherConfig
from build.core.errors import RunError
from build.teachers.cache import ResponseCache
from build.teachers.client import ModelTeacher
from build.teachers.vllm import VllmModel


class Engine:
    """Answers a batch with what each conversation says and the seed of its parameters."""

    batches: ClassVar[list[int]] = []

    def __init__(self, **settings: Any) -> None:
        assert settings["enable_prefix_caching"] and settings["dtype"] == "float32"

    llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=20))

    def get_tokenizer(self) -> Any:
        return SimpleNamespace(apply_chat_template=lambda said, **how: {"input_ids": list(said[-1]["content"])})

    def chat(self, conversations: list[Any], params: list[Any], use_tqdm: bool) -> list[Any]:
        self.batches.append(len(conversations))
        return [
            SimpleNamespace(
                prompt_token_ids=[1, 2],
                outputs=[
                    SimpleNamespace(
                        text=f"{said[-1]['content']} {one.seed}", token_ids=[1, 2, 3], finish_reason="length"
                    )
                ],
            )
            for said, one in zip(conversations, params, strict=True)
        ]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    vllm, params = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    vllm.__dict__.update(LLM=Engine, SamplingParams=SimpleNamespace)
    params.__dict__.update(StructuredOutputsParams=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "vllm", vllm)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", params)
    monkeypatch.setenv("CODEIO_VLLM_ARGS", '{"dtype": "float32"}')
    Engine.batches = []
    yield


def teacher_for(folder: Path, **settings: Any) -> ModelTeacher:
    teacher = TeacherConfig("vllm", model="m", concurrency=4, **settings)
    recipe = DataRecipe("t", folder, (SourceConfig("folder", "x"),), teacher=teacher)
    return ModelTeacher(recipe, VllmModel(teacher), ResponseCache(folder))


def requests(count: int) -> list[Request]:
    return [Request((Message("user", f"question {number}"),)) for number in range(count)]


def test_every_request_of_every_batch_is_answered(tmp_path: Path) -> None:
    answers = teacher_for(tmp_path).complete(requests(11))  # at first one was lost at the end of each batch
    assert [answer.text.rsplit(" ", 1)[0] for answer in answers] == [f"question {number}" for number in range(11)]
    assert len({answer.text.rsplit(" ", 1)[1] for answer in answers}) == 11
    assert (answers[0].finish_reason, answers[0].usage.prompt_tokens, answers[0].usage.completion_tokens) == (
        "length",
        2,
        3,
    )
    assert Engine.batches == [4, 4, 3]


def test_a_prompt_that_is_too_long_fails_alone(tmp_path: Path) -> None:
    asked = requests(3)
    asked[1] = Request((Message("user", "a question without an end"),))
    answers = teacher_for(tmp_path).complete(asked)
    assert [answer.failure for answer in answers] == ["", "prompt_too_long", ""]
    assert Engine.batches == [2]


def test_a_budget_stops_between_two_requests_and_what_was_answered_stays(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the budget is spent: 6 requests"):
        teacher_for(tmp_path, budget=BudgetConfig(requests=6)).complete(requests(11))
    assert len(teacher_for(tmp_path).complete(requests(11))) == 11
    assert Engine.batches == [4, 2, 4, 1]
