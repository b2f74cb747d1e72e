"""A real small model, in this process and behind a real OpenAI-compatible server with faults in front of it.

    make test-model

Skipped where there is no model, as it takes minutes on a busy CPU.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from build.bench.fake_endpoint import FakeEndpoint, Faults, Raw, forward_to
from build.core.chat import Message, Request
from build.core.config import DataRecipe, QuestionConfig, SourceConfig, TeacherConfig, read_data_recipe
from build.core.prompts import prediction_prompt
from build.core.records import Dialogue, IOPair, PredictionInstance, Rationale, SampledFunction, UnifiedFunction
from build.engine import run
from build.sandbox import Limits, Sandbox
from build.stages.answer import rationales
from build.stages.revise import revise
from build.teachers.cache import ResponseCache
from build.teachers.client import ModelTeacher
from build.teachers.openai import Endpoints
from build.teachers.transformers import TransformersModel
from tests.teachers import canned

FOLDER = Path(os.environ.get("CODEIO_SMALL_MODEL") or "no such folder")

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
if not (FOLDER / "config.json").is_file():
    pytest.skip("no small model here", allow_module_level=True)

FUNCTION = UnifiedFunction(
    *("f", "raw", "s", "p.py", "MIT", "double", "static"),
    code="def main_solution(x):\n    return 2 * x\n",
    description="Input: `x` (int). Output: `return` (int).",
    query="What is twice `x`?",
    generator=None,
)
SAMPLED = SampledFunction("sf", FUNCTION, (IOPair("pair", "f", '{"x": 3}', "6", False),), False, 1)
INSTANCES = [
    PredictionInstance("i1", "pair", "f", "output", '{"x": 3}', "6"),
    PredictionInstance("i2", "pair", "f", "input", '{"x": 3}', "6"),
]


def recipe_for(folder: Path, **teacher: Any) -> DataRecipe:
    settings = dict[str, Any](model=str(FOLDER), max_tokens=60, temperature=0.7, cut_answers="keep") | teacher
    return DataRecipe("t", folder, (SourceConfig("folder", "x"),), teacher=TeacherConfig(**settings))


def requests() -> list[Request]:
    texts = ["Say hello.", prediction_prompt(FUNCTION, INSTANCES[0])]
    return [Request((Message("user", text),), sample, 24) for text in texts for sample in (0, 1)]


def test_in_process_answers_are_sampled_with_their_own_noise(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, name="transformers", concurrency=4)
    model = TransformersModel(recipe.teacher)
    together = ModelTeacher(recipe, model, ResponseCache(tmp_path / "a")).complete(requests())
    alone = ModelTeacher(recipe, model, ResponseCache(tmp_path / "b")).complete(requests()[:1])
    assert together[0] == alone[0]
    assert len({answer.text for answer in together}) == 4 and all(answer.text for answer in together)
    assert all(0 < answer.usage.completion_tokens <= 24 for answer in together)
    assert {answer.finish_reason for answer in together} <= {"stop", "length"}


def test_a_long_prompt_cuts_no_other_answer(tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, name="transformers", concurrency=4)
    model = TransformersModel(recipe.teacher)
    model._load()
    model._model.config.max_position_embeddings = 100
    asked = [Request((Message("user", text),), 0, 40) for text in ("Say hello.", "Tell me of ducks. " * 9, "so " * 200)]
    short, long, too_long = ModelTeacher(recipe, model, ResponseCache(tmp_path / "a")).complete(asked)
    (alone,) = ModelTeacher(recipe, model, ResponseCache(tmp_path / "b")).complete(asked[:1])
    assert short == alone and long.usage.prompt_tokens > 60 and too_long.failure == "prompt_too_long"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "from transformers.cli.transformers import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "serve",
        str(FOLDER),
        "--port",
        str(port),
        "--dtype",
        "float32",
        "--device",
        "cpu",
    ]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert process.poll() is None, log.read_text()[-2000:]
            try:
                httpx2.get(f"{url}/health").raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(0.5)
        yield f"{url}/v1"
    finally:
        process.terminate()
        process.wait()


def test_a_real_server_behind_faults_gives_answers_verdicts_and_revisions(server: str, tmp_path: Path) -> None:
    with FakeEndpoint(forward_to(server), Faults(0.4, hang_s=1.0)) as proxy:
        recipe = recipe_for(tmp_path, name="openai", endpoints=(proxy.url,), concurrency=2)
        teacher = ModelTeacher(recipe, Endpoints(recipe.teacher), ResponseCache(tmp_path))
        with Sandbox(Limits(call_cpu_s=1, job_cpu_s=5)) as sandbox:
            answers = list(rationales(INSTANCES, {"f": SAMPLED}, teacher, sandbox))
            assert all(isinstance(answer, Rationale) and answer.usage.completion_tokens for answer in answers)
            kept = [answer for answer in answers if isinstance(answer, Rationale)]
            by_id = {instance.id: instance for instance in INSTANCES}
            dialogues = list(revise(kept, by_id, {"f": SAMPLED}, teacher, sandbox, 1))
        teacher.close()
        assert sum(len(each.turns) for each in dialogues) == 2 + sum(not answer.verdict.correct for answer in kept)
        assert set(proxy.answered.values()) == {1}


def test_files_become_functions_by_recorded_texts_and_get_real_verdicts(server: str, tmp_path: Path) -> None:
    ask_model = forward_to(server)

    async def respond(body: dict[str, Any]) -> dict[str, Any] | Raw:
        about_a_file = "# file" in body["messages"][0]["content"]
        return await (canned.reply if about_a_file else ask_model)(body)

    with FakeEndpoint(respond) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        settings = dict[str, Any](model=str(FOLDER), samples=1, max_tokens=60, timeout_s=300.0, patience_s=600.0)
        recipe = read_data_recipe(canned.write_run(tmp_path, "run", [proxy.url], files=len(canned.TEXTS), **settings))
        store = run(replace(recipe, revisions=1, questions=QuestionConfig(pairs_per_function=1)))
    assert store.totals("unify").kept == store.totals("sample").kept == len(canned.TEXTS)
    dialogues = [each for shard in range(store.shards() or 0) for each in store.read("revise", shard, Dialogue)]
    assert len(dialogues) == 2 * len(canned.TEXTS)
    assert all(len(each.turns) == 2 - each.turns[0].verdict.correct for each in dialogues)
    assert all(turn.usage.completion_tokens > 0 for each in dialogues for turn in each.turns)
