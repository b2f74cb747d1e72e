"""The openai teacher against a loopback server that fails on purpose: nothing is lost, nothing is asked twice."""

import asyncio
import multiprocessing
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from build.bench import fake_endpoint
from build.bench.fake_endpoint import FAULTS, FakeEndpoint, Faults, completion
from build.core.chat import Completion, Message, Request
from build.core.config import BudgetConfig, DataRecipe, PriceConfig, SourceConfig, TeacherConfig
from build.core.errors import ConfigError, RunError
from build.core.records import Usage
from build.teachers.cache import ResponseCache, holds_answers
from build.teachers.client import ModelTeacher
from build.teachers.openai import Endpoints
from build.teachers.rate_limit import RateLimiter
from build.unifiers.prompts import unify_prompt

KEY = "sk-test-3f0c1b77secret"


async def echo(body: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0.001)
    return completion(f"answer to {body['messages'][-1]['content']} seed {body['seed']}")


def recipe_for(folder: Path, *servers: FakeEndpoint, **settings: Any) -> DataRecipe:
    settings = dict[str, Any](concurrency=8, timeout_s=0.5, patience_s=5.0, model="m") | settings
    teacher = TeacherConfig("openai", endpoints=tuple(server.url for server in servers), **settings)
    return DataRecipe("t", folder, (SourceConfig("folder", "x"),), teacher=teacher)


def teacher_for(folder: Path, *servers: FakeEndpoint, **settings: Any) -> ModelTeacher:
    recipe = recipe_for(folder, *servers, **settings)
    return ModelTeacher(recipe, Endpoints(recipe.teacher), ResponseCache(folder / "response_cache"))


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
    assert answers[0].text != answers[1].text == answers[2].text
    assert [answer.usage.requests for answer in answers] == [1, 1, 0]  # equal requests are paid for once
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


def refuse(monkeypatch: pytest.MonkeyPatch, status: int, when: str = "", told: str = "no such limit") -> None:
    """Answers that hold `when` go out as a refusal with this status."""
    whole = fake_endpoint._response

    def response(sent: int, body: bytes, headers: str = "") -> bytes:
        if when.encode() not in body:
            return whole(sent, body, headers)
        return whole(sent, told.encode(), headers).replace(b" 200 ", f" {status} ".encode(), 1)

    monkeypatch.setattr("build.bench.fake_endpoint._response", response)


def test_a_refused_request_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, 400, "question 0 ")
    with FakeEndpoint(echo) as server:
        answers = ask(teacher_for(tmp_path, server), requests(3))
    assert [answer.failure for answer in answers] == ["http_400", "", ""]


@pytest.mark.parametrize(
    ("status", "message"), [(400, r"even a plain question .*no such limit.*max_tokens"), (401, "answers 401")]
)
def test_what_no_request_can_pass_stops_the_run_with_what_the_server_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, message: str
) -> None:
    refuse(monkeypatch, status)
    with FakeEndpoint(echo) as server, pytest.raises(RunError, match=message):
        ask(teacher_for(tmp_path, server), requests(30))


def test_a_fatal_refusal_waits_for_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow_but_for_one(body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0 if body["messages"][0]["content"] == "question 3" else 0.2)
        return await echo(body)

    refuse(monkeypatch, 402, "question 3 ")
    with FakeEndpoint(slow_but_for_one) as server:
        with pytest.raises(RunError, match="answers 402"):
            ask(teacher_for(tmp_path, server), requests(8))
        arrived = sum(server.arrived.values())
        known = ResponseCache(tmp_path / "response_cache").spent(recipe_for(tmp_path, server).digest())
    assert arrived == 8 and known.requests == 7


def test_an_outage_stops_the_run_and_rejects_nothing(tmp_path: Path) -> None:
    served = 0

    async def dies(body: dict[str, Any]) -> dict[str, Any]:
        nonlocal served
        served += 1
        if served > 20:
            raise ConnectionError
        return await echo(body)

    with FakeEndpoint(dies) as server, pytest.raises(RunError, match="have answered nothing"):
        ask(teacher_for(tmp_path, server, patience_s=0.3), requests(24))
    with FakeEndpoint(echo) as server:
        answers = ask(teacher_for(tmp_path, server), requests(24))
    assert not any(answer.failure for answer in answers) and sum(server.answered.values()) == 4


def test_a_server_that_takes_few_requests_is_waited_for_beyond_all_patience(tmp_path: Path) -> None:
    async def slow(body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.1)
        return await echo(body)

    with FakeEndpoint(slow, Faults(retry_after=""), most=1) as server:
        answers = ask(teacher_for(tmp_path, server, patience_s=0.5, concurrency=16), requests(30))
    assert not any(answer.failure for answer in answers) and server.failed["429"] > 0


def test_a_request_that_the_server_cannot_answer_in_time_is_tried_a_few_times_only(tmp_path: Path) -> None:
    async def slow(body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(1.0 if body["messages"][0]["content"] == "question 1" else 0.0)
        return await echo(body)

    with FakeEndpoint(slow) as server:
        answers = ask(teacher_for(tmp_path, server, timeout_s=0.2, patience_s=60.0), requests(3))
    assert [answer.failure for answer in answers] == ["", "unanswered_timeout", ""]
    assert max(server.arrived.values()) == 5


def test_prompts_that_begin_alike_are_spread_over_the_endpoints(tmp_path: Path) -> None:
    asked = [Request((Message("user", unify_prompt(f"x = {number}", False)),)) for number in range(40)]
    with FakeEndpoint(echo) as first, FakeEndpoint(echo) as second:
        ask(teacher_for(tmp_path, first, second), asked)
    assert min(sum(server.answered.values()) for server in (first, second)) > 5


def test_further_fields_are_sent_and_nulls_leave_fields_out(tmp_path: Path) -> None:
    bodies = []

    async def keep(body: dict[str, Any]) -> dict[str, Any]:
        bodies.append(body)
        return await echo(body)

    with FakeEndpoint(keep) as server:
        ask(teacher_for(tmp_path, server, extra_body={"max_tokens": None, "max_completion_tokens": 9}), requests(1))
        ask(teacher_for(tmp_path, server), requests(1))
    assert bodies[0]["max_completion_tokens"] == 9 and "max_tokens" not in bodies[0] and "max_tokens" in bodies[1]
    with pytest.raises(ValueError, match="cannot change `stream`"):
        recipe_for(tmp_path, server, extra_body={"stream": True})


def test_an_answer_in_parts_is_joined_and_an_empty_choice_is_a_failure_at_once(tmp_path: Path) -> None:
    async def parts(body: dict[str, Any]) -> dict[str, Any]:
        answer = completion("")
        answer["choices"][0]["message"]["content"] = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        return answer if body["messages"][0]["content"] == "question 0" else answer | {"choices": []}

    with FakeEndpoint(parts) as server:
        first, second = ask(teacher_for(tmp_path, server), requests(2))
    assert (first.text, second.failure) == ("ab", "no_choice") and set(server.arrived.values()) == {1}


@pytest.mark.parametrize(
    ("budget", "least", "most"),
    [
        (BudgetConfig(requests=10), 10, 10),
        (BudgetConfig(tokens=150), 10, 17),  # 15 tokens an answer; what is under way is waited for
        (BudgetConfig(cost=150e-6), 10, 17),
    ],
)
def test_a_budget_stops_cleanly_and_a_larger_one_goes_on(
    tmp_path: Path, budget: BudgetConfig, least: int, most: int
) -> None:
    prices = PriceConfig(1.0, 1.0)
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
    with pytest.raises(ConfigError, match="TEST_KEY"):
        teacher_for(tmp_path, FakeEndpoint(echo), key_variable="TEST_KEY")


def test_the_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeEndpoint(echo) as server:
        monkeypatch.setenv("http_proxy", server.url)
        teacher = TeacherConfig("openai", model="m", endpoints=("http://far.invalid/v1",), patience_s=1.0)
        recipe = DataRecipe("t", tmp_path, (SourceConfig("folder", "x"),), teacher=teacher)
        answers = ask(ModelTeacher(recipe, Endpoints(teacher), ResponseCache(tmp_path)), requests(2))
    assert [answer.usage.requests for answer in answers] == [1, 1] and "Host: far.invalid" in server.headers


@pytest.mark.parametrize("url", ["http://user:pw@host/v1", "https://host/v1?key=abc", "host:8000/v1"])
def test_an_endpoint_that_could_hold_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="without user, password or query"):
        DataRecipe(
            "t", Path("r"), (SourceConfig("folder", "x"),), teacher=TeacherConfig("openai", model="m", endpoints=(url,))
        )


def _write(folder: str, first: int) -> None:
    cache = ResponseCache(Path(folder))
    for number in range(first, first + 200):
        cache.add(f"key {number}", "run", Completion(f"from {first}", "stop", Usage(1, 2, 3)))
    cache.close()


def test_processes_write_to_one_cache_and_the_first_answer_counts(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(str(tmp_path), first)) for first in (0, 100, 200)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    cache = ResponseCache(tmp_path)
    assert len(cache.find([f"key {number}" for number in range(400)])) == 400
    assert cache.spent("run") == Usage(600, 1200, 1800)
    first = cache.find(["key 150"])["key 150"]
    assert cache.add("key 150", "run", Completion("late")) == first


def test_several_may_start_a_cache_in_one_moment(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def start(round: int) -> None:
        together.wait()
        ResponseCache(tmp_path / str(round)).close()

    with ThreadPoolExecutor(4) as pool:  # at first one of fifteen failed
        for _ in pool.map(start, [round for round in range(150) for _ in range(4)]):
            pass


def test_a_rank_has_a_file_of_its_own_and_everybody_reads_it(tmp_path: Path) -> None:
    rank = ResponseCache(tmp_path, rank=3)
    rank.add("key", "run", Completion("of rank 3"))
    other = ResponseCache(tmp_path, rank=4)  # while rank 3 is at work
    rank.add("later", "run", Completion("of rank 3"))
    assert set(other.find(["key", "later"])) == {"key", "later"}
    other.add("mine", "run", Completion("of rank 4"))
    assert ResponseCache(tmp_path).find(["key"])["key"].text == "of rank 3"
    assert {path.suffix for path in tmp_path.iterdir() if "rank" in path.name} == {".sqlite"}


def test_a_damaged_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "local.sqlite").write_bytes(os.urandom(8192))
    with pytest.raises(RunError, match=r"local\.sqlite"):
        ResponseCache(tmp_path)
    assert issubclass(sqlite3.DatabaseError, sqlite3.Error)


def test_a_budget_counts_what_all_ranks_have_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("build.teachers.cache._LOOK_AGAIN_S", 0.0)
    first = ResponseCache(tmp_path, rank=0)
    second = ResponseCache(tmp_path, rank=1)  # opened after the first, which has to notice
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


@pytest.mark.parametrize("name", ["run#1", "run%201", "run?x=1", "a b"])
def test_a_folder_of_any_name_holds_the_answers_of_all_ranks(tmp_path: Path, name: str) -> None:
    first = ResponseCache(tmp_path / name, rank=0)
    first.add("key", "run", Completion("of rank 0"))
    assert ResponseCache(tmp_path / name, rank=1).find(["key"])["key"].text == "of rank 0"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_places_are_given_in_the_order_of_asking() -> None:
    async def take_turns() -> list[int]:
        limiter, order = RateLimiter(2), list[int]()

        async def work(number: int) -> None:
            turn = await limiter.enter()
            order.append(number)
            await asyncio.sleep(0.001)
            if number == 3:
                limiter.refused(turn, 0.02)  # a pause changes nothing in the order
            limiter.leave()

        tasks = [asyncio.create_task(work(number)) for number in range(20)]
        await asyncio.sleep(0)
        tasks[10].cancel()
        await asyncio.wait(tasks)
        assert limiter._active == 0
        return order

    assert asyncio.run(take_turns()) == [number for number in range(20) if number != 10]


def test_what_another_run_has_paid_for_costs_nothing_and_what_this_one_has_always_the_same(tmp_path: Path) -> None:
    with FakeEndpoint(echo) as server:
        first = ask(teacher_for(tmp_path, server), requests(3))
        again = ask(teacher_for(tmp_path, server), requests(3))  # as after a kill
        recipe = replace(recipe_for(tmp_path, server), name="other")
        other = ModelTeacher(recipe, Endpoints(recipe.teacher), ResponseCache(tmp_path / "response_cache"))
        cached = ask(other, requests(3))
    assert first == again and sum(server.answered.values()) == 3
    assert [answer.text for answer in cached] == [answer.text for answer in first]
    assert all(answer.usage == Usage() for answer in cached)


def test_a_journal_of_an_earlier_version_is_read_on(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "local.sqlite") as old:
        old.executescript(
            "create table answers (key text primary key, text text not null, reasoning text not null,"
            " finish_reason text not null, prompt_tokens integer not null, completion_tokens integer not null)"
            " without rowid; insert into answers values ('key', 'old', '', 'stop', 2, 3);"
        )
    assert holds_answers(tmp_path)
    cache = ResponseCache(tmp_path)
    cache.add("new", "run", Completion("new", usage=Usage(1, 1, 1)))
    assert cache.find(["key"], "run")["key"] == Completion("old", usage=Usage(1, 2, 3))
    assert cache.find(["new"], "another")["new"].usage == Usage()
