"""The openai teacher against a loopback server that fails on purpose: nothing is lost, nothing is asked twice."""

import asyncio
import multiprocessing
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from build.journal import Journal
from build.recipe import Budget, Prices, Recipe, RecipeError, Source, Teacher
from build.records import Usage
from build.store import RunError
from build.teachers.base import Completion, Message, Request
from build.teachers.fake import FAULTS, FakeEndpoint, Faults, completion
from build.teachers.llm import ModelTeacher
from build.teachers.openai import Endpoints

KEY = "sk-test-3f0c1b77secret"


async def echo(body: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0.001)
    return completion(f"answer to {body['messages'][-1]['content']} seed {body['seed']}")


def recipe_for(folder: Path, *servers: FakeEndpoint, **settings: Any) -> Recipe:
    settings = dict[str, Any](concurrency=8, timeout_s=0.5, patience_s=5.0, model="m") | settings
    teacher = Teacher("openai", endpoints=tuple(server.url for server in servers), **settings)
    return Recipe("t", folder, (Source("folder", "x"),), teacher=teacher)


def teacher_for(folder: Path, *servers: FakeEndpoint, **settings: Any) -> ModelTeacher:
    recipe = recipe_for(folder, *servers, **settings)
    return ModelTeacher(recipe, Endpoints(recipe.teacher), Journal(folder / "journal"))


def requests(count: int) -> list[Request]:
    return [Request((Message("user", f"question {number}"),)) for number in range(count)]


def ask(teacher: ModelTeacher, asked: list[Request]) -> list[Completion]:
    try:
        return teacher.complete(asked)
    finally:
        teacher.close()


def test_answers_come_in_the_order_of_the_requests(tmp_path: Path) -> None:
    with FakeEndpoint(echo) as server:
        answers = ask(teacher_for(tmp_path, server), requests(40))
    assert [answer.text.split(" seed")[0] for answer in answers] == [f"answer to question {n}" for n in range(40)]
    assert all(answer.usage == Usage(1, 10, 5) for answer in answers)


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_ends_in_the_same_answers_as_a_quiet_server(tmp_path: Path, kind: str) -> None:
    with FakeEndpoint(echo) as quiet, FakeEndpoint(echo, Faults(0.3, (kind,))) as faulty:
        expected = ask(teacher_for(tmp_path / "quiet", quiet), requests(40))
        answers = ask(teacher_for(tmp_path / "faulty", faulty), requests(40))
    assert answers == expected
    assert faulty.failed[kind] > 0
    assert set(faulty.answered.values()) == {1}


def test_a_known_answer_is_not_asked_again_by_another_teacher(tmp_path: Path) -> None:
    with FakeEndpoint(echo) as server:
        first = ask(teacher_for(tmp_path, server), requests(10))
        again = ask(teacher_for(tmp_path, server), requests(12))
    assert again[:10] == first
    assert sum(server.arrived.values()) == 12


def test_samples_of_one_conversation_are_asked_one_by_one(tmp_path: Path) -> None:
    asked = [Request((Message("user", "same"),), sample=number) for number in (0, 1, 1)]
    with FakeEndpoint(echo) as server:
        answers = ask(teacher_for(tmp_path, server), asked)
    assert answers[0] != answers[1] == answers[2]
    assert sum(server.arrived.values()) == 2


def test_the_limit_falls_under_429_and_the_server_is_never_flooded_again(tmp_path: Path) -> None:
    with FakeEndpoint(echo, Faults(retry_after="0.01"), most=4) as server:
        teacher = teacher_for(tmp_path, server, concurrency=32)
        answers = ask(teacher, requests(300))
    assert len({answer.text for answer in answers}) == 300
    assert server.failed["429"] < 300 and set(server.answered.values()) == {1}


def test_several_endpoints_share_the_work_and_one_that_is_down_is_passed_over(tmp_path: Path) -> None:
    with FakeEndpoint(echo) as first, FakeEndpoint(echo) as second:
        ask(teacher_for(tmp_path / "both", first, second), requests(40))
        shares = sum(first.answered.values()), sum(second.answered.values())
        gone = FakeEndpoint(echo, port=9)  # never started
        answers = ask(teacher_for(tmp_path / "one", first, gone), requests(20))
    assert sum(shares) == 40 and min(shares) > 0
    assert not any(answer.failure for answer in answers)


def test_a_dead_endpoint_stops_the_run_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="have answered nothing"):
        ask(teacher_for(tmp_path, FakeEndpoint(echo, port=9), patience_s=0.2), requests(3))


def test_a_request_that_alone_fails_is_a_failure_by_name(tmp_path: Path) -> None:
    async def picky(body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.02)
        if body["messages"][0]["content"] == "question 3":
            raise ConnectionError
        return await echo(body)

    with FakeEndpoint(picky) as server:
        answers = ask(teacher_for(tmp_path, server, patience_s=0.5, concurrency=1), requests(3)) + ask(
            teacher_for(tmp_path, server, patience_s=0.5, concurrency=2), [*requests(200)[3:4], *requests(200)[4:]]
        )
    assert answers[3].failure.startswith("unanswered_")
    assert [answer.failure for answer in answers].count("") == 199


def test_a_refused_request_is_a_failure_and_a_refused_key_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = 400

    def response(_status: int, body: bytes, headers: str = "") -> bytes:
        return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    monkeypatch.setattr("build.teachers.fake._response", response)
    with FakeEndpoint(echo) as server:
        assert [answer.failure for answer in ask(teacher_for(tmp_path, server), requests(1))] == ["http_400"]
        status = 401
        with pytest.raises(RunError, match="answers 401"):
            ask(teacher_for(tmp_path, server), requests(1))


@pytest.mark.parametrize(
    ("budget", "least", "most"),
    [
        (Budget(requests=10), 10, 10),
        (Budget(tokens=150), 10, 17),  # 15 tokens an answer; what is under way is waited for
        (Budget(cost=150e-6), 10, 17),
    ],
)
def test_a_budget_stops_cleanly_and_a_larger_one_goes_on(tmp_path: Path, budget: Budget, least: int, most: int) -> None:
    prices = Prices(1.0, 1.0)
    with FakeEndpoint(echo) as server:
        with pytest.raises(RunError, match="the budget is spent"):
            ask(teacher_for(tmp_path, server, budget=budget, prices=prices), requests(30))
        assert least <= sum(server.answered.values()) <= most
        answers = ask(teacher_for(tmp_path, server, prices=prices), requests(30))
    assert len(answers) == 30 and set(server.answered.values()) == {1}


def test_a_cut_answer_and_what_a_model_thought_are_kept(tmp_path: Path) -> None:
    async def thoughtful(body: dict[str, Any]) -> dict[str, Any]:
        answer = completion("half an ans\ud800", "length")
        answer["choices"][0]["message"]["reasoning_content"] = "hm"
        return answer

    with FakeEndpoint(thoughtful) as server:
        first = ask(teacher_for(tmp_path, server), requests(1))
        again = ask(teacher_for(tmp_path, server), requests(1))
    assert first == again
    assert (first[0].finish_reason, first[0].reasoning, first[0].text) == ("length", "hm", "half an ans?")


def test_the_key_is_sent_and_lies_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def indiscreet(body: dict[str, Any]) -> dict[str, Any]:
        return completion(f"your key is {KEY}")

    monkeypatch.setenv("TEST_KEY", KEY)
    with FakeEndpoint(indiscreet) as server:
        answers = ask(teacher_for(tmp_path, server, key_variable="TEST_KEY"), requests(3))
        assert f"Authorization: Bearer {KEY}" in server.headers
    assert "[key]" in answers[0].text
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files and not any(KEY.encode() in file.read_bytes() for file in files)


def test_a_key_variable_that_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    with pytest.raises(RecipeError, match="TEST_KEY"):
        teacher_for(tmp_path, FakeEndpoint(echo), key_variable="TEST_KEY")


def test_the_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeEndpoint(echo) as server:
        monkeypatch.setenv("http_proxy", server.url)
        teacher = Teacher("openai", model="m", endpoints=("http://far.invalid/v1",), patience_s=1.0)
        recipe = Recipe("t", tmp_path, (Source("folder", "x"),), teacher=teacher)
        answers = ask(ModelTeacher(recipe, Endpoints(teacher), Journal(tmp_path)), requests(2))
    assert [answer.usage.requests for answer in answers] == [1, 1] and "Host: far.invalid" in server.headers


@pytest.mark.parametrize("url", ["http://user:pw@host/v1", "https://host/v1?key=abc", "host:8000/v1"])
def test_an_endpoint_that_could_hold_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="without user, password or query"):
        Recipe("t", Path("r"), (Source("folder", "x"),), teacher=Teacher("openai", model="m", endpoints=(url,)))


def _write(folder: str, first: int) -> None:
    journal = Journal(Path(folder))
    for number in range(first, first + 200):
        journal.add(f"key {number}", "run", Completion(f"from {first}", "stop", Usage(1, 2, 3)))
    journal.close()


def test_processes_write_to_one_journal_and_the_first_answer_counts(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(str(tmp_path), first)) for first in (0, 100, 200)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    journal = Journal(tmp_path)
    assert len(journal.find([f"key {number}" for number in range(400)])) == 400
    assert journal.spent("run") == Usage(600, 1200, 1800)
    first = journal.find(["key 150"])["key 150"]
    assert journal.add("key 150", "run", Completion("late")) == first


def test_several_may_start_a_journal_in_one_moment(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def start(round: int) -> None:
        together.wait()
        Journal(tmp_path / str(round)).close()

    with ThreadPoolExecutor(4) as pool:  # at first one of fifteen failed
        for _ in pool.map(start, [round for round in range(150) for _ in range(4)]):
            pass


def test_a_rank_has_a_file_of_its_own_and_everybody_reads_it(tmp_path: Path) -> None:
    rank = Journal(tmp_path, rank=3)
    rank.add("key", "run", Completion("of rank 3"))
    other = Journal(tmp_path, rank=4)  # while rank 3 is at work
    rank.add("later", "run", Completion("of rank 3"))
    assert set(other.find(["key", "later"])) == {"key", "later"}
    other.add("mine", "run", Completion("of rank 4"))
    assert Journal(tmp_path).find(["key"])["key"].text == "of rank 3"
    assert {path.suffix for path in tmp_path.iterdir() if "rank" in path.name} == {".sqlite"}


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "local.sqlite").write_bytes(os.urandom(8192))
    with pytest.raises(RunError, match=r"local\.sqlite"):
        Journal(tmp_path)
    assert issubclass(sqlite3.DatabaseError, sqlite3.Error)


def test_a_budget_counts_what_all_ranks_have_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("build.journal._LOOK_AGAIN_S", 0.0)
    first = Journal(tmp_path, rank=0)
    second = Journal(tmp_path, rank=1)  # opened after the first, which has to notice
    second.add("key", "run", Completion("a", "stop", Usage(1, 20, 30)))
    first.add("other", "run", Completion("b", "stop", Usage(1, 2, 3)))
    assert first.spent("run") == second.spent("run") == Usage(2, 22, 33)
    assert first.spent("another") == Usage()


def test_a_key_that_is_a_word_changes_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def empty(body: dict[str, Any]) -> dict[str, Any]:
        return completion('{"output": "EMPTY"}')

    monkeypatch.setenv("TEST_KEY", "EMPTY")  # what vLLM's documentation has as key
    with FakeEndpoint(empty) as server:
        (answer,) = ask(teacher_for(tmp_path, server, key_variable="TEST_KEY"), requests(1))
    assert answer.text == '{"output": "EMPTY"}'
