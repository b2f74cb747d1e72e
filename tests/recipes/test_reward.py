"""The rewards are the verifier's word, for output and input answers, right and wrong, and always numbers."""

import asyncio
import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from build.bench.service import running
from build.client import Client
from build.core.errors import ConfigError
from build.core.records import Task
from build.sandbox.codec import encode
from recipes import judge as module
from recipes.judge import use_service
from recipes.partial_credit import closeness, partial_credit, well_formed
from recipes.reward import execution_reward, format_reward, partial_reward
from tests.build.test_values import JSON_VALUES

CODE = "def main_solution(x):\n    return x * x\n"


@pytest.fixture
def local() -> Iterator[None]:
    yield
    module._service = None


def reward(answers: list[Any], task: str, function: Any = execution_reward, **changed: Any) -> tuple[list[float], dict]:
    count = len(answers)
    logged: dict[str, float] = {}
    columns = {"code": CODE, "task": task, "input": '{"x": -3}', "output": "9"} | changed
    given = function(
        prompts=[[{"role": "user", "content": "?"}]] * count,
        completions=[[{"role": "assistant", "content": answer}] for answer in answers],
        **{name: [value] * count for name, value in columns.items()},
        log_metric=logged.__setitem__,
        trainer_state=None,
    )
    return (given if isinstance(given, list) else asyncio.run(given)), logged


def test_output_answers() -> None:
    rewards, logged = reward(['So {"output": 9}', '{"output": 8}', "no answer"], "output")
    assert rewards == [1.0, 0.0, 0.0]
    assert sum(logged.values()) == 1 and set(logged) == {"verdict/correct", "verdict/wrong_output", "verdict/no_answer"}


def test_input_answers_are_executed() -> None:
    """Another input than the recorded one is right when it gives the output."""
    rewards, _ = reward(
        ['{"input": {"x": 3}}', '{"input": {"x": -3}}', '{"input": {"x": 4}}', '{"input": {"y": 3}}'], "input"
    )
    assert rewards == [1.0, 1.0, 0.0, 0.0]


def test_partial_credit_orders_wrong_answers_by_their_distance() -> None:
    answers = ['{"output": 9}', '{"output": 8}', '{"output": 80}', '{"output": "9"}', "no answer"]
    right, near, far, other, none = reward(answers, "output", partial_reward)[0]
    assert right == 1.0 > near > far > other == none == 0.0
    answers = ['{"input": {"x": 3}}', '{"input": {"x": 4}}', '{"input": {"x": 40}}', '{"input": {"y": 3}}']
    right, near, far, broken = reward(answers, "input", partial_reward)[0]
    assert right == 1.0 > near > far > broken == 0.0


def test_the_form_is_rewarded_whatever_the_answer() -> None:
    answers = ['So {"output": 8}', '```json\n{"output": 9}\n```', '{"output": 9}, I think', "9", '{"input": 9}']
    assert reward(answers, "output", format_reward)[0] == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert well_formed('<think>{"output": 1} or so</think> {"output": 2}', "output") == 1.0
    assert well_formed('{"output": {"output": [' * 20_000, "output") == 0.0


@given(JSON_VALUES, JSON_VALUES)
def test_closeness_is_a_share_and_whole_for_equal_values(one: Any, other: Any) -> None:
    assert 0.0 <= closeness(one, other) <= 1.0
    assert closeness(one, one) == 1.0
    assert 0.0 <= partial_credit("output", encode(other), "wrong_output", encode(one), None) < 1.0


def test_closeness_of_huge_values_is_found_soon() -> None:
    assert closeness(10**4000, 1) == 0.0 and closeness([0.0] * 10**6, [0.0] * 10**6) < 1.0
    assert closeness("ab" * 10**6, "ab" * 10**6 + "c") > 0.0
    assert closeness([10**4000, 1.5], [10**4000, 1.5]) > 0.4


@pytest.mark.parametrize("function", [execution_reward, partial_reward, format_reward])
@pytest.mark.parametrize("task", ["output", "input"])
def test_a_reward_is_a_number_whatever_a_completion_holds(function: Any, task: Task) -> None:
    answers = [None, "", "{" * 5000, '{"output": "\ud800"}', '{"output": 1e999}', ["a part"], 5, '{"input": {"x": 3}}']
    rewards, _ = reward(answers, task, function)
    assert len(rewards) == len(answers) and all(math.isfinite(value) for value in rewards)
    assert rewards[-1] == float(task == "input")


@pytest.mark.parametrize("changed", [{"output": "{"}, {"input": None}, {"output": 9}, {"code": None}, {"task": "both"}])
def test_a_row_that_is_none_gets_no_reward(changed: dict[str, Any]) -> None:
    rewards, logged = reward(['{"output": 9}'], changed.pop("task", "output"), **changed)
    assert rewards == [0.0] and logged == {"verdict/unjudged": 1.0}


def test_a_judge_that_is_gone_teaches_nothing(local: None, capsys: pytest.CaptureFixture[str]) -> None:
    module._service = Client("http://127.0.0.1:9", patience_s=0.1)
    rewards, logged = reward(['{"output": 9000}', '{"output": 9}'], "output", code="# gone\n" + CODE)
    assert rewards == [0.0, 0.0] and logged == {"verdict/unjudged": 1.0}
    assert "2 completions are not judged" in capsys.readouterr().err


def test_a_judge_that_is_not_there_is_found_at_the_start(local: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_AT_START_S", 0.1)
    use_service(None)  # its verdict is remembered, and must not stand for the service's
    with pytest.raises(ConfigError, match=r"verifier_url: http://127.0.0.1:9: cannot be reached"):
        use_service("http://127.0.0.1:9")


def test_the_service_gives_the_rewards_of_the_sandbox(local: None) -> None:
    """Other code than in the tests above, of which verdicts may be remembered."""
    answers = ['{"input": {"x": 3}}', '{"input": {"x": 4}}', '{"output": 9}', "none"]
    found = {}
    with running("--workers", "1") as service:
        for url in (None, service.url):
            use_service(url)
            found[url] = [reward(answers, task, code=f"# {url}\n{CODE}")[0] for task in ("output", "input")]
    assert found[None] == found[service.url] == [[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]


def test_the_sandbox_belongs_to_a_thread_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where namespaces are missing, sandboxed processes die with the thread that started them."""
    opened: list[threading.Thread] = []

    class Recorded(module.Sandbox):
        def __enter__(self) -> Any:
            opened.append(threading.current_thread())
            return super().__enter__()

    if module._thread is not None:
        module._end(module._thread)
    monkeypatch.setattr(module, "Sandbox", Recorded)
    results: list[list[float]] = []
    for number in range(2):  # each in an event loop of a thread that ends, as TRL may do it
        code = f"# {number}\n{CODE}"
        caller = threading.Thread(
            target=lambda code=code: results.append(reward(['{"input": {"x": 3}}'], "input", code=code)[0])
        )
        caller.start()
        caller.join()
    assert results == [[1.0], [1.0]]
    assert len(opened) == 1 and opened[0].is_alive()
