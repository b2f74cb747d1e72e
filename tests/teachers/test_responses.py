"""What real servers send instead of an answer: read for what it is, told in the server's words, and never a training row."""

import asyncio
import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from build.bench.fake_endpoint import FakeEndpoint, Raw, completion
from build.core.chat import Completion
from build.core.config import read_data_recipe
from build.core.errors import RunError
from build.core.records import IOPair, PredictionInstance, SampledFunction, UnifiedFunction, Usage
from build.engine import run
from build.stages.assemble import SPLITS, rows
from build.teachers import openai
from build.teachers.base import Question
from build.teachers.openai import PLAIN_QUESTION, Endpoints
from build.teachers.response import ServerError, read_response
from codeio_dataset import main
from tests.teachers import canned
from tests.teachers.test_endpoints import ask, echo, recipe_for, requests, teacher_for

QUOTA = {"message": "You exceeded your current quota, please check your plan.", "code": "insufficient_quota"}
PAGE = "<!DOCTYPE html><html><head><style>p {}</style><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"


def message(content: Any, finish_reason: str | None = "stop", **more: Any) -> str:
    choice = {"message": {"role": "assistant", "content": content, **more}, "finish_reason": finish_reason}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})


def read(text: str, status: int = 200, **headers: str) -> Completion:
    return read_response(status, headers, text)


@pytest.mark.parametrize(
    ("body", "said", "thought"),
    [
        (message("a"), "a", ""),
        (message([{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}]), "ab", ""),
        (
            message([{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}, {"type": "text", "text": "a"}]),
            "a",
            "h",
        ),
        (message("a", reasoning_content="h"), "a", "h"),
        (message("a", reasoning="h", reasoning_content=None), "a", "h"),
        (message("a", reasoning_details=[{"type": "reasoning.text", "text": "h"}]), "a", "h"),
        (message("a", reasoning=None, tool_calls=[], refusal=None), "a", ""),
        ("\n\n  " + message("a"), "a", ""),
        (message("a", "end_turn"), "a", ""),
        (json.dumps({"choices": [{"text": "a", "finish_reason": "eos"}]}), "a", ""),
        (": PROCESSING\n\n: PROCESSING\n\n" + message("a"), "a", ""),
        (
            'data: {"choices": [{"delta": {"role": "assistant", "content": "a"}}]}\n\n'
            'data: {"choices": [{"delta": {"content": "b", "reasoning": "h"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
            "ab",
            "h",
        ),
    ],
)
def test_answers_in_every_form_are_read(body: str, said: str, thought: str) -> None:
    answer = read(body)
    assert (answer.text, answer.reasoning, answer.finish_reason, answer.failure) == (said, thought, "stop", "")


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "none",
        {"prompt_tokens": None, "completion_tokens": "7"},
        {"prompt_tokens": -3},
        [1],
        {"prompt_tokens": 1e99},
    ],
)
def test_counts_that_are_none_are_none(usage: Any) -> None:
    assert read(json.dumps({"choices": [{"message": {"content": "a"}}], "usage": usage})).usage == Usage(1, 0, 0)


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (200, json.dumps({"error": {"message": "upstream is overloaded", "code": 502}}), "again", "upstream is overloaded"),
        (200, json.dumps({"error": {"message": "no credits", "code": 402}}), "pay", "no credits"),
        (200, json.dumps({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}), "busy", "slow down"),
        (200, json.dumps({"error": {"message": "bad", "code": 400}}), "refused", "bad"),
        (200, json.dumps({"error": QUOTA}), "pay", "exceeded your current quota"),
        (200, json.dumps({"error": "cannot load the model"}), "again", "cannot load the model"),
        (200, json.dumps({"object": "error", "message": "too long", "code": 400}), "refused", "too long"),
        (200, 'data: {"error": {"message": "provider is down", "code": 503}}\n\n', "again", "provider is down"),
        (200, 'event: error\ndata: {"error": {"message": "no money", "code": 402}}\n\n', "pay", "no money"),
        (200, json.dumps({"choices": [{"error": {"message": "broke off", "code": 502}}]}), "again", "broke off"),
        (200, PAGE, "again", "a web page: 502 Bad Gateway nginx"),
        (200, '{"choices": [{"mess', "again", '"choices"'),
        (200, "[]", "again", "no chat completion"),
        (200, '{"choices": [{"message": {"content": 7}}]}', "again", "content"),
        (200, "", "again", ""),
        (502, PAGE, "again", "502 Bad Gateway nginx"),
        (500, "oops\x1b[31m\n on two lines", "again", "oops [31m on two lines"),
        (429, json.dumps({"error": QUOTA}), "pay", "exceeded your current quota"),
        (429, json.dumps({"error": {"message": "Too many requests", "type": "requests"}}), "busy", "Too many requests"),
        (429, json.dumps({"error": {"message": "exceeded your current quota, retry in 34s"}}), "busy", "34s"),
        (429, json.dumps([{"error": {"message": "list"}}]), "busy", "list"),
        (529, json.dumps({"error": {"message": "Overloaded"}}), "busy", "Overloaded"),
        (402, json.dumps({"error": {"message": "Insufficient Balance"}}), "pay", "Insufficient Balance"),
        (403, json.dumps({"error": {"message": "your input was flagged"}}), "refused", "flagged"),
        (403, json.dumps({"error": {"message": "no access"}}), "mend", "no access"),
        (404, json.dumps({"detail": "Not Found"}), "mend", "Not Found"),
        (302, "", "mend", ""),
        (400, json.dumps({"error": {"message": "filtered", "code": "content_filter"}}), "refused", "filtered"),
        (400, json.dumps({"detail": [{"msg": "field required"}]}), "refused", "field required"),
        (400, json.dumps({"error": {"message": "Error", "metadata": {"raw": "prompt too long"}}}), "refused", "too long"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_in_the_servers_words(status: int, body: str, kind: str, told: str) -> None:
    with pytest.raises(ServerError) as raised:
        read(body, status)
    assert raised.value.kind == kind and told in raised.value.told


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"retry-after-ms": "1500"}, 1.5, 1.5),
        ({"Retry-After": formatdate(time.time() + 100_000, usegmt=True)}, 90_000, 100_001),
        ({"Retry-After": formatdate(time.time() - 100, usegmt=True)}, 0, 0),
        ({"Retry-After": "soon"}, 0, 0),
        ({"Retry-After": "inf"}, 0, 0),
        ({}, 0, 0),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], least: float, most: float) -> None:
    with pytest.raises(ServerError) as raised:
        read("", 429, **headers)
    assert least <= raised.value.wait_s <= most


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "error", "code", "usage", "type", "text", "finish_reason", "delta"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([200, 200, 400, 429, 500]), st.sampled_from(["", "data: ", ": x\n\n"]))
def test_any_body_is_an_answer_or_a_named_error(data: Any, status: int, before: str) -> None:
    try:
        answer = read(before + json.dumps(data), status)
    except ServerError as error:
        assert error.reason and error.kind in ("again", "busy", "mend", "pay", "refused")
    else:
        assert isinstance(answer.text, str) and isinstance(answer.reasoning, str)


# What a teacher makes of them.

FUNCTION = UnifiedFunction(
    *("f", "raw", "s", "p.py", "MIT", "f", "static", "def main_solution(x): return x", "x", "q"), None
)
SAMPLED = SampledFunction("sf", FUNCTION, (IOPair("pair", "f", '{"x": 3}', "3", False),), False, 1)


def question() -> Question:
    instance = PredictionInstance("i", "pair", "f", "output", '{"x": 3}', "3")
    return Question(requests(1)[0].messages, function=SAMPLED, instance=instance, turn=1)


@pytest.mark.parametrize(
    ("body", "failure", "told"),
    [
        (message(None), "empty", "says nothing"),
        (message(""), "empty", "says nothing"),
        (message(" \n"), "empty", "says nothing"),
        (message("<think>hm</think>"), "empty", "says nothing"),
        (message(None, "length", reasoning_content="hm"), "cut", "tokens"),
        (message("<think>hm", "length"), "cut", "tokens"),
        (message("so the out", "length"), "cut", "teacher.max_tokens"),
        (message("so the out", "MAX_TOKENS"), "cut", "teacher.max_tokens"),
        (message("", "content_filter"), "content_filter", ""),
        (message("half of it", "content_filter"), "content_filter", "half of it"),
        (message("", "SAFETY"), "content_filter", ""),
        (message(None, refusal="I cannot help."), "refusal", "I cannot help."),
        (message(None, "tool_calls", tool_calls=[{"function": {"name": "f"}}]), "tool_calls", "tool"),
        (message(None, "stop", tool_calls=[{"function": {"name": "f"}}]), "tool_calls", "tool"),
        (json.dumps({"choices": []}), "no_choice", "choices"),
    ],
)
def test_what_says_nothing_is_a_failure_by_name_and_is_asked_once(
    tmp_path: Path, body: str, failure: str, told: str
) -> None:
    async def reply(_: dict[str, Any]) -> Raw:
        return Raw(200, body)

    with FakeEndpoint(reply) as server:
        answers = [ask(teacher_for(tmp_path, server), [question()])[0] for _ in range(2)]
        arrived = sum(server.arrived.values())
    assert answers[0] == answers[1] and answers[0].failure == failure and told in answers[0].text
    assert arrived == 1 or failure == "no_choice"
    assert answers[0].usage.requests == 1


@pytest.mark.parametrize(
    ("body", "reasoning"),
    [
        (message("<think>\nhm\n</think>\n\nIt is 3."), "hm"),
        (message("hm</think>It is 3."), "hm"),
        (message("It is 3.", reasoning="hm"), "hm"),
        (message("<think>m</think>It is 3.", reasoning="h"), "h\n\nm"),
    ],
)
def test_what_a_model_thought_is_split_off(tmp_path: Path, body: str, reasoning: str) -> None:
    async def reply(_: dict[str, Any]) -> Raw:
        return Raw(200, body)

    with FakeEndpoint(reply) as server:
        (answer,) = ask(teacher_for(tmp_path, server), [question()])
    assert (answer.text, answer.reasoning, answer.failure) == ("It is 3.", reasoning, "")


def test_a_recipe_may_keep_answers_that_were_cut(tmp_path: Path) -> None:
    async def reply(_: dict[str, Any]) -> dict[str, Any]:
        return completion("so the out", "length")

    with FakeEndpoint(reply) as server:
        (answer,) = ask(teacher_for(tmp_path, server, cut_answers="keep"), [question()])
    assert (answer.text, answer.failure, answer.finish_reason) == ("so the out", "", "length")


@pytest.mark.parametrize(
    "raw", [Raw(429, json.dumps({"error": QUOTA})), Raw(200, json.dumps({"error": QUOTA})), Raw(402, "{}")]
)
def test_an_account_without_money_stops_the_run_at_once(tmp_path: Path, raw: Raw) -> None:
    async def reply(_: dict[str, Any]) -> Raw:
        return raw

    with FakeEndpoint(reply) as server:
        with pytest.raises(RunError, match="see to your account"):
            ask(teacher_for(tmp_path, server, patience_s=600.0, concurrency=1), requests(5))
        assert sum(server.arrived.values()) == 1


def test_a_rate_limit_that_names_a_date_is_waited_for(tmp_path: Path) -> None:
    arrived = 0

    async def reply(body: dict[str, Any]) -> dict[str, Any] | Raw:
        nonlocal arrived
        arrived += 1
        date = formatdate(time.time() + 1.5, usegmt=True)
        return Raw(429, "{}", f"Retry-After: {date}\r\n") if arrived == 1 else await echo(body)

    with FakeEndpoint(reply) as server:
        answers = ask(teacher_for(tmp_path, server), requests(3))
    assert not any(answer.failure for answer in answers)


def test_retries_are_told_with_the_servers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(openai, "TELL_AFTER_S", 0.1)

    async def reply(_: dict[str, Any]) -> Raw:
        return Raw(500, json.dumps({"error": {"message": "the GPU fell off"}}))

    with FakeEndpoint(reply) as server, pytest.raises(RunError, match="the GPU fell off"):
        ask(teacher_for(tmp_path, server, patience_s=1.0), requests(3))
    told = capsys.readouterr().err
    assert "the GPU fell off" in told and "trying again for up to 1 s" in told
    assert told.count("trying again") < 8  # more and more rarely, not once a request


# Before a run.


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (Raw(404, '{"error": {"message": "model `m` not found"}}'), "model `m` not found"),
        (Raw(200, PAGE), "a web page: 502 Bad Gateway"),
        (Raw(500, '{"detail": "CUDA error"}'), "CUDA error"),
        (Raw(401, '{"error": {"message": "bad key"}}'), "bad key"),
        (Raw(429, json.dumps({"error": QUOTA})), "current quota"),
        (Raw(400, '{"error": {"message": "max_tokens is too large"}}'), "max_tokens is too large"),
    ],
)
def test_a_server_that_cannot_answer_ends_a_run_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: Raw, sentence: str
) -> None:
    monkeypatch.setattr(openai, "_BROKEN_S", 0.2)

    async def reply(_: dict[str, Any]) -> Raw:
        return raw

    with FakeEndpoint(reply) as server:
        recipe = read_data_recipe(canned.write_run(tmp_path, "run", [server.url], patience_s=600.0))
        with pytest.raises(RunError, match=sentence):
            run(recipe)
    assert not recipe.run.exists()


def test_one_question_is_asked_before_a_run_and_dead_endpoints_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    async def reply(body: dict[str, Any]) -> dict[str, Any]:
        asked.append(body)
        await asyncio.sleep(0.1)
        return completion("2")

    with FakeEndpoint(reply) as server:
        endpoints = Endpoints(recipe_for(tmp_path, server, FakeEndpoint(reply, port=9)).teacher)
        endpoints.greet()
        endpoints.close()
    assert [body["messages"][0]["content"] for body in asked] == [PLAIN_QUESTION[0].content]
    assert "127.0.0.1:9/v1 does not answer" in capsys.readouterr().err


def test_a_server_that_is_still_starting_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrived = 0

    async def reply(body: dict[str, Any]) -> dict[str, Any] | Raw:
        nonlocal arrived
        arrived += 1
        return Raw(503, "loading the model") if arrived < 3 else await echo(body | {"seed": 0})

    with FakeEndpoint(reply) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai, "TELL_AFTER_S", 0.2)
        patch.setattr(openai, "_BROKEN_S", 0.0)
        endpoints = Endpoints(recipe_for(tmp_path, server, patience_s=30.0).teacher)
        endpoints.greet()
        endpoints.close()
    assert arrived == 3 and "loading the model" in capsys.readouterr().err


# Whole runs.


def _but_for_questions(raw: Raw) -> Any:
    """The canned model, which sends this instead of an answer to a prediction prompt."""

    async def reply(body: dict[str, Any]) -> dict[str, Any] | Raw:
        prompt = body["messages"][0]["content"]
        return raw if "reason it through in words" in prompt else await canned.reply(body)

    return reply


@pytest.mark.parametrize(
    ("body", "exit_code", "sentence"),
    [
        (
            message(None, "length", reasoning_content="I think and"),
            1,
            "ended at their limit: raise `teacher.max_tokens`",
        ),
        (message("", "content_filter"), 1, "hold no answer (content_filter 24)"),
        (message("I cannot tell."), 0, "hold no answer (no_answer 24)"),
    ],
)
def test_a_run_of_answers_that_hold_none_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, exit_code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with FakeEndpoint(_but_for_questions(Raw(200, body))) as server:
        path = canned.write_run(tmp_path, "run", [server.url], files=3, cut_answers="drop")
        result = CliRunner().invoke(main, ["--config", str(path)])
    assert result.exit_code == exit_code, result.output
    assert "Warning: 24 of 24 first answers hold no answer" in result.stdout and sentence in result.stdout
    assert "Warning" in result.stderr and "The run goes on" in result.stderr
    assert (tmp_path / "run" / "dataset").exists() == (exit_code == 0)
    assert exit_code == 0 or "not one question has an answer" in str(result.exception)


@pytest.mark.parametrize("reasoning", ["keep", "drop"])
def test_what_a_model_thought_is_stored_and_published_as_the_recipe_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reasoning: str
) -> None:
    monkeypatch.chdir(tmp_path)
    raw = Raw(200, message('<think>\nMaybe {"output": 1}?\n</think>\n\nNo. {"output": "never right"}'))
    with FakeEndpoint(_but_for_questions(raw)) as server:
        recipe = read_data_recipe(canned.write_run(tmp_path, "run", [server.url], files=3, reasoning=reasoning))
        store = run(recipe)
    for config, thought in (
        ("codeio", 'Maybe {"output": 1}?'),
        ("codeio_pp", "\n\n".join(['Maybe {"output": 1}?'] * 3)),
    ):
        made = [
            row
            for split in SPLITS
            for shard in range(store.shards() or 0)
            for _, row in rows(config, split, store, shard, recipe)
        ]
        assert made and all(row["reasoning"] == (thought if reasoning == "keep" else None) for row in made)
        assert not any("think" in row["completion"][0]["content"] for row in made)
        assert {row["verdict_1"] for row in made} == {"wrong_output", "no_answer"}
